import type { Challenge } from '../base/challenge.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** Turnstile in the form family's fields (https://2captcha.com/2captcha-api#turnstile). */
export const turnstileForm: Method<'turnstile'> = {
  variants: ['turnstile'],
  fields(challenge) {
    const { sitekey, action, cData, pageData } = challenge
    return {
      method: 'turnstile',
      sitekey,
      pageurl: pageAddress(challenge),
      ...(action !== undefined && { action }),
      ...(cData !== undefined && { data: cData }),
      ...(pageData !== undefined && { pagedata: pageData }),
    }
  },
}

/**
 * Turnstile as a task (https://anti-captcha.com/apidoc/task-types/TurnstileTaskProxyless). The fields for the page and
 * the key are the same at all services.
 * @param rest the service's other fields
 */
export function turnstileTask(
  type: string,
  rest: (challenge: Challenge) => Readonly<Record<string, unknown>>,
): Method<'turnstile'> {
  return {
    variants: ['turnstile'],
    fields: (challenge) => ({
      type,
      websiteURL: pageAddress(challenge),
      websiteKey: challenge.sitekey,
      ...given(rest(challenge)),
    }),
  }
}

/** The properties that have a value. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
