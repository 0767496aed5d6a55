import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/**
 * CaptchaFox in the form family's fields (https://2captcha.com/api-docs/captchafox, and CaptchaAI's official client:
 * https://pypi.org/project/captchaai/1.0.1/). Both services solve it only through the customer's proxy.
 *
 * @param userAgent the service's name for the browser's user agent
 * @param needed whether the service refuses a task without it
 */
export function captchafoxForm(userAgent: string, needed: boolean): Method<'captchafox'> {
  return {
    variants: ['captchafox'],
    ...(needed && { unsupported: withoutUserAgent }),
    fields: (challenge) => ({
      method: 'captchafox',
      sitekey: challenge.sitekey,
      pageurl: pageAddress(challenge),
      ...(challenge.userAgent !== undefined && { [userAgent]: challenge.userAgent }),
    }),
  }
}

/** The same as a task of 2Captcha's API v2. */
export const captchafoxTask: Method<'captchafox'> = {
  variants: ['captchafox'],
  unsupported: withoutUserAgent,
  fields: (challenge) => ({
    type: 'CaptchaFoxTask',
    websiteURL: pageAddress(challenge),
    websiteKey: challenge.sitekey,
    userAgent: challenge.userAgent,
  }),
}

function withoutUserAgent({ userAgent }: { readonly userAgent?: string | undefined }): string | undefined {
  return userAgent === undefined ? 'a challenge of captchafox without its userAgent' : undefined
}
