/** How calls leave: the only room that reveals a secret. */
export { checkBaseUrl, isLoopback, type ServiceUrl } from '../base/service-url.js'
export { createTransport, type TransportOptions, USER_AGENT } from './create.js'
export { LARGEST_REPLY_BYTES } from './exchange.js'
export { type ProxyAddress, parseProxy } from './proxy.js'
export { type SendOptions, type Transport, TransportError } from './transport.js'
