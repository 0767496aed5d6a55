import type { Challenge } from '../base/challenge.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

/** A Turnstile as the form family's fields say it. */
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

/** A Turnstile as the task family says it: all name the page and the key alike, and each the rest in its own way. */
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

/** The fields that have a value. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
