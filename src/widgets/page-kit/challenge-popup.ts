import type { PageContext } from './family.js'
import { type List, list, push, remove } from './primordials.js'
import { trimmed } from './text.js'

/** For how long after an injection a vendor's script, which does not know of it, may still open its challenge, ms. */
const HIDE_FOR_MS = 30_000
/** More often than a vendor opens one. A page that shows again and again what we hide wins. */
const MAX_TIMES = 10
const MAX_DEPTH = 20
/** The elements that a vendor's script makes for one challenge are fewer. */
const MAX_PARTS = 20

/** What watches for challenges that open too late. */
const observers = list<MutationObserver>()

/** Whether a challenge is open in one of these frames, which are always there and are moved out of sight until then. */
export function isAnyOpen({ dom }: PageContext, frames: List<Element>): boolean {
  for (let index = 0; index < frames.size; index++) if (dom.visible(frames[index] as Element)) return true
  return false
}

/** Hides a challenge with what its vendor's script has put around it, as that script does once it is solved. */
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
    // What the vendor's script does not show again by itself.
    let hidden: HTMLElement | undefined
    const end = p.now() + HIDE_FOR_MS
    const hide = () => {
      const cover = coverOf(context, frame)
      if (!cover.style.visibility) hidden = cover
      cover.style.visibility = 'hidden'
    }
    const watch = new p.MutationObserver(() => {
      const current = isCurrent()
      if (!current && hidden) hidden.style.visibility = ''
      if (!current || (!hidden && (left === 0 || p.now() > end))) {
        p.apply(p.disconnect, watch, [])
        remove(observers, watch)
      } else if (dom.visible(frame)) {
        left--
        hide()
      }
    })
    if (dom.visible(frame)) hide()
    p.apply(p.observe, watch, [outermostOf(context, frame), { attributes: true, subtree: true }])
    push(observers, watch)
  }
}

/** From now on no challenge is hidden. */
export function stopHidingChallenges({ p }: Pick<PageContext, 'p'>): void {
  for (; observers.size > 0; observers.size--) p.apply(p.disconnect, observers[observers.size - 1], [])
}

/**
 * The outermost element that the vendor's script has made for the challenge: `div`s without a name, in which there is
 * nothing but the challenge and empty `div`s (a backdrop, an arrow). Of these it is the one that the script itself
 * hides. A page may have put the challenge into an element of its own, which is never hidden: its other content would
 * be as well.
 */
function coverOf(context: PageContext, challenge: Element): HTMLElement {
  const { dom } = context
  let cover = challenge as HTMLElement
  let around: Node | null = dom.parent(challenge)
  for (let depth = 0; depth < MAX_DEPTH && dom.isElement(around) && isMadeFor(context, around, challenge); depth++) {
    if (cover === challenge || (around as HTMLElement).style.visibility) cover = around as HTMLElement
    around = dom.parent(around)
  }
  return cover
}

function isMadeFor({ p, dom }: PageContext, around: Element, challenge: Element): boolean {
  if (dom.tag(around) !== 'div' || isNamed(around) || dom.attribute(around, 'style') === undefined) return false
  const inside = dom.inElement(around, '*')
  for (let index = 0; index < inside.length; index++) {
    const element = inside[index] as Element
    if (index >= MAX_PARTS || (element !== challenge && dom.tag(element) !== 'div')) return false
  }
  const textOf = p.describe(Node.prototype, 'textContent')?.get as () => string | null
  return trimmed(p, p.apply(textOf, around, [])) === undefined

  function isNamed(element: Element): boolean {
    return !!dom.attribute(element, 'id') || !!dom.attribute(element, 'class')
  }
}

/** What is observed for a challenge that opens: whatever shows it is an attribute of something around it. */
function outermostOf({ dom }: PageContext, challenge: Element): Element {
  let outermost = challenge
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const above: Node | null = dom.parent(outermost)
    if (above === dom.body() || !dom.isElement(above)) break
    outermost = above
  }
  return outermost
}
