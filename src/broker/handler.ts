import type { CallbackReceiver } from '../guard/hosting.js'
import type { OwnInterface } from './api.js'
import { servicePrefix } from './dialects.js'
import { withForwarded } from './forwarded.js'
import { addressOf, isFromBrowser, withoutSlashes } from './read-request.js'
import { type BrokerHandler, jsonReply, type TextResponse, textReply } from './types.js'
import type { ServiceInterface } from './wires.js'

/** What the handler is made of. */
export interface HandlerParts {
  readonly services: ServiceInterface
  readonly own: OwnInterface
  /** Takes the call-backs of the services. @default none are waited for */
  readonly callbacks?: CallbackReceiver | undefined
}

/**
 * The whole broker as a function from request to response: first the call-backs of the services, then the broker's own
 * interface, then those of the services. It knows no socket: a server, a proxy and an interception in the process call
 * the same function.
 */
export function createHandler({ services, own, callbacks }: HandlerParts): BrokerHandler {
  return (sent) => {
    if (callbacks?.isFor(sent.url)) return callbacks.receive(sent.method, sent.url)
    const request = withForwarded(sent)
    if (isFromBrowser(request)) {
      return textReply(403, 'This broker answers no requests that a browser makes for a page.')
    }
    const address = addressOf(request)
    if (!address) return replyToBadBody(request.url, 400)
    const reply = own.handle(request, address.path)
    if (reply) return reply
    const { service, path } = servicePrefix(address.path)
    return services.handle(request, path, address.query, service)
  }
}

const NO_PLAIN_PROXY = 'No requests for other addresses are answered here: clients use https and HTTPS_PROXY.'

/**
 * The reply to a request that could not be read: too long, or cut off; and the last resort where answering failed. In
 * the form that clients of the path expect.
 */
export function replyToBadBody(url: string, status: number): TextResponse {
  const isTooLong = status === 413
  const [code, sentence] = isTooLong
    ? ['ERROR_TOO_BIG_CAPTCHA_FILESIZE', 'A request has at most 2 MiB.']
    : status < 500
      ? ['ERROR_BAD_PARAMETERS', 'The request could not be read.']
      : ['ERROR_INTERNAL_SERVER_ERROR', 'The broker failed to answer; nothing is known of this request.']
  if (/^https?:\/\//i.test(url)) return textReply(status, NO_PLAIN_PROXY)
  const { path } = servicePrefix(withoutSlashes(url.replace(/[?#].*$/s, '')))
  if (path === '/in.php' || path === '/res.php') return textReply(200, code)
  if (/^\/[a-zA-Z]+$/.test(path)) {
    return jsonReply(200, { errorId: isTooLong ? 4 : 110, errorCode: code, errorDescription: sentence })
  }
  return textReply(status, sentence)
}
