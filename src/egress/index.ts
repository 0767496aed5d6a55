/** How calls leave for a service. Only this folder reveals a secret. */
export { checkBaseUrl } from '../base/service-url.js'
export { parseProxy } from '../net/proxy.js'
export { createTransport, type TransportOptions, USER_AGENT } from './create.js'
export { type Transport, TransportError } from './transport.js'
