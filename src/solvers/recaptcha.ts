import type { Challenge, Variants } from '../base/challenge.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

type Variant = Variants['recaptcha']

/** What the form family's fields say of each variant. */
const VARIANT_FIELDS: { readonly [variant in Variant]: Readonly<Record<string, string>> } = {
  'v2-checkbox': {},
  'v2-invisible': { invisible: '1' },
  v3: { version: 'v3' },
  'enterprise-checkbox': { enterprise: '1' },
  'enterprise-invisible': { enterprise: '1', invisible: '1' },
  'enterprise-score': { enterprise: '1', version: 'v3' },
}

const VARIANTS = Object.keys(VARIANT_FIELDS) as readonly Variant[]

/** A reCAPTCHA as the form family's fields say it. Enterprise and score variants take an action, and a lowest score. */
export const recaptchaForm: Method<'recaptcha'> = {
  variants: VARIANTS,
  fields(challenge) {
    const { variant, sitekey, action, minScore, dataS } = challenge
    const fields: Record<string, string> = {
      method: 'userrecaptcha',
      googlekey: sitekey,
      pageurl: pageAddress(challenge),
      ...VARIANT_FIELDS[variant as Variant],
    }
    if (dataS !== undefined) fields['data-s'] = dataS
    if (action !== undefined && variant !== 'v2-checkbox' && variant !== 'v2-invisible') fields.action = action
    if (minScore !== undefined && fields.version === 'v3') fields.min_score = String(minScore)
    if (isRecaptchaNet(challenge)) fields.domain = 'recaptcha.net'
    return fields
  },
}

/** What one service of the task family calls things. */
export interface RecaptchaTaskNames {
  readonly v2: string
  readonly enterprise: string
  readonly v3: string
  /** Absent where it is a v3 with `isEnterprise`. */
  readonly v3Enterprise?: string
  /** Where `data-s` goes in a v2 that is not Enterprise; an Enterprise one has it in `enterprisePayload`. */
  readonly dataS: 'recaptchaDataSValue' | 'enterprisePayload'
  /** How the host recaptcha.net is named in `apiDomain`. */
  readonly recaptchaNet: string
  /** Whether a checkbox of Enterprise may have a `pageAction`. */
  readonly enterpriseAction: boolean
}

/** The lowest of the scores one can ask for that passes the threshold of 0.5 that Google recommends to sites. */
const DEFAULT_MIN_SCORE = 0.7

/** A reCAPTCHA as the task family says it. */
export function recaptchaTask(names: RecaptchaTaskNames): Method<'recaptcha'> {
  return {
    variants: VARIANTS,
    fields(challenge) {
      const { variant, sitekey, action, minScore, dataS } = challenge
      const fields: Record<string, unknown> = { websiteURL: pageAddress(challenge), websiteKey: sitekey }
      if (isRecaptchaNet(challenge)) fields.apiDomain = names.recaptchaNet
      if (variant === 'v3' || variant === 'enterprise-score') {
        fields.minScore = minScore ?? DEFAULT_MIN_SCORE
        if (action !== undefined) fields.pageAction = action
        if (variant === 'v3') return { type: names.v3, ...fields }
        return names.v3Enterprise
          ? { type: names.v3Enterprise, ...fields }
          : { type: names.v3, ...fields, isEnterprise: true }
      }
      const isEnterprise = variant === 'enterprise-checkbox' || variant === 'enterprise-invisible'
      if (variant === 'v2-invisible' || variant === 'enterprise-invisible') fields.isInvisible = true
      if (dataS !== undefined) {
        if (isEnterprise || names.dataS === 'enterprisePayload') fields.enterprisePayload = { s: dataS }
        else fields.recaptchaDataSValue = dataS
      }
      if (isEnterprise && action !== undefined && names.enterpriseAction) fields.pageAction = action
      return { type: isEnterprise ? names.enterprise : names.v2, ...fields }
    },
  }
}

function isRecaptchaNet({ apiHost }: Challenge): boolean {
  return apiHost !== undefined && /^(?:www\.)?recaptcha\.net$/i.test(apiHost)
}
