import type { Challenge } from '../base/challenge.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** An Arkose as the form family's fields say it, under its older name. */
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

/** An Arkose as the task family says it. Its data go as the text of an object. */
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
