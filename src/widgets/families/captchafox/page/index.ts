import type { PageFamily } from '../../../page-kit/family.js'
import { type RenderedVendor, renderedFamily } from '../../../page-kit/rendered.js'
import { text } from '../../../page-kit/text.js'
import type { CaptchafoxFacts } from './facts.js'

const VENDOR: RenderedVendor = {
  family: 'captchafox',
  api: 'captchafox',
  className: 'captchafox',
  field: 'cf-captcha-response',
  addresses: ['captchafox', '/api.js'],
  explicit: 'explicit',
  callback: ['onVerify', 'callback'],
  expired: ['onExpire', 'expired-callback'],
  removes: 'remove',
  // Its components call it without an id before they render.
  removesFirst: false,
  repeats: 'execute',
  moreFacts: () => ({ userAgent: text(navigator.userAgent) }) satisfies Pick<CaptchafoxFacts, 'userAgent'>,
  waits: (setting) => setting('mode') === 'hidden',
}

/**
 * The page half of CaptchaFox.
 *
 * @see https://docs.captchafox.com/widget-api
 */
export const captchafox: PageFamily = /* @__PURE__ */ renderedFamily(VENDOR)
