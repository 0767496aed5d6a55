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
  /** `recaptcha`, as that of puppeteer-extra-plugin-recaptcha: plugins that depend on it get this one. */
  name: string
  /** The options that are read by each call, and may be changed. They have neither the guard nor a key. */
  opts: ExtraDefaults
  /** Adds the methods to a page; one that was opened before the plugin was used, for example. */
  onPageCreated(page: object): void
}

/** The options that puppeteer-extra-plugin-recaptcha has too, with their defaults filled in. */
export interface ExtraDefaults {
  /** See `ExtraOptions`. */
  visualFeedback: boolean
  /** See `ExtraOptions`. */
  throwOnError: boolean
  /** See `ExtraOptions`. */
  solveInViewportOnly: boolean
  /** See `ExtraOptions`. */
  solveScoreBased: boolean
  /** See `ExtraOptions`. */
  solveInactiveChallenges: boolean
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
   * Whether `get…`, `enter…` and `solveRecaptchas` outline widgets: violet while one is being solved, then green, or
   * red if it was denied or failed, for two seconds. Nothing of it stays in the page.
   * @default false
   */
  visualFeedback?: boolean | undefined
  /**
   * Whether `solveRecaptchas` leaves checkboxes of reCAPTCHA alone that are not inside the viewport. One that no person
   * could see, scrolling, is left alone in any case.
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
   * Buys solutions for widgets from `findRecaptchas`. One that was bought and not entered is returned again, while it
   * is valid.
   *
   * @param captchas as `findRecaptchas` returned them for this page; one of another page, or with another sitekey, is
   *   refused before anything is bought
   * @param provider refused with `CONFIG_INVALID`: the guard has its service
   * @throws SolveguardError only with `throwOnError`: the first error; `CONFIG_INVALID` (a provider), `WIDGET_GONE` (an
   *   unknown id), `CHALLENGE_INVALID` (a changed captcha), and those of `guard.solve`
   * @example
   * const { solutions, error } = await page.getRecaptchaSolutions(captchas)
   */
  getRecaptchaSolutions(captchas: readonly CaptchaInfo[], provider?: ExtraProvider): Promise<GetSolutionsResult>
  /**
   * Injects solutions, bought here or elsewhere.
   *
   * @param solutions as `getRecaptchaSolutions` returned them, or copies of them; or `{ id, text }` with a token from
   *   elsewhere
   * @throws SolveguardError only with `throwOnError`: the first error; `WIDGET_GONE` (an unknown id),
   *   `CHALLENGE_INVALID` (no token), `PAGE_GONE`, `PAGE_UNRESPONSIVE`
   * @example
   * const { solved, error } = await page.enterRecaptchaSolutions(solutions)
   */
  enterRecaptchaSolutions(solutions: readonly CaptchaSolution[]): Promise<EnterRecaptchaSolutionsResult>
  /**
   * Finds, buys and injects.
   *
   * @throws SolveguardError only with `throwOnError`: the first error; those of `solveCaptchas` and `guard.solve`
   * @example
   * const { solved, error } = await page.solveRecaptchas()
   */
  solveRecaptchas(): Promise<SolveRecaptchasResult>
}
