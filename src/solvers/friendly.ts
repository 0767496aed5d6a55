import { tokenAnswer } from './answers.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** 2Captcha's older API: it takes the version, and the script that the page loads (2captcha.com/api-docs/friendly-captcha). */
export const friendlyForm: Method<'friendly'> = {
  variants: ['v1', 'v2'],
  fields: (challenge) => ({
    method: 'friendly_captcha',
    sitekey: challenge.sitekey,
    pageurl: pageAddress(challenge),
    version: challenge.variant,
    ...(challenge.scriptUrl !== undefined && { module_script: challenge.scriptUrl }),
  }),
}

/** The same in its API v2. */
export const friendlyTask: Method<'friendly'> = {
  variants: ['v1', 'v2'],
  fields: (challenge) => ({
    type: 'FriendlyCaptchaTaskProxyless',
    websiteURL: pageAddress(challenge),
    websiteKey: challenge.sitekey,
    version: challenge.variant,
    ...(challenge.scriptUrl !== undefined && { moduleScript: challenge.scriptUrl }),
  }),
}

/**
 * Anti-Captcha's reference knows one Friendly Captcha, and it is version 1 that its examples show: a token of the one is nothing to
 * the other.
 */
export const friendlyV1Task: Method<'friendly'> = {
  variants: ['v1'],
  fields: (challenge) => ({
    type: 'FriendlyCaptchaTaskProxyless',
    websiteURL: pageAddress(challenge),
    websiteKey: challenge.sitekey,
  }),
}

/** CapMonster Cloud tells the versions apart by the script that the page loads (docs.capmonster.cloud/docs/captchas/friendly-task). */
export const friendlyCustomTask: Method<'friendly'> = {
  variants: ['v1', 'v2'],
  unsupported: ({ scriptUrl }) =>
    scriptUrl === undefined ? 'a challenge of friendly without its scriptUrl' : undefined,
  fields: (challenge) => ({
    type: 'CustomTask',
    class: 'friendly',
    websiteURL: pageAddress(challenge),
    websiteKey: challenge.sitekey,
    metadata: { apiGetLib: challenge.scriptUrl },
  }),
  answer: ({ data, userAgent }) => tokenAnswer((data as { token?: unknown } | null | undefined)?.token, { userAgent }),
}
