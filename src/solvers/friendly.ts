import type { Method } from './offer.js'
import { pageAddress } from './page-address.js'

/**
 * The services' references know one Friendly Captcha, and it is version 1 that their examples show: a token of the one is
 * nothing to the other.
 */
const variants: Method<'friendly'>['variants'] = ['v1']

/** A Friendly Captcha as the form family's fields say it. */
export const friendlyForm: Method<'friendly'> = {
  variants,
  fields: (challenge) => ({
    method: 'friendly_captcha',
    sitekey: challenge.sitekey,
    pageurl: pageAddress(challenge),
  }),
}

/** A Friendly Captcha as the task family says it. */
export const friendlyTask: Method<'friendly'> = {
  variants,
  fields: (challenge) => ({
    type: 'FriendlyCaptchaTaskProxyless',
    websiteURL: pageAddress(challenge),
    websiteKey: challenge.sitekey,
  }),
}
