import type { Challenge, Variants } from '../base/challenge.js'
import { pageAddress } from './page-address.js'

/** What the form family's fields say of each variant. */
const VARIANT_FIELDS: { readonly [variant in Variants['recaptcha']]: Readonly<Record<string, string>> } = {
  'v2-checkbox': {},
  'v2-invisible': { invisible: '1' },
  v3: { version: 'v3' },
  'enterprise-checkbox': { enterprise: '1' },
  'enterprise-invisible': { enterprise: '1', invisible: '1' },
  'enterprise-score': { enterprise: '1', version: 'v3' },
}

/** The variants that the form family's fields can say. */
export const RECAPTCHA_VARIANTS = Object.keys(VARIANT_FIELDS) as readonly Variants['recaptcha'][]

/** A reCAPTCHA as the form family's fields say it. Enterprise and score variants take an action, and a lowest score. */
export function recaptchaFields(challenge: Challenge): Record<string, string> {
  const fields: Record<string, string> = {
    method: 'userrecaptcha',
    googlekey: challenge.sitekey,
    pageurl: pageAddress(challenge),
    ...VARIANT_FIELDS[challenge.variant as Variants['recaptcha']],
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
