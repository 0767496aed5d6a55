import type { Grant, NarrowingInput } from '../../guard/types.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { GeetestChallengeProvider } from '../engine/geetest-challenge.js'
import type { SolveResult } from '../engine/result.js'
import type { SolvePageOptions } from '../engine/solve-page.js'
import type {
  CaptchaInfo,
  CaptchaSolution,
  EnterRecaptchaSolutionsResult,
  FindRecaptchasResult,
  GetSolutionsResult,
  SolveRecaptchasResult,
} from './recaptcha-plugin-types.js'

/**
 * What `use` of puppeteer-extra and of playwright-extra takes. A structural type: neither has to be installed for it.
 */
export type ExtraPlugin = {
  /** Read by puppeteer-extra: true for every plugin. */
  _isPuppeteerExtraPlugin: boolean
  /** `solveguard`. */
  name: string
}

/** The option `provider` of puppeteer-extra-plugin-recaptcha, which the guard replaces. */
export interface ExtraProvider {
  /** The name of a service; ignored. */
  id?: string
  /** A key; ignored, with a process warning. */
  token?: string
  /** A function that solves; refused with `CONFIG_INVALID`. */
  fn?: unknown
  /** Options for such a function; ignored. */
  opts?: unknown
}

/** The plugin's options: a guard, and those options of puppeteer-extra-plugin-recaptcha that have a meaning here. */
export interface ExtraOptions<C, P> {
  /** The guard, or a promise of one, for which launching waits: `guard: createGuard({ … })`. */
  guard: Grant | Promise<Grant>
  /**
   * What each browser context may do at most; a function returns one for each context.
   * @default what the guard may do
   */
  policy?: NarrowingInput | ((context: C) => NarrowingInput | undefined) | undefined
  /**
   * How to get a new `challenge` for GeeTest v3, for `solveCaptchas`.
   * @default the challenge that was found in the page
   */
  geetestChallenge?: GeetestChallengeProvider<P> | undefined
  /**
   * Whether `find…`, `get…`, `enter…` and `solveRecaptchas` throw where they would return an `error`.
   * @default false
   */
  throwOnError?: boolean | undefined
  /**
   * Whether `solveRecaptchas` also solves widgets that only return a score.
   * @default false
   */
  solveScoreBased?: boolean | undefined
  /**
   * Whether `solveRecaptchas` also solves invisible widgets that the page has not executed.
   * @default false
   */
  solveInactiveChallenges?: boolean | undefined
  /**
   * Accepted and ignored: pages are never changed visibly.
   * @default false
   */
  visualFeedback?: boolean | undefined
  /**
   * Not supported; `true` is refused with `CONFIG_INVALID`.
   * @default false
   */
  solveInViewportOnly?: boolean | undefined
  /**
   * Ignored: the guard has its solver and its key. A key in it causes a process warning; a function is refused.
   * @default none
   */
  provider?: ExtraProvider | undefined
}

/** The methods that pages and frames get. */
export interface CaptchaMethods {
  /**
   * Lists the widgets. Spends nothing and changes nothing.
   *
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`
   * @example
   * const widgets = await page.findCaptchas()
   */
  findCaptchas(): Promise<readonly FoundChallenge[]>
  /**
   * Solves what is due. A denial is a result, not a throw, unless `throwOnDenied` is set.
   *
   * @throws SolveguardError `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `GUARD_CLOSED`, `CONFIG_INVALID`
   * @throws DeniedError only with `throwOnDenied`
   * @example
   * const { solved, denied } = await page.solveCaptchas()
   */
  solveCaptchas(options?: SolvePageOptions): Promise<SolveResult>
  /**
   * Lists the widgets, in the shapes of puppeteer-extra-plugin-recaptcha.
   *
   * @throws SolveguardError only with `throwOnError`: as `findCaptchas`
   * @example
   * const { captchas, filtered, error } = await page.findRecaptchas()
   */
  findRecaptchas(): Promise<FindRecaptchasResult>
  /**
   * Buys solutions for widgets from `findRecaptchas`.
   *
   * @throws SolveguardError only with `throwOnError`: `CONFIG_INVALID` (a provider), `WIDGET_GONE` (an unknown id)
   * @throws Error only with `throwOnError`: the first error of a solve, as `CODE: message`
   * @example
   * const { solutions, error } = await page.getRecaptchaSolutions(captchas)
   */
  getRecaptchaSolutions(captchas: readonly CaptchaInfo[]): Promise<GetSolutionsResult>
  /**
   * Injects solutions, bought here or elsewhere.
   *
   * @throws SolveguardError only with `throwOnError`: `WIDGET_GONE` (an unknown id)
   * @throws Error only with `throwOnError`: the first error of a widget, as `CODE: message`
   * @example
   * const { solved, error } = await page.enterRecaptchaSolutions(solutions)
   */
  enterRecaptchaSolutions(solutions: readonly CaptchaSolution[]): Promise<EnterRecaptchaSolutionsResult>
  /**
   * Finds, buys and injects.
   *
   * @throws SolveguardError only with `throwOnError`: as `solveCaptchas`
   * @throws Error only with `throwOnError`: the first error of a solve, as `CODE: message`
   * @example
   * const { solved, error } = await page.solveRecaptchas()
   */
  solveRecaptchas(): Promise<SolveRecaptchasResult>
}
