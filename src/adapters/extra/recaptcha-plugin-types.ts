import type { Family } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { Solution } from '../../guard/types.js'
import type { FoundChallenge } from '../../widgets/widget.js'

// The result shapes of puppeteer-extra-plugin-recaptcha: scripts that were written for it read these fields.
// https://github.com/berstend/puppeteer-extra/tree/master/packages/puppeteer-extra-plugin-recaptcha

/** A widget. */
export interface CaptchaInfo {
  _vendor: Family
  id: string
  sitekey: string
  s?: string | undefined
  action?: string | undefined
  isEnterprise: boolean
  /** Whether a person would see it. */
  isInViewport: boolean
  isInvisible: boolean
  /** Whether the page has executed it. */
  hasActiveChallengePopup: boolean
  _type: 'checkbox' | 'invisible' | 'score'
  hasResponseElement: boolean
  url: string
}

/** A widget that the options leave alone, and the option with which it would be solved. */
export interface FilteredCaptcha extends CaptchaInfo {
  filtered: true
  filteredReason: 'solveScoreBased' | 'solveInactiveChallenges'
}

/** A solve and its solution. `text`, the token, is not enumerable: it is not printed and not serialized. */
export interface CaptchaSolution {
  _vendor: Family
  id: string
  provider?: string | undefined
  providerCaptchaId?: string | undefined
  text?: string | undefined
  requestAt?: Date | undefined
  responseAt?: Date | undefined
  /** Seconds. */
  duration?: number | undefined
  error?: string | undefined
  hasSolution: boolean
}

/** A widget that was answered. */
export interface CaptchaSolved {
  _vendor: Family
  id: string
  responseElement: boolean
  responseCallback: boolean
  solvedAt?: Date | undefined
  error?: string | undefined
  isSolved: boolean
}

/** The result of `findRecaptchas`. */
export interface FindRecaptchasResult {
  captchas: CaptchaInfo[]
  filtered: FilteredCaptcha[]
  error: string | null
}

/** The result of `getRecaptchaSolutions`. */
export interface GetSolutionsResult {
  solutions: CaptchaSolution[]
  error: string | null
}

/** The result of `enterRecaptchaSolutions`. */
export interface EnterRecaptchaSolutionsResult {
  solved: CaptchaSolved[]
  error: string | null
}

/** The result of `solveRecaptchas`. */
export type SolveRecaptchasResult = FindRecaptchasResult & GetSolutionsResult & EnterRecaptchaSolutionsResult

/** Which widgets are solved although a person does not have to deal with them now. */
export interface IncludedWidgets {
  /** Those that only return a score. */
  readonly score: boolean
  /** Invisible ones that the page has not executed. */
  readonly inactive: boolean
}

/** A widget in that plugin's shape; if the options leave it alone, with the reason. */
export function toCaptchaInfo(found: FoundChallenge, wanted: IncludedWidgets): CaptchaInfo | FilteredCaptcha {
  const { variant } = found
  const type = /v3|score/.test(variant) ? 'score' : variant.includes('invisible') ? 'invisible' : 'checkbox'
  const info: CaptchaInfo = {
    _vendor: found.family,
    id: found.id,
    sitekey: found.sitekey,
    s: found.dataS,
    action: found.action,
    isEnterprise: variant.startsWith('enterprise'),
    isInViewport: found.visible,
    isInvisible: type !== 'checkbox',
    hasActiveChallengePopup: found.executed,
    _type: type,
    hasResponseElement: true,
    url: found.frameUrl ?? found.pageUrl,
  }
  if (type === 'score' && !wanted.score) return { ...info, filtered: true, filteredReason: 'solveScoreBased' }
  if (type === 'invisible' && !found.executed && !wanted.inactive) {
    return { ...info, filtered: true, filteredReason: 'solveInactiveChallenges' }
  }
  return info
}

/** A solution in that plugin's shape. */
export function toCaptchaSolution(
  { id, family }: FoundChallenge,
  { token, taskId }: Solution,
  requestAt: Date,
  responseAt: Date,
): CaptchaSolution {
  const duration = (responseAt.getTime() - requestAt.getTime()) / 1000
  const solution = {
    _vendor: family,
    id,
    provider: 'solveguard',
    providerCaptchaId: taskId,
    requestAt,
    responseAt,
    duration,
  }
  return Object.defineProperty({ ...solution, hasSolution: true }, 'text', { value: token })
}

/** A solve without a solution. */
export function toFailedSolution({ id, family }: FoundChallenge, error: SolveguardError): CaptchaSolution {
  return { _vendor: family, id, hasSolution: false, error: `${error.code}: ${error.message}` }
}

/** A widget that has its answer now. */
export function toSolved(id: string, _vendor: Family, solvedAt: Date): CaptchaSolved {
  return { _vendor, id, responseElement: true, responseCallback: true, solvedAt, isSolved: true }
}

/** A widget that could not be answered. */
export function toNotSolved(id: string, _vendor: Family, error: string): CaptchaSolved {
  return { _vendor, id, responseElement: false, responseCallback: false, error, isSolved: false }
}
