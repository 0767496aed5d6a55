import type { PageContext } from './family.js'
import { type List, list, push, remove } from './primordials.js'

/** For how long after an injection a vendor's script, which does not know of it, may still open its challenge, ms. */
const HIDE_FOR_MS = 30_000
/** More often than a vendor opens one. A page that shows again and again what we hide wins. */
const MAX_TIMES = 10

/** What watches for challenges that open too late. */
const observers = list<MutationObserver>()

/** Whether a challenge is open in one of these frames, which are always there and are moved out of sight until then. */
export function isAnyOpen({ dom }: PageContext, frames: List<Element>): boolean {
  for (let index = 0; index < frames.size; index++) if (dom.visible(frames[index] as Element)) return true
  return false
}

/** Hides a challenge with everything that covers the page for it, as the vendors' scripts do once it is solved. */
export function hideChallenge(context: PageContext, challenge: Element): void {
  coverOf(context, challenge).style.visibility = 'hidden'
}

/**
 * Hides the challenge that is open in one of these frames, and one that opens too late: a vendor's script that was
 * waiting for its server during the injection does not know of it.
 *
 * @param isCurrent whether our answer is still the latest
 */
export function hideChallenges(context: PageContext, frames: List<Element>, isCurrent: () => boolean): void {
  const { p, dom } = context
  for (let index = 0; index < frames.size; index++) {
    const frame = frames[index] as Element
    let left = MAX_TIMES
    const end = p.now() + HIDE_FOR_MS
    const watch = new p.MutationObserver(() => {
      if (left === 0 || p.now() > end || !isCurrent()) {
        p.apply(p.disconnect, watch, [])
        remove(observers, watch)
      } else if (dom.visible(frame)) {
        left--
        hideChallenge(context, frame)
      }
    })
    if (dom.visible(frame)) hideChallenge(context, frame)
    p.apply(p.observe, watch, [coverOf(context, frame), { attributes: true, subtree: true }])
    push(observers, watch)
  }
}

/** From now on no challenge is hidden. */
export function stopHidingChallenges({ p }: Pick<PageContext, 'p'>): void {
  for (; observers.size > 0; observers.size--) p.apply(p.disconnect, observers[observers.size - 1], [])
}

/** The outermost element around the challenge, below the body. */
function coverOf({ dom }: PageContext, challenge: Element): HTMLElement {
  let cover = challenge
  for (let depth = 0; depth < 20; depth++) {
    const above: Node | null = dom.parent(cover)
    if (above === dom.body() || !dom.isElement(above)) break
    cover = above
  }
  return cover as HTMLElement
}
