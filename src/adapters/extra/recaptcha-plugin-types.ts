import type { Family } from '../../base/challenge.js'

// The result shapes of puppeteer-extra-plugin-recaptcha, under its own names: scripts that were written for it read
// these fields. As there, a key is absent where there is nothing to say.
// https://github.com/berstend/puppeteer-extra/tree/master/packages/puppeteer-extra-plugin-recaptcha

/** The vendor of a widget: any family that solveguard knows. */
export type CaptchaVendor = Family

/** What a widget shows: a checkbox, nothing until it is executed, or nothing at all. */
export type CaptchaType = 'checkbox' | 'invisible' | 'score'

/**
 * `CODE: message`: always a string. Scripts that were written for that plugin also read it as an `Error`, which
 * compiles here, and is undefined as it mostly was there. With `throwOnError`, a `SolveguardError` is thrown instead.
 */
export type RecaptchaError = string & Partial<Error>

/** A widget. */
export interface CaptchaInfo {
  /** The family, such as `recaptcha`. */
  _vendor: CaptchaVendor
  /** Identifies the widget for as long as its document exists. */
  id: string
  /** Its sitekey. */
  sitekey: string
  /** The URL of its frame, or of the page, without its fragment. */
  url: string
  /** What it shows. */
  _type: CaptchaType
  /** Whether it is reCAPTCHA Enterprise. */
  isEnterprise: boolean
  /** Whether what the vendor draws is in the viewport; for families other than reCAPTCHA, whether it can be seen. */
  isInViewport: boolean
  /** Whether it has no checkbox. */
  isInvisible: boolean
  /** reCAPTCHA: the vendor's number of it; from 100,000 for score keys and isolated ones. */
  widgetId?: number
  /** reCAPTCHA: the value of `data-s`, or null. */
  s?: string | null
  /** The page's action, if it has one. */
  action?: string
  /** reCAPTCHA: the name of the page's callback, if it has one; `anonymous` for a function without a name. */
  callback?: string
  /** reCAPTCHA and hCaptcha: how it is drawn, as far as the page has set that. */
  display?: {
    /** `normal`, `compact` or `invisible`. */
    size?: string
    /** `light` or `dark`. */
    theme?: string
  }
  /** reCAPTCHA: whether the page has a field for its answer. */
  hasResponseElement?: boolean
  /** Without a checkbox: whether its challenge is open. */
  hasActiveChallengePopup?: boolean
  /** reCAPTCHA without a checkbox: whether it has a frame for a challenge, shown or not. */
  hasChallengeFrame?: boolean
}

/** A widget that is left alone, and why. */
export interface FilteredCaptcha extends CaptchaInfo {
  /** Always true. */
  filtered: true
  /**
   * The option that decides it. `solveInViewportOnly` also for a checkbox that no person can see, whatever the option
   * is: such a one is never solved.
   */
  filteredReason: 'solveInViewportOnly' | 'solveScoreBased' | 'solveInactiveChallenges'
}

/** A solve and its solution. `text`, the token, is not enumerable: it is not printed and not serialized. */
export interface CaptchaSolution {
  /** The family, such as `recaptcha`. */
  _vendor: CaptchaVendor
  /** The id of the widget. */
  id?: string | undefined
  /** `solveguard`. */
  provider?: string | undefined
  /** The service's id of the task. */
  providerCaptchaId?: string | undefined
  /** The token. Not enumerable: a copy of a solution lacks it, and is entered by its ids all the same. */
  text?: string | undefined
  /** When the solve started. */
  requestAt?: Date | undefined
  /** When the solution was there. */
  responseAt?: Date | undefined
  /** Seconds between the two. */
  duration?: number | undefined
  /** Why there is no solution; absent where there is one, and for a widget that holds an answer already. */
  error?: RecaptchaError | undefined
  /** Whether there is a solution. */
  hasSolution?: boolean | undefined
}

/** A widget into which a solution was entered, or was to be. */
export interface CaptchaSolved {
  /** The family, such as `recaptcha`. */
  _vendor: CaptchaVendor
  /** The id of the widget. */
  id?: string | undefined
  /** reCAPTCHA: whether the answer is in a form field. */
  responseElement?: boolean | undefined
  /** Whether a callback of the page was called, or a call of it that waited has the answer. */
  responseCallback?: boolean | undefined
  /** When the answer was entered. */
  solvedAt?: Date | undefined
  /** Why it was not entered. */
  error?: RecaptchaError | undefined
  /** Whether the widget has its answer. */
  isSolved?: boolean | undefined
}

/** The result of `findRecaptchas`. */
export interface FindRecaptchasResult {
  /** The widgets to solve. */
  captchas: CaptchaInfo[]
  /** The widgets that are left alone. */
  filtered: FilteredCaptcha[]
  /** Why there is no result, or null. */
  error: RecaptchaError | null
}

/** The result of `getRecaptchaSolutions`. */
export interface GetSolutionsResult {
  /** One for each widget that was passed, in that order. */
  solutions: CaptchaSolution[]
  /** The first error, or null. */
  error: RecaptchaError | null
}

/** The result of `enterRecaptchaSolutions`. */
export interface EnterRecaptchaSolutionsResult {
  /** One for each solution, in that order. */
  solved: CaptchaSolved[]
  /** The first error, or null. */
  error: RecaptchaError | null
}

/**
 * The result of `solveRecaptchas`. `solutions[i]` belongs to `captchas[i]`; `solved` has those into which a solution
 * was entered.
 */
export type SolveRecaptchasResult = FindRecaptchasResult & GetSolutionsResult & EnterRecaptchaSolutionsResult
