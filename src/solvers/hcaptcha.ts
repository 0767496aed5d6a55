import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** hCaptcha in the form family's fields (https://2captcha.com/2captcha-api#solving_hcaptcha). */
export const hcaptchaForm: Method<'hcaptcha'> = {
  variants: ['checkbox', 'invisible'],
  fields(challenge) {
    const { variant, sitekey, rqdata } = challenge
    return {
      method: 'hcaptcha',
      sitekey,
      pageurl: pageAddress(challenge),
      ...(variant === 'invisible' && { invisible: '1' }),
      ...(rqdata !== undefined && { data: rqdata }),
    }
  },
}

/**
 * hCaptcha as a task (https://anti-captcha.com/apidoc/task-types/HCaptchaTaskProxyless). One with `rqdata` is
 * Enterprise.
 */
export const hcaptchaTask: Method<'hcaptcha'> = {
  variants: ['checkbox', 'invisible'],
  fields(challenge) {
    const { variant, sitekey, rqdata } = challenge
    return {
      type: 'HCaptchaTaskProxyless',
      websiteURL: pageAddress(challenge),
      websiteKey: sitekey,
      ...(variant === 'invisible' && { isInvisible: true }),
      ...(rqdata !== undefined && { isEnterprise: true, enterprisePayload: { rqdata } }),
    }
  },
}
