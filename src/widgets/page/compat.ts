import type { Place } from './family.js'
import { own } from './walk.js'

/** Whether Turnstile stands in for reCAPTCHA on this page, under its name and in its elements (`compat=recaptcha`). */
export function isTakenByTurnstile({ p, dom }: Place): boolean {
  const turnstile = own(p, window, 'turnstile')
  if (turnstile !== undefined) return own(p, window, 'grecaptcha') === turnstile
  return dom.all(document, 'script[src*="/turnstile/"][src*="compat=recaptcha"]').length > 0
}
