import { tokenAnswer } from './answers.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/**
 * Friendly Captcha in 2Captcha's form fields, with the version and the page's script
 * (https://2captcha.com/api-docs/friendly-captcha).
 */
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

/** CaptchaAI takes the version, but no script (its official client: https://pypi.org/project/captchaai/1.0.1/). */
export const friendlyVersionForm: Method<'friendly'> = {
  variants: ['v1', 'v2'],
  fields: (challenge) => ({
    method: 'friendly_captcha',
    sitekey: challenge.sitekey,
    pageurl: pageAddress(challenge),
    version: challenge.variant,
  }),
}

/** The same as a task of 2Captcha's API v2. */
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
 * Anti-Captcha documents one Friendly Captcha, and the examples show version 1
 * (https://anti-captcha.com/apidoc/task-types/FriendlyCaptchaTaskProxyless). A token of one version is not valid for
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

/**
 * CapMonster Cloud finds the version by the page's script (https://docs.capmonster.cloud/docs/captchas/friendly-task).
 */
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
