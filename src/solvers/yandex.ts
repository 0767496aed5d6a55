import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** Yandex SmartCaptcha in 2Captcha's form fields (its official client: https://pypi.org/project/2captcha-python/). */
export const yandexForm: Method<'yandex'> = {
  variants: ['checkbox', 'invisible'],
  fields: (challenge) => ({ method: 'yandex', sitekey: challenge.sitekey, pageurl: pageAddress(challenge) }),
}

/**
 * Yandex SmartCaptcha as a task (https://2captcha.com/api-docs/yandex-smart-captcha,
 * https://docs.capsolver.com/en/guide/captcha/YandexCaptcha).
 */
export function yandexTask(type: string): Method<'yandex'> {
  return {
    variants: ['checkbox', 'invisible'],
    fields: (challenge) => ({ type, websiteURL: pageAddress(challenge), websiteKey: challenge.sitekey }),
  }
}
