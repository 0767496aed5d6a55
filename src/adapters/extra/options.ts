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

/** What the `use` of puppeteer-extra and of playwright-extra takes. A plain shape: nothing has to be installed for its type. */
export type ExtraPlugin = { _isPuppeteerExtraPlugin: boolean; name: string }

/** What the plugin takes: a guard, and those options of puppeteer-extra-plugin-recaptcha that have a meaning here. */
export interface ExtraOptions<C, P> {
  /** The guard, or a promise of one, which launching waits for: `guard: createGuard({ … })`. */
  guard: Grant | Promise<Grant>
  /** What each browser context may do at most; a function gives each its own. Default: what the guard may. */
  policy?: NarrowingInput | ((context: C) => NarrowingInput | undefined) | undefined
  /** How to get a GeeTest v3 a fresh `challenge`, for `solveCaptchas`. */
  geetestChallenge?: GeetestChallengeProvider<P> | undefined
  /** `find…`, `get…`, `enter…` and `solveRecaptchas` throw where they would return an `error`. */
  throwOnError?: boolean | undefined
  /** `solveRecaptchas` solves widgets that only give a score, too. */
  solveScoreBased?: boolean | undefined
  /** `solveRecaptchas` solves unseen widgets that the page has not set off, too. */
  solveInactiveChallenges?: boolean | undefined
  /** Has no effect: nothing is painted into pages. */
  visualFeedback?: boolean | undefined
  /** Cannot be had; `true` is refused. */
  solveInViewportOnly?: boolean | undefined
  /** Of no use: the guard has its service and its key. A key that is given here is warned of, and not used. */
  provider?: { id?: string; token?: string; fn?: unknown; opts?: unknown } | undefined
}

/** What pages and frames get. */
export interface CaptchaMethods {
  /** The widgets. Spends nothing and changes nothing. */
  findCaptchas(): Promise<readonly FoundChallenge[]>
  /** Solves what is due. */
  solveCaptchas(options?: SolvePageOptions): Promise<SolveResult>
  /** The widgets, as puppeteer-extra-plugin-recaptcha tells of them. */
  findRecaptchas(): Promise<FindRecaptchasResult>
  /** Buys solutions for widgets that `findRecaptchas` gave. */
  getRecaptchaSolutions(captchas: readonly CaptchaInfo[]): Promise<GetSolutionsResult>
  /** Puts solutions in. */
  enterRecaptchaSolutions(solutions: readonly CaptchaSolution[]): Promise<EnterRecaptchaSolutionsResult>
  /** All three. */
  solveRecaptchas(): Promise<SolveRecaptchasResult>
}
