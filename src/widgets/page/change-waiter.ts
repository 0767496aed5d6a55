import type { Dom, Root } from '../page-kit/dom.js'
import { includes, list, push, remove } from '../page-kit/primordials.js'
import type { WaitReply } from '../page-kit/protocol.js'
import { json } from '../page-kit/text.js'
import type { Observer } from '../page-kit/watcher.js'

/** The shortest time between two checks for a change, however busy the page is, ms. */
const MIN_GAP_MS = 50
/** The time between two checks is at least this many times as long as a check takes. */
const GAP_FACTOR = 20
const MAX_WAITS = 20
const FRAMES = 'iframe,frame'
/** What may add a widget, or make it due: new elements, and every attribute that can show or hide one. */
const EVENTS = [
  'readystatechange',
  // What is visible also changes without a mutation: at the end of a transition, by a style sheet that was loaded, a
  // rule for `:checked`, `:focus-within` or `:target`.
  'transitionend',
  'animationend',
  'load',
  'change',
  'click',
  'focusin',
] as const
/** A page has fewer that could have a widget. */
const MAX_FRAMES = 50
const WATCHED: MutationObserverInit = { subtree: true, childList: true, attributes: true }

interface Wait {
  readonly ticket: string
  /** Finds the widgets; what it returns is compared. */
  find(): string
  /** What was found when the wait began. */
  readonly before: string
  end(result: WaitReply['result']): void
}

/**
 * Waits until what is found differs from what was found before. Without a wait nothing runs; during one the document
 * and its open shadow roots are observed, and the vendors' APIs are watched as always.
 */
export class ChangeWaiter {
  readonly #observer: Observer
  readonly #dom: Dom
  readonly #waits = list<Wait>()
  readonly #roots = list<Root>()
  #mutations: MutationObserver | undefined
  #checkedAt = 0
  #gapMs = MIN_GAP_MS
  /** A check is scheduled or running: a change that the check itself causes does not count. */
  #busy = false
  readonly #onChange = () => this.#scheduleCheck()

  constructor(observer: Observer, dom: Dom) {
    this.#observer = observer
    this.#dom = dom
  }

  /** @returns a `WaitReply`: `ended` after `end`, after `ms`, or if there are too many waits */
  wait(ticket: string, ms: number, find: () => string): Promise<string> {
    const { p } = this.#observer
    return new p.Promise<string>((resolve) => {
      if (this.#waits.size >= MAX_WAITS) return resolve(json(p, { result: 'ended' } satisfies WaitReply, 100))
      const wait: Wait = {
        ticket,
        find,
        before: this.#describe(find),
        end: (result) => {
          remove(this.#waits, wait)
          if (this.#waits.size === 0) this.#stopObserving()
          resolve(json(p, { result } satisfies WaitReply, 100))
        },
      }
      push(this.#waits, wait)
      this.#observe()
      this.#observer.onChange = this.#onChange
      for (let index = 0; index < EVENTS.length; index++) {
        p.apply(p.listen, document, [EVENTS[index] as string, this.#onChange, true])
      }
      p.apply(p.listen, window, ['resize', this.#onChange])
      p.apply(p.setTimeout, window, [() => includes(this.#waits, wait) && wait.end('ended'), ms])
    })
  }

  /** Ends the wait that has this ticket. */
  end(ticket: string): void {
    for (let index = this.#waits.size - 1; index >= 0; index--) {
      const wait = this.#waits[index] as Wait
      if (wait.ticket === ticket) wait.end('ended')
    }
  }

  endAll(): void {
    while (this.#waits.size > 0) this.#waits[this.#waits.size - 1]?.end('ended')
  }

  /** New frames count as a change, and frames that become visible: there may be widgets in them. */
  #describe(find: () => string): string {
    let frames = 0
    let seen = ''
    const found = find()
    const roots = this.#dom.roots()
    for (let index = 0; index < roots.size; index++) {
      const all = this.#dom.all(roots[index] as Root, FRAMES)
      for (let at = 0; at < all.length && seen.length < MAX_FRAMES; at++) {
        seen += this.#dom.seen(all[at] as Element, all[at]) ? '1' : '0'
      }
      frames += all.length
    }
    return `${frames} ${seen} ${found}`
  }

  #observe(): void {
    const { p } = this.#observer
    const roots = this.#dom.roots()
    this.#mutations ??= new p.MutationObserver(() => this.#scheduleCheck())
    for (let index = 0; index < roots.size; index++) {
      const root = roots[index] as Root
      if (includes(this.#roots, root)) continue
      push(this.#roots, root)
      p.apply(p.observe, this.#mutations, [root, WATCHED])
    }
  }

  #stopObserving(): void {
    const { p } = this.#observer
    if (this.#mutations) p.apply(p.disconnect, this.#mutations, [])
    this.#mutations = undefined
    this.#roots.size = 0
    delete this.#observer.onChange
    for (let index = 0; index < EVENTS.length; index++) {
      p.apply(p.unlisten, document, [EVENTS[index] as string, this.#onChange, true])
    }
    p.apply(p.unlisten, window, ['resize', this.#onChange])
  }

  /** Checks soon after something happened, and never within the page's own call. */
  #scheduleCheck(): void {
    const { p } = this.#observer
    if (this.#busy || this.#waits.size === 0) return
    this.#busy = true
    const leftMs = this.#checkedAt + this.#gapMs - p.now()
    const find = () => this.#check()
    if (leftMs > 0) p.apply(p.setTimeout, window, [find, leftMs])
    else p.apply(p.microtask, window, [find])
  }

  #check(): void {
    const { p } = this.#observer
    const startedAt = p.now()
    try {
      for (let index = this.#waits.size - 1; index >= 0; index--) {
        const wait = this.#waits[index] as Wait
        if (this.#describe(wait.find) !== wait.before) wait.end('changed')
      }
      if (this.#waits.size > 0) this.#observe()
    } finally {
      this.#busy = false
      this.#checkedAt = p.now()
      const gap = (this.#checkedAt - startedAt) * GAP_FACTOR
      this.#gapMs = gap > MIN_GAP_MS ? gap : MIN_GAP_MS
    }
  }
}
