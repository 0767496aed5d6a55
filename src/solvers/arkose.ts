import type { Challenge } from '../base/challenge.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/**
 * Arkose in the form family's fields, under its older name, FunCaptcha
 * (https://2captcha.com/2captcha-api#arkoselabs-funcaptcha).
 */
export const arkoseForm: Method<'arkose'> = {
  variants: ['arkose'],
  fields(challenge) {
    const { sitekey, apiHost, blob } = challenge
    return {
      method: 'funcaptcha',
      publickey: sitekey,
      pageurl: pageAddress(challenge),
      ...(apiHost !== undefined && { surl: `https://${apiHost}` }),
      ...(blob !== undefined && { 'data[blob]': blob }),
    }
  },
}

/**
 * Arkose as a task (https://anti-captcha.com/apidoc/task-types/FunCaptchaTaskProxyless). `data` is an object as JSON
 * text.
 */
export const arkoseTask: Method<'arkose'> = {
  variants: ['arkose'],
  fields(challenge: Challenge) {
    const { sitekey, apiHost, blob } = challenge
    return {
      type: 'FunCaptchaTaskProxyless',
      websiteURL: pageAddress(challenge),
      websitePublicKey: sitekey,
      ...(apiHost !== undefined && { funcaptchaApiJSSubdomain: apiHost }),
      ...(blob !== undefined && { data: JSON.stringify({ blob }) }),
    }
  },
}
