import type { ApiCall } from '../../../page-kit/api-watch.js'
import { eitherNotified, invokeCallback } from '../../../page-kit/callback.js'
import { hideChallenges } from '../../../page-kit/challenge-popup.js'
import type { PageFamily } from '../../../page-kit/family.js'
import { addFields } from '../../../page-kit/fields.js'
import { list } from '../../../page-kit/primordials.js'
import type { NotifyResult } from '../../../page-kit/protocol.js'
import { type RenderedVendor, renderedFamily } from '../../../page-kit/rendered.js'

const CHALLENGES = 'iframe[data-testid="advanced-iframe"],iframe[src*="//smartcaptcha."][src*="/advanced"]'

const VENDOR: RenderedVendor = {
  family: 'yandex',
  api: 'smartCaptcha',
  className: 'smart-captcha',
  field: 'smart-token',
  addresses: ['smartcaptcha', '/captcha.js'],
  explicit: 'onload',
  callback: ['callback', 'callback'],
  // There is no callback for it: pages subscribe to the event.
  expired: ['', ''],
  removes: 'destroy',
  removesFirst: true,
  waits: (setting) => setting('invisible') === true || setting('invisible') === 'true',
  // Its script numbers the widgets from 0, and renders those of the page's HTML first.
  idOfElement: (n) => n,
  notify({ p }, calls, { id }, token) {
    let result: NotifyResult = 'no-callback'
    for (let index = 0; index < calls.size; index++) {
      const { name, target, params: event, result: onEvent } = calls[index] as ApiCall
      if (name === 'subscribe' && target === id && event === 'success')
        result = eitherNotified(result, invokeCallback(p, onEvent, [token]))
    }
    return result
  },
  hide(context, stillAnswered) {
    const frames = list<Element>()
    addFields(frames, context.dom.all(document, CHALLENGES))
    hideChallenges(context, frames, stillAnswered)
  },
}

/**
 * The page half of Yandex SmartCaptcha.
 *
 * @see https://yandex.cloud/en/docs/smartcaptcha/concepts/widget-methods
 */
export const yandex: PageFamily = /* @__PURE__ */ renderedFamily(VENDOR)
