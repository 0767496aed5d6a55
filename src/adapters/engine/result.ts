import type { DeniedError, SolveguardError } from '../../base/errors.js'
import type { Solution } from '../../guard/types.js'
import { type Money, micros, ZERO } from '../../policy/money.js'
import type { NotifyFailure } from '../../widgets/notify-failure.js'
import type { UnknownWidget } from '../../widgets/unknown.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { Omitted, PageScan } from './finder.js'
import type { UnnamedFrame } from './named-frames.js'

/**
 * Why nothing was done about a widget, and nothing spent:
 * - `answered`: it has an answer already
 * - `hidden`: a person would not see it
 * - `not-executed`: it works invisibly, and the page has not executed it; an answer would act without the user
 * - `passive`: reCAPTCHA v3, where the policy leaves it alone or the page is not waiting for it; a proof of work that
 *   starts by itself when the form is sent
 * - `not-held`: reCAPTCHA v3 with `recaptchaV3: 'solve'` that the page may have executed before the guard watched it; a
 *   call from now on is held, and `which: 'all'` buys a token for it beforehand
 * - `expired`: an injected solution expired before the page used it, and the policy allows no (more) `renewals`
 * - `blocking-test-key`: its sitekey is a test key that its vendor publishes to fail, and the policy answers test keys
 *   as their vendor documents
 * - `auto-passed`: it was answered by itself within the grace
 * - `copy`: it is a copy of another widget, which its vendor's script does not know
 * - `script-blocked`: the page could not load its vendor's script, or it was empty, or there is none: nothing would use
 *   the answer
 * - `removed`: it was removed within the grace
 */
export type SkipReason =
  | 'answered'
  | 'hidden'
  | 'not-executed'
  | 'passive'
  | 'not-held'
  | 'expired'
  | 'blocking-test-key'
  | 'auto-passed'
  | 'copy'
  | 'script-blocked'
  | 'removed'

/** The outcome of a solve whose solution is in the page. */
export interface SolvedOutcome {
  /** Distinguishes the outcomes. */
  readonly kind: 'solved'
  /** The widget. */
  readonly challenge: FoundChallenge
  /** Its solution, which is in the page. */
  readonly solution: Solution
  /**
   * Whether the page's own code knows of it: its callback was called, a call that waited for the answer has it, or it
   * gave no callback, so what it reads is the form field. Also true where the page ended before it replied, as it does
   * when its callback sends the form.
   */
  readonly told: boolean
  /** Why it does not; set if `told` is false. */
  readonly notifyFailure?: NotifyFailure | undefined
}

/** The outcome of a solve that a layer denied; nothing was spent. */
export interface DeniedOutcome {
  /** Distinguishes the outcomes. */
  readonly kind: 'denied'
  /** The widget. */
  readonly challenge: FoundChallenge
  /** Names the layer, the code, and when another try makes sense. */
  readonly error: DeniedError
}

/** The outcome of a solve that went wrong. */
export interface FailedOutcome {
  /** Distinguishes the outcomes. */
  readonly kind: 'failed'
  /** The widget. */
  readonly challenge: FoundChallenge
  /** What went wrong. */
  readonly error: SolveguardError
  /** Set if a solution was bought that could not be injected. */
  readonly solution?: Solution | undefined
}

/** The outcome for a widget that was left alone. */
export interface SkippedOutcome {
  /** Distinguishes the outcomes. */
  readonly kind: 'skipped'
  /** The widget. */
  readonly challenge: FoundChallenge
  /** Why nothing was done. */
  readonly reason: SkipReason
}

/** The result for one widget. */
export type Outcome = SolvedOutcome | DeniedOutcome | FailedOutcome | SkippedOutcome

/** Something that looks like a widget of no known family. */
export interface SkippedUnknown {
  /** What was seen of it. */
  readonly challenge: UnknownWidget
  /** `unknown`: it is never solved. */
  readonly reason: 'unknown'
}

/** What `solve` left alone: a widget, with the reason; or something that looks like a widget of no known family. */
export type Skipped = Omit<SkippedOutcome, 'kind'> | SkippedUnknown

/** The result for one page. */
export interface SolveResult {
  /**
   * The solution is in the page. `told: false` if the page's own code does not know of it, with the reason; see
   * `SolvedOutcome`. `shared` if another call of `solve` had started it: that call's result counts
   * the cost.
   */
  readonly solved: readonly {
    readonly challenge: FoundChallenge
    readonly solution: Solution
    readonly shared: boolean
    readonly told: boolean
    readonly notifyFailure?: NotifyFailure | undefined
  }[]
  /**
   * A layer denied it; nothing was spent. One without a `challenge` is the denial of the page itself, whose origin the
   * policy does not name: nothing was read in it.
   */
  readonly denied: readonly { readonly challenge?: FoundChallenge | undefined; readonly error: DeniedError }[]
  /** It went wrong. `cost`, in micro-dollars, is set if a solution was bought all the same. */
  readonly failed: readonly {
    readonly challenge: FoundChallenge
    readonly error: SolveguardError
    readonly cost?: Money | undefined
  }[]
  /** Nothing was done: it needs no solution, or is of no known family. */
  readonly skipped: readonly Skipped[]
  /**
   * The frames that were not looked into, because the policy does not name their origin. One without a `frameUrl` is
   * the page itself: then nothing of it was looked into, and `denied` has its denial. `error` is the denial that any
   * widget in it would get.
   */
  readonly unnamed: readonly UnnamedFrame[]
  /**
   * What this call's solutions cost, in micro-dollars. The service may still charge for a solve that was given up (the
   * page navigated, or the solve was aborted): the guard's own status and audit record have that.
   */
  readonly cost: Money
  /** Counts of what the scan left out. */
  readonly omitted: Omitted
}

/** The outcome for a widget, as one call reports it. */
export interface WidgetResult {
  readonly outcome: Outcome
  /** False if another call had started the solve: the cost is in that call's result. */
  readonly started: boolean
}

/** The page itself, if it was not looked into: the policy does not name its origin. */
export function unnamedPage(unnamed: readonly UnnamedFrame[]): UnnamedFrame | undefined {
  return unnamed.find(({ frameUrl }) => frameUrl === undefined)
}

/** Puts the outcomes of one call together. @param ofPage the denial of the page itself */
export function summarize(
  results: readonly WidgetResult[],
  { omitted, unknown, unnamed }: Pick<PageScan, 'omitted' | 'unknown' | 'unnamed'>,
  ofPage?: DeniedError,
): SolveResult {
  const solved: SolveResult['solved'][number][] = []
  const denied: SolveResult['denied'][number][] = ofPage ? [{ error: ofPage }] : []
  const failed: SolveResult['failed'][number][] = []
  const skipped: Skipped[] = []
  let cost: Money = ZERO
  for (const { outcome, started } of results) {
    const { challenge } = outcome
    if (outcome.kind === 'solved') {
      const { solution, told, notifyFailure } = outcome
      solved.push({ challenge, solution, shared: !started, told, ...(notifyFailure && { notifyFailure }) })
      if (started) cost = micros(cost + outcome.solution.cost)
    } else if (outcome.kind === 'denied') denied.push({ challenge, error: outcome.error })
    else if (outcome.kind === 'skipped') skipped.push({ challenge, reason: outcome.reason })
    else {
      failed.push({ challenge, error: outcome.error, cost: outcome.solution?.cost })
      if (started && outcome.solution) cost = micros(cost + outcome.solution.cost)
    }
  }
  for (const challenge of unknown) skipped.push({ challenge, reason: 'unknown' })
  return { solved, denied, failed, skipped, unnamed, cost, omitted }
}
