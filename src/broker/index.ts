/** The broker: clients of the solver services with tokens in place of keys. `solveguard/broker`. */
export type { AuthorityFile, CertificateFiles } from './certificate-files.js'
export type { ClientCallbackOptions } from './deliveries.js'
export type { ProxyOptions } from './proxy.js'
export { type Broker, type BrokerOptions, type CloseOptions, startBroker } from './server.js'
export type { TaskCounts } from './tasks.js'
export type { BrokerHandler, BrokerRequest, BrokerResponse, RequestFacts } from './types.js'
