import type { Family } from '../../base/challenge.js'
import type { SolveguardError } from '../../base/errors.js'
import type { Solution } from '../../guard/types.js'
import type { FoundChallenge } from '../../widgets/widget.js'

// The result shapes of puppeteer-extra-plugin-recaptcha: scripts that were written for it read these fields.
// https://github.com/berstend/puppeteer-extra/tree/master/packages/puppeteer-extra-plugin-recaptcha

/** A widget. */
export interface CaptchaInfo {
  /** The family, such as `recaptcha`. */
  _vendor: Family
  /** Identifies the widget for as long as its document exists. */
  id: string
  /** Its sitekey. */
  sitekey: string
  /** The value of `data-s`, if it has one. */
  s?: string | undefined
  /** The page's action, if it has one. */
  action?: string | undefined
  /** Whether it is reCAPTCHA Enterprise. */
  isEnterprise: boolean
  /** Whether a person would see it. */
  isInViewport: boolean
  /** Whether it has no checkbox. */
  isInvisible: boolean
  /** Whether the page has executed it. */
  hasActiveChallengePopup: boolean
  /** What it shows: a checkbox, nothing until it is executed, or nothing at all. */
  _type: 'checkbox' | 'invisible' | 'score'
  /** Always true: every widget is solved where the page reads its answer. */
  hasResponseElement: boolean
  /** The URL of its frame, or of the page. */
  url: string
}

/** A widget that the options leave alone, and the option with which it would be solved. */
export interface FilteredCaptcha extends CaptchaInfo {
  /** Always true. */
  filtered: true
  /** The option with which it would be solved. */
  filteredReason: 'solveScoreBased' | 'solveInactiveChallenges'
}

/** A solve and its solution. `text`, the token, is not enumerable: it is not printed and not serialized. */
export interface CaptchaSolution {
  /** The family, such as `recaptcha`. */
  _vendor: Family
  /** The id of the widget. */
  id: string
  /** `solveguard`. */
  provider?: string | undefined
  /** The service's id of the task. */
  providerCaptchaId?: string | undefined
  /** The token. Not enumerable. */
  text?: string | undefined
  /** When the solve started. */
  requestAt?: Date | undefined
  /** When the solution was there. */
  responseAt?: Date | undefined
  /** Seconds. */
  duration?: number | undefined
  /** `CODE: message`, if there is no solution. */
  error?: string | undefined
  /** Whether there is a solution. */
  hasSolution: boolean
}

/** A widget that was answered. */
export interface CaptchaSolved {
  /** The family, such as `recaptcha`. */
  _vendor: Family
  /** The id of the widget. */
  id: string
  /** Whether the answer is where the page reads it. */
  responseElement: boolean
  /** Whether the page was notified. */
  responseCallback: boolean
  /** When the answer was injected. */
  solvedAt?: Date | undefined
  /** `CODE: message`, if it was not injected. */
  error?: string | undefined
  /** Whether the widget has its answer. */
  isSolved: boolean
}

/** The result of `findRecaptchas`. */
export interface FindRecaptchasResult {
  /** The widgets to solve. */
  captchas: CaptchaInfo[]
  /** The widgets that the options leave alone. */
  filtered: FilteredCaptcha[]
  /** `CODE: message`, or null. */
  error: string | null
}

/** The result of `getRecaptchaSolutions`. */
export interface GetSolutionsResult {
  /** One for each widget. */
  solutions: CaptchaSolution[]
  /** The first error, or null. */
  error: string | null
}

/** The result of `enterRecaptchaSolutions`. */
export interface EnterRecaptchaSolutionsResult {
  /** One for each solution. */
  solved: CaptchaSolved[]
  /** The first error, or null. */
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
export function toSolved(id: string, _vendor: Family, solvedAt: Date, told: boolean): CaptchaSolved {
  return { _vendor, id, responseElement: true, responseCallback: told, solvedAt, isSolved: true }
}

/** A widget that could not be answered. */
export function toNotSolved(id: string, _vendor: Family, error: string): CaptchaSolved {
  return { _vendor, id, responseElement: false, responseCallback: false, error, isSolved: false }
}
