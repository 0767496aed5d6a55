import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** An hCaptcha as the form family's fields say it. */
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

/** An hCaptcha as the task family says it. One with `rqdata` is Enterprise. */
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
