/** How calls leave for a service. Only this folder reveals a secret. */
export { checkBaseUrl } from '../base/service-url.js'
export { createTransport, type TransportOptions, USER_AGENT } from './create.js'
export { parseProxy } from './proxy.js'
export { type Transport, TransportError } from './transport.js'
