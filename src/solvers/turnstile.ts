import type { Challenge } from '../base/challenge.js'
import { pageAddress } from './page-address.js'

/** A Turnstile as the form family's fields say it. */
export function turnstileFields(challenge: Challenge): Record<string, string> {
  const { sitekey, action, cData, pageData } = challenge
  return {
    method: 'turnstile',
    sitekey,
    pageurl: pageAddress(challenge),
    ...(action !== undefined && { action }),
    ...(cData !== undefined && { data: cData }),
    ...(pageData !== undefined && { pagedata: pageData }),
  }
}
