import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** An MTCaptcha as the form family's fields say it. */
export const mtcaptchaForm: Method<'mtcaptcha'> = {
  variants: ['mtcaptcha'],
  fields: (challenge) => ({ method: 'mt_captcha', sitekey: challenge.sitekey, pageurl: pageAddress(challenge) }),
}

/**
 * An MTCaptcha as the task family says it.
 * @param action the name that a service has for the page's action, if it takes one
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
