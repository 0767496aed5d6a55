import type { CallbackFormat } from './services.js'
import { type EncodedReply, replyText, type WireReply } from './wire.js'

/** The request by which a service calls back. */
export interface CallbackRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  /** The content type of `body`; undefined without one. */
  readonly type: string | undefined
  readonly body: string
}

/**
 * The request by which a service reports that a task is done.
 *
 * - `query`: CaptchaAI's GET with `id` and `code`
 *   (https://blog.captchaai.com/captchaai-pingback-task-notification-patterns)
 * - `form`: 2Captcha's POST of a form with `id` and `code`, for both of its APIs
 *   (https://2captcha.com/h/how-to-configure-automatic-response-retrieval-via-pingback)
 * - `json`: a POST of what `getTaskResult` replies, as Anti-Captcha
 *   (https://anti-captcha.com/apidoc/methods/createTask) and CapMonster Cloud document it; CapSolver documents no body
 *
 * @param reply the answer, or the error code, of the task
 * @param polled the same as the reply to a poll
 */
export function callbackRequest(
  url: string,
  format: CallbackFormat,
  id: string,
  reply: WireReply,
  polled: EncodedReply | undefined,
): CallbackRequest {
  const fields = new URLSearchParams({ id, code: replyText(reply) })
  switch (format) {
    case 'query': {
      const to = new URL(url)
      for (const [name, value] of fields) to.searchParams.set(name, value)
      return { method: 'GET', url: to.href, type: undefined, body: '' }
    }
    case 'form':
      return { method: 'POST', url, type: 'application/x-www-form-urlencoded', body: fields.toString() }
    case 'json':
      return { method: 'POST', url, type: polled?.type ?? 'application/json', body: polled?.text ?? '{}' }
  }
}
