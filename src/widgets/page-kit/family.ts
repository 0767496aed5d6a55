import type { Dom } from './dom.js'
import { type List, list, type Primordials, push } from './primordials.js'
import type { FrameHint, NotifyResult, PageSolution, ProofOfWorkProgress } from './protocol.js'
import type { Observer } from './watcher.js'

/** What a family needs to read and change a frame. */
export interface PageContext {
  readonly p: Primordials
  readonly dom: Dom
  readonly observer: Observer
  /** The vendors' frames directly below this one, as the browser lists them: some are in closed shadow roots. */
  readonly frames: List<FrameHint>
}

/** One widget as it is in the page now. */
export interface WidgetView {
  /**
   * Facts for Node, which clips and checks them: read when it is called, for what a person sees takes the longest to
   * find out, and a solution on its way into the page has no use for it. `hinted`: only the browser's list of frames
   * shows this widget, nothing in the page does. May throw, where the page redefines what is read.
   */
  facts(): Readonly<Record<string, string | boolean | undefined>>
  /**
   * Whether the vendor's script has drawn it. Until then it is an element of the page's own.
   *
   * @default true
   */
  readonly drawn?: boolean
  /** The answer that it holds; empty if there is none. Undefined: the family has none that a copy could have. */
  readonly answer?: string
  /** Whether the answer that it holds is one of ours, whatever its fields have. */
  readonly isOurs?: boolean
  /** What the vendor's API knows it by: its id, or its object. Undefined: by nothing that is known. */
  readonly ownId?: unknown
  /** Whether it is a copy of another one, by what the vendor's script has drawn. */
  readonly copied?: boolean
  /** Whether the page could not load this widget's own script. A `PageFamily` has the one of all its widgets. */
  readonly blocked?: boolean
  /** Whether a view from another scan is of this same widget. */
  same(other: WidgetView): boolean
  /** How often the page has executed it: an open challenge does not show that the page has executed it again. */
  executions?(): number
  /** Puts a solution where the page's own code reads it. */
  inject(solution: PageSolution): 'ok' | 'answered' | 'refused'
  /** Calls the page's callback, as the vendor's script would. Called once for each solution. */
  notifyPage(solution: PageSolution): NotifyResult
  /** No solution will come: releases the calls that were held for it. */
  release(): void
  /** The progress of a proof-of-work widget. Starts it, if `start` is true and it is idle. */
  proofOfWork?(start: boolean): ProofOfWorkProgress
}

/** The script of a vendor, by which it is known that a page could not load it. */
export interface VendorScript {
  /** The properties of the window that it defines. */
  readonly globals: readonly string[]
  /** The custom element that it defines. */
  readonly element?: string
  /** Parts of its addresses. */
  readonly addresses: readonly string[]
}

/** One family of widgets, inside the page. */
export interface PageFamily {
  /** Set where the page's HTML shows a widget before that script has run. */
  readonly script?: VendorScript
  /** Finds its widgets, at most `max` of them, and counts the others. */
  scan(context: PageContext, max: number): FamilyViews
}

export interface FamilyViews {
  readonly views: List<WidgetView>
  /** How many more widgets there are. */
  readonly omitted: number
}

/** The widgets that a family has found, joined from all sources that show them. */
export interface FamilyScan<Widget> {
  readonly widgets: List<Widget>
  /** How many more widgets there are. */
  readonly omitted: number
}

/**
 * The views of the widgets that a scan found. A widget whose view throws, because the page redefines what is read, is
 * left out.
 */
export function viewsOf<Widget>(found: FamilyScan<Widget>, createView: (widget: Widget) => WidgetView): FamilyViews {
  const { widgets } = found
  const views = list<WidgetView>()
  let { omitted } = found
  for (let index = 0; index < widgets.size; index++) {
    try {
      push(views, createView(widgets[index] as Widget))
    } catch {
      omitted++
    }
  }
  return { views, omitted }
}
