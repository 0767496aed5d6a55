import type { ApiLog } from './api-watch.js'
import type { PassedObjects } from './object-watch.js'
import { includes, type List, list, type Primordials, push } from './primordials.js'
import type { FrameHint, WindowKey } from './protocol.js'
import { has, slice } from './text.js'
import type { Observer } from './watcher.js'

const KEY = Symbol.for('solveguard' satisfies WindowKey)

/** How many windows above this one are looked at. */
const MAX_WINDOWS = 10
const MAX_FRAMES = 50

/** What a log may have of calls that render into an element. */
interface Records extends Partial<ApiLog>, Partial<PassedObjects> {
  readonly renders?: List<{ readonly container?: unknown; readonly n?: unknown }>
}

/** What other windows have rendered into this document. */
export interface Taken {
  readonly elements: List<Element>
  /** The vendors' ids of the widgets. */
  readonly ids: List<string>
}

/** Calls `use` with each argument that a recorded call renders into, and with the id of the widget. */
export function eachTarget({ logs }: Observer, use: (target: unknown, id?: unknown) => void): void {
  for (const name in logs) {
    const { calls, renders, objects } = (logs[name] ?? {}) as Records
    for (let index = 0; calls && index < calls.size; index++) {
      const call = calls[index]
      if (call?.name === 'render') use(call.target, call.result)
    }
    for (let index = 0; renders && index < renders.size; index++) use(renders[index]?.container)
    for (let index = 0; objects && index < objects.size; index++) use(objects[index]?.lastArguments.appendTo)
  }
}

/**
 * The elements of this document into which the code of another frame of its page, or of the window that opened it, has
 * rendered: portals of React, for example. Those windows' observers have the calls, and report the widgets.
 *
 * @param isHere whether something is an element of this document
 * @param beside the windows of the frames of its page, of its origin
 */
export function takenByOthers(
  observer: Observer,
  isHere: (target: unknown) => target is Element,
  beside: List<Window>,
): Taken {
  const taken: Taken = { elements: list(), ids: list() }
  const lookInto = (other: Window): void => {
    // Throws where the window is of another origin.
    const there = observer.p.describe(other, KEY)?.value as Observer | undefined
    if (!there || there.origin !== observer.origin) return
    eachTarget(there, (target, id) => {
      if (!isHere(target)) return
      if (!includes(taken.elements, target)) push(taken.elements, target)
      if (typeof id === 'string') push(taken.ids, id)
    })
  }
  let at: Window = window
  for (let count = 0; count < MAX_WINDOWS; count++) {
    try {
      const next: unknown = at.parent === at ? at.opener : at.parent
      if (typeof next !== 'object' || next === null || next === window) break
      at = next as Window
      lookInto(at)
    } catch {
      // The next one may be of this origin again.
    }
  }
  for (let index = 0; index < beside.size; index++) {
    try {
      if (beside[index] !== window) lookInto(beside[index] as Window)
    } catch {
      // Its page may have changed its origin.
    }
  }
  return taken
}

/** Whether a frame, as the browser lists it, belongs to what other windows have rendered. */
export function isTakenFrame(
  p: Primordials,
  { elements, ids }: Taken,
  { name, url }: FrameHint,
  framesIn: (element: Element) => ArrayLike<Element>,
): boolean {
  for (let index = 0; index < ids.size; index++) {
    const id = ids[index] as string
    let from = id.length
    while (from > 0 && id[from - 1] !== '-') from--
    // The address has the whole id, or what distinguishes it from others.
    if (name === id || has(p, url, id) || has(p, url, `/${slice(p, id, from)}/`)) return true
  }
  for (let index = 0; index < elements.size; index++) {
    const frames = framesIn(elements[index] as Element)
    for (let at = 0; at < frames.length && at < MAX_FRAMES; at++) {
      const frame = frames[at] as Element
      if (p.apply(p.attribute, frame, ['src']) === url) return true
      if (name !== '' && p.apply(p.attribute, frame, ['name']) === name) return true
    }
  }
  return false
}
