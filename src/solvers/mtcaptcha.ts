import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** MTCaptcha in the form family's fields (https://2captcha.com/api-docs/mtcaptcha). */
export const mtcaptchaForm: Method<'mtcaptcha'> = {
  variants: ['mtcaptcha'],
  fields: (challenge) => ({ method: 'mt_captcha', sitekey: challenge.sitekey, pageurl: pageAddress(challenge) }),
}

/**
 * MTCaptcha as a task (https://2captcha.com/api-docs/mtcaptcha).
 * @param action the service's field for the page's action, if it has one
 */
export function mtcaptchaTask(type: string, action?: string): Method<'mtcaptcha'> {
  return {
    variants: ['mtcaptcha'],
    fields: (challenge) => ({
      type,
      websiteURL: pageAddress(challenge),
      websiteKey: challenge.sitekey,
      ...(action !== undefined && challenge.action !== undefined && { [action]: challenge.action }),
    }),
  }
}
