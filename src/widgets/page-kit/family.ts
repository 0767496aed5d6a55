import type { Dom } from './dom.js'
import { type List, list, type Primordials, push } from './primordials.js'
import type { FrameHint, PageSolution, ProofOfWorkProgress } from './protocol.js'
import type { Observer } from './watcher.js'

/** What a family is given to look around with. */
export interface PageContext {
  readonly p: Primordials
  readonly dom: Dom
  readonly observer: Observer
  /** The vendors' frames right below this one, as the browser knows them: some stand in closed shadow roots. */
  readonly frames: List<FrameHint>
}

/** One widget as it stands in the page right now. */
export interface WidgetView {
  /**
   * Facts for the caller. Strings are clipped, and read with suspicion, on the other side. `hinted`: nothing in the page tells of it, only the
   * browser's list of frames.
   */
  readonly facts: Readonly<Record<string, string | boolean | undefined>>
  /** Whether another look at the page saw this same widget. */
  same(other: WidgetView): boolean
  /** How often the page has set it off, where a challenge that stands open says no more that it has done so anew. */
  executions?(): number
  /** Puts a solution where the page's own code will read it. */
  inject(solution: PageSolution): 'ok' | 'answered' | 'refused'
  /** Tells the page, as the vendor's script would. Called once for each solution. */
  notifyPage(solution: PageSolution): void
  /** No solution will come: lets what was held for it go on. */
  release(): void
  /** For widgets that have the browser work out their answer: how far that has come. Sets it off, if asked to and it rests. */
  proofOfWork?(start: boolean): ProofOfWorkProgress
}

/** One family of widgets, inside the page. */
export interface PageFamily {
  /** Looks for its widgets, at most `most` of them; says how many more there were. */
  scan(context: PageContext, max: number): { readonly views: List<WidgetView>; readonly leftOut: number }
}

/** What a family's `gather` gives, from what it found: each widget described as it stands. One whose page lets nobody look is left out. */
export function viewsOf<W>(
  found: { readonly widgets: List<W>; readonly leftOut: number },
  createView: (widget: W) => WidgetView,
): { readonly views: List<WidgetView>; readonly leftOut: number } {
  const { widgets } = found
  const views = list<WidgetView>()
  let { leftOut } = found
  for (let index = 0; index < widgets.size; index++) {
    try {
      push(views, createView(widgets[index] as W))
    } catch {
      leftOut++
    }
  }
  return { views, leftOut }
}
