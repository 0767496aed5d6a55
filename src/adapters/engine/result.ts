import type { DeniedError, SolveguardError } from '../../base/errors.js'
import type { Solution } from '../../guard/types.js'
import { type Money, micros, ZERO } from '../../policy/money.js'
import type { UnknownWidget } from '../../widgets/unknown.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { Omitted } from './finder.js'

/**
 * Why nothing was done about a widget, and nothing spent:
 * - `answered`: it holds an answer already
 * - `hidden`: no person sees it
 * - `not-executed`: it works unseen, and the page has not asked for it; answering would act behind the user's back
 * - `passive`: reCAPTCHA v3, where the policy leaves it alone or the page is not waiting for it; a proof of work that
 *   begins by itself when the form is sent
 * - `expired`: a solution that was put in grew too old before the page used it, and the policy has no (more) `renewals`
 * - `blocking-test-key`: its sitekey is one that the vendor publishes to fail, and the policy answers test keys as they are meant
 * - `auto-passed`: it was answered within the grace
 * - `removed`: it went away within the grace
 */
export type SkipReason =
  | 'answered'
  | 'hidden'
  | 'not-executed'
  | 'passive'
  | 'expired'
  | 'blocking-test-key'
  | 'auto-passed'
  | 'removed'

/** How it went with one widget. */
export type Outcome =
  | { readonly kind: 'solved'; readonly challenge: FoundChallenge; readonly solution: Solution }
  | { readonly kind: 'denied'; readonly challenge: FoundChallenge; readonly error: DeniedError }
  | {
      readonly kind: 'failed'
      readonly challenge: FoundChallenge
      readonly error: SolveguardError
      /** There, if a solution was got, and paid for, that could not be put in. */
      readonly solution?: Solution | undefined
    }
  | { readonly kind: 'skipped'; readonly challenge: FoundChallenge; readonly reason: SkipReason }

/** Something about which nothing was done: a widget, and why; or what looks like one, and is of no family that we know. */
export type Skipped =
  | { readonly challenge: FoundChallenge; readonly reason: SkipReason }
  | { readonly challenge: UnknownWidget; readonly reason: 'unknown' }

/** How it went with a page. */
export interface SolveResult {
  /** In the page, and the page was told. `shared` where another call of `solve` was already at it: its cost is counted there. */
  readonly solved: readonly {
    readonly challenge: FoundChallenge
    readonly solution: Solution
    readonly shared: boolean
  }[]
  /** A layer said no; nothing was spent. */
  readonly denied: readonly { readonly challenge: FoundChallenge; readonly error: DeniedError }[]
  /** Went wrong; `cost` where a solution was got all the same. */
  readonly failed: readonly {
    readonly challenge: FoundChallenge
    readonly error: SolveguardError
    readonly cost?: Money | undefined
  }[]
  /** Needed nothing, or is nothing that we know. */
  readonly skipped: readonly Skipped[]
  /**
   * What this call's solutions cost. A solve that was given up (the page went away, or it was aborted) may still be
   * charged for by the service: the guard's own status and record have that.
   */
  readonly cost: Money
  readonly omitted: Omitted
}

/** How one call did about one widget. */
export interface WidgetResult {
  readonly outcome: Outcome
  /** False where another call had begun it: the cost is in that one's result. */
  readonly started: boolean
}

/** What a call came to. */
export function summarize(
  results: readonly WidgetResult[],
  omitted: Omitted,
  unknown: readonly UnknownWidget[] = [],
): SolveResult {
  const solved: SolveResult['solved'][number][] = []
  const denied: SolveResult['denied'][number][] = []
  const failed: SolveResult['failed'][number][] = []
  const skipped: Skipped[] = []
  let cost: Money = ZERO
  for (const { outcome, started } of results) {
    const { challenge } = outcome
    if (outcome.kind === 'solved') {
      solved.push({ challenge, solution: outcome.solution, shared: !started })
      if (started) cost = micros(cost + outcome.solution.cost)
    } else if (outcome.kind === 'denied') denied.push({ challenge, error: outcome.error })
    else if (outcome.kind === 'skipped') skipped.push({ challenge, reason: outcome.reason })
    else {
      failed.push({ challenge, error: outcome.error, cost: outcome.solution?.cost })
      if (started && outcome.solution) cost = micros(cost + outcome.solution.cost)
    }
  }
  for (const challenge of unknown) skipped.push({ challenge, reason: 'unknown' })
  return { solved, denied, failed, skipped, cost, omitted }
}
