import type { Challenge, Variant } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import { originOf } from '../policy/origin.js'

const VARIANT_FIELDS: Readonly<Record<Variant, Readonly<Record<string, string>>>> = {
  'v2-checkbox': {},
  'v2-invisible': { invisible: '1' },
  v3: { version: 'v3' },
  'enterprise-checkbox': { enterprise: '1' },
  'enterprise-invisible': { enterprise: '1', invisible: '1' },
  'enterprise-score': { enterprise: '1', version: 'v3' },
}

/** Whether the form family's fields can say this challenge; if not, why. */
export function unsupportedRecaptcha(challenge: Challenge): string | undefined {
  if (challenge.family !== 'recaptcha') return `the family ${challenge.family}`
  return Object.hasOwn(VARIANT_FIELDS, challenge.variant) ? undefined : `the variant ${challenge.variant} of reCAPTCHA`
}

/** A reCAPTCHA as the form family's fields say it. Enterprise and score variants take an action, and a lowest score. */
export function recaptchaFields(challenge: Challenge): Record<string, string> {
  const fields: Record<string, string> = {
    method: 'userrecaptcha',
    googlekey: challenge.sitekey,
    pageurl: pageAddress(challenge),
    ...VARIANT_FIELDS[challenge.variant],
  }
  if (challenge.dataS !== undefined) fields['data-s'] = challenge.dataS
  if (challenge.action !== undefined && challenge.variant !== 'v2-checkbox' && challenge.variant !== 'v2-invisible') {
    fields.action = challenge.action
  }
  if (challenge.minScore !== undefined && fields.version === 'v3') fields.min_score = String(challenge.minScore)
  if (challenge.apiHost !== undefined && /^(?:www\.)?recaptcha\.net$/i.test(challenge.apiHost)) {
    fields.domain = 'recaptcha.net'
  }
  return fields
}

/**
 * The address a solver is told: that of the frame in which the widget stands, without user name, password and fragment, which are none of
 * its business.
 * @throws SolveguardError `CHALLENGE_INVALID`
 */
function pageAddress({ pageUrl, frameUrl }: Pick<Challenge, 'pageUrl' | 'frameUrl'>): string {
  const address = originOf(frameUrl ?? pageUrl)
  if (address.ok) return address.told
  const field = frameUrl === undefined ? 'pageUrl' : 'frameUrl'
  throw new SolveguardError('CHALLENGE_INVALID', `The challenge's ${field} is not an http: or https: address.`)
}
