import type { PageContext, WidgetView } from './family.js'
import { type List, list, push, remove } from './primordials.js'
import type { PageSolution } from './protocol.js'

/** For how long a vendor's script may be on its way after its widget was answered, ms. */
const WITHIN_MS = 60_000
/** The shortest time between two looks at a page that changes, ms. */
const GAP_MS = 100

/** What this file does, as the script that has it passes it to the core script. */
export interface LateDrawing {
  readonly fillOnceDrawn: typeof fillOnceDrawn
  readonly stopFilling: typeof stopFilling
}

/** What waits for a vendor's script. */
const observers = list<MutationObserver>()

/**
 * Puts an answer in again once the vendor's script has drawn the widget. A widget may be answered before that, with a
 * test key at once. The script then draws an empty field of its own, and knows of no answer.
 *
 * @param made the fields that were created for it meanwhile
 * @param viewNow the widget as it is now; undefined if it is gone, or has another answer of ours
 */
export function fillOnceDrawn(
  { p, dom }: PageContext,
  solution: PageSolution,
  made: List<Element>,
  viewNow: () => WidgetView | undefined,
): void {
  const expiresAt = p.now() + solution.lifetimeMs
  const end = p.now() + WITHIN_MS
  let waiting = false
  const watch = new p.MutationObserver(() => {
    if (waiting) return
    waiting = true
    p.apply(p.setTimeout, window, [look, GAP_MS])
  })
  p.apply(p.observe, watch, [document, { childList: true, subtree: true }])
  push(observers, watch)

  function look(): void {
    waiting = false
    const inTime = p.now() < end && p.now() < expiresAt
    const view = inTime ? viewNow() : undefined
    if (view?.drawn === false) return
    p.apply(p.disconnect, watch, [])
    remove(observers, watch)
    if (!view) return
    for (let index = 0; index < made.size; index++) dom.remove(made[index] as Element)
    // The widget may have passed by itself since.
    const drawn = viewNow()
    if (!drawn || (drawn.facts().answered && !drawn.isOurs)) return
    drawn.inject({ ...solution, unlessAnswered: !drawn.isOurs, lifetimeMs: expiresAt - p.now() })
  }
}

/** From now on no answer is put in again. */
export function stopFilling({ p }: Pick<PageContext, 'p'>): void {
  for (; observers.size > 0; observers.size--) p.apply(p.disconnect, observers[observers.size - 1], [])
}
