import type { Solution } from '../../guard/types.js'
import type { NotifyResult } from '../../widgets/page-kit/protocol.js'
import type { FoundChallenge, WidgetDetails } from '../../widgets/widget.js'

const known = new WeakMap<FoundChallenge, WidgetDetails>()

/** Keeps the details of a widget that was found, apart from it: solvers and most callers have no use for them. */
export function keepDetails(found: FoundChallenge, details: WidgetDetails | undefined): void {
  if (details) known.set(found, details)
}

/** What the page has of a widget besides, as the scan that found it saw it; undefined for families without details. */
export function detailsOf(found: FoundChallenge): WidgetDetails | undefined {
  return known.get(found)
}

const notified = new WeakMap<Solution, NotifyResult>()

/** Keeps how the page's code was notified of a solution; undefined where the page ended before it replied. */
export function keepNotified(solution: Solution, result: NotifyResult | undefined): void {
  if (result) notified.set(solution, result)
}

/** Whether a callback of the page was called for a solution, or a call that waited for it was answered. */
export function wasCalledBack(solution: Solution): boolean {
  return (notified.get(solution) ?? 'notified') === 'notified'
}
