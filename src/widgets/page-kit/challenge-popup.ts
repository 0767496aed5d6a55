import type { PageContext } from './family.js'
import { type List, list, push, remove } from './primordials.js'

/** For how long after an answer of ours a vendor that has not heard of it may yet open its challenge. */
const HIDE_FOR_MS = 30_000
/** More often than a vendor opens one; a page that shows again what we hide is left to it. */
const MAX_TIMES = 10

/** What waits for challenges that open too late. */
const observers = list<MutationObserver>()

/** Whether a challenge stands open before the user in one of these frames: they are always there, moved out of sight until then. */
export function isAnyOpen({ dom }: PageContext, frames: List<Element>): boolean {
  for (let index = 0; index < frames.size; index++) if (dom.visible(frames[index] as Element)) return true
  return false
}

/** Takes a challenge out of the user's way, as the vendors' scripts do once it is solved: all that was put over the page. */
export function hideChallenge(context: PageContext, challenge: Element): void {
  coverOf(context, challenge).style.visibility = 'hidden'
}

/**
 * Takes the challenge away that stands open in one of these frames, and one that opens too late: a vendor that was still asking its server when
 * we answered does not know of that.
 *
 * @param isCurrent whether our answer is still the last word
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

/** No challenge will be taken away any more. */
export function stopHidingChallenges({ p }: Pick<PageContext, 'p'>): void {
  for (; observers.size > 0; observers.size--) p.apply(p.disconnect, observers[observers.size - 1], [])
}

/** The outermost element that the challenge stands in. */
function coverOf({ dom }: PageContext, challenge: Element): HTMLElement {
  let cover = challenge
  for (let depth = 0; depth < 20; depth++) {
    const above: Node | null = dom.parent(cover)
    if (above === dom.body() || !dom.isElement(above)) break
    cover = above
  }
  return cover as HTMLElement
}
