import type { PageContext } from './family.js'
import type { Primordials } from './primordials.js'
import { own } from './safe-read.js'

type Replacement = 'turnstile' | 'hcaptcha'

/**
 * The vendor whose API has replaced reCAPTCHA's under its name: Turnstile's where a page asks for it
 * (`compat=recaptcha`), hCaptcha's unless a page sets `recaptchacompat=off`.
 *
 * @see https://developers.cloudflare.com/turnstile/migration/recaptcha/
 * @see https://docs.hcaptcha.com/configuration
 */
export function apiReplacedBy(p: Primordials): Replacement | undefined {
  const api = own(p, window, 'grecaptcha')
  if (api === undefined) return undefined
  if (api === own(p, window, 'turnstile')) return 'turnstile'
  return api === own(p, window, 'hcaptcha') ? 'hcaptcha' : undefined
}

/** Whether an element holds a Friendly Captcha, whose script can replace those of reCAPTCHA and hCaptcha as well. */
export function isFriendly(p: Primordials, element: Element): boolean {
  return own(p, element, 'frcWidget') !== undefined
}

/** The vendor whose widgets are, or will be once its script has run, in the elements that are otherwise reCAPTCHA's. */
export function elementsReplacedBy({ p, dom }: PageContext): Replacement | undefined {
  if (own(p, window, 'grecaptcha') !== undefined) return apiReplacedBy(p)
  if (dom.all(document, 'script[src*="/turnstile/"][src*="compat=recaptcha"]').length > 0) return 'turnstile'
  if (dom.all(document, 'script[src*="/recaptcha/"]').length > 0) return undefined
  const scripts = 'script[src*="hcaptcha"][src*="/1/api.js"]:not([src*="recaptchacompat=off"])'
  return dom.all(document, scripts).length > 0 ? 'hcaptcha' : undefined
}
