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
