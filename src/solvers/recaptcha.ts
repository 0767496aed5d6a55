import type { Challenge, Variants } from '../base/challenge.js'
import type { Method } from './capabilities.js'
import { pageAddress } from './page-address.js'

type Variant = Variants['recaptcha']

/** The form family's fields for each variant. */
const VARIANT_FIELDS: { readonly [variant in Variant]: Readonly<Record<string, string>> } = {
  'v2-checkbox': {},
  'v2-invisible': { invisible: '1' },
  v3: { version: 'v3' },
  'enterprise-checkbox': { enterprise: '1' },
  'enterprise-invisible': { enterprise: '1', invisible: '1' },
  'enterprise-score': { enterprise: '1', version: 'v3' },
}

/** Whether the answer of a variant has a score. */
export function isScore(variant: string): boolean {
  return variant === 'v3' || variant === 'enterprise-score'
}

const VARIANTS = Object.keys(VARIANT_FIELDS) as readonly Variant[]

/**
 * reCAPTCHA in the form family's fields (https://2captcha.com/2captcha-api#solving_recaptchav2_new). Enterprise and
 * score variants take an action, score variants a lowest score.
 */
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

/** The names of one service of the task family. */
export interface RecaptchaTaskNames {
  /** The type of a task, here and below. */
  readonly v2: string
  readonly enterprise: string
  readonly v3: string
  /** Absent where an Enterprise v3 is a v3 with `isEnterprise`. */
  readonly v3Enterprise?: string
  /** The field for `data-s` in a v2 that is not Enterprise; an Enterprise one has it in `enterprisePayload`. */
  readonly dataS: 'recaptchaDataSValue' | 'enterprisePayload'
  /** The value of `apiDomain` for the host recaptcha.net. */
  readonly recaptchaNet: string
  /** Whether a checkbox of Enterprise may have a `pageAction`. */
  readonly enterpriseAction: boolean
}

/**
 * The lowest of the scores that can be asked for which passes 0.5, the threshold that Google suggests to sites
 * (https://developers.google.com/recaptcha/docs/v3#interpreting_the_score).
 */
const DEFAULT_MIN_SCORE = 0.7

/** reCAPTCHA as a task (https://anti-captcha.com/apidoc/task-types/RecaptchaV2TaskProxyless). */
export function recaptchaTask(names: RecaptchaTaskNames): Method<'recaptcha'> {
  return {
    variants: VARIANTS,
    fields(challenge) {
      const { variant, sitekey, action, minScore, dataS } = challenge
      const fields: Record<string, unknown> = { websiteURL: pageAddress(challenge), websiteKey: sitekey }
      if (isRecaptchaNet(challenge)) fields.apiDomain = names.recaptchaNet
      if (isScore(variant)) {
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
