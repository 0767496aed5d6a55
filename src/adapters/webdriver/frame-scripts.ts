import { ELEMENT, type ElementReference } from './session.js'

/**
 * The scripts that the classic driver runs besides those of `widgets/`: bodies of functions, and their replies parsed. They
 * run in the page's own world, so what they say is what the page lets them say.
 */

const MOST_FRAMES = 101
const LONGEST_URL = 8_192
const LONGEST_NAME = 200
const DEEPEST = 50

/**
 * WebdriverIO writes the scripts that it sends into its log, but for those that begin like this: a solution is in some of
 * ours.
 */
const UNLOGGED = '!function(){}();'

/** Gives the value of an expression. */
export const giveValue = (expression: string): string => `${UNLOGGED}return ${expression}`

/**
 * What a frame shows of itself and of the frames right below it, in open shadow roots too. With `true` as its argument it
 * gives the frames' windows, by which the browser names them.
 */
export const LOOK = `${UNLOGGED}
var ids = arguments[0], frames = [], roots = [document], left = 50000
var select = [Document, DocumentFragment].map(function (one) { return one.prototype.querySelectorAll })
for (var r = 0; r < roots.length && r < 100; r++) {
  var all = select[r ? 1 : 0].call(roots[r], '*')
  for (var i = 0; i < all.length && left-- > 0; i++) {
    var one = all[i]
    if (one.shadowRoot instanceof DocumentFragment) roots.push(one.shadowRoot)
    if ((one.localName !== 'iframe' && one.localName !== 'frame') || !one.contentWindow || frames.length >= ${MOST_FRAMES}) continue
    var address = null
    try { address = one.contentWindow.location.href } catch (_) {}
    frames.push([one, ids ? one.contentWindow : null, one.name, address])
  }
}
return [document.documentElement, location.href, frames]`

/** A frame as the document around it shows it. */
export interface ShownFrame {
  readonly element: ElementReference
  /** The browser's name for it, if it was asked for. */
  readonly id: string | undefined
  readonly name: string
  /** Its address; there if the document around it may read it, which is where both have one origin. */
  readonly readable: string | undefined
}

export interface Look {
  /** Another one for another document. */
  readonly document: string
  readonly address: string
  readonly frames: readonly ShownFrame[]
}

export function parseLook(reply: unknown): Look {
  const [root, address, frames] = Array.isArray(reply) ? reply : []
  return {
    document: referenceOf(root)?.[ELEMENT] ?? '',
    address: text(address, LONGEST_URL) ?? '',
    frames: (Array.isArray(frames) ? frames : []).slice(0, MOST_FRAMES).flatMap((frame): ShownFrame[] => {
      const [shown, window, name, readable] = Array.isArray(frame) ? frame : []
      const element = referenceOf(shown)
      if (!element) return []
      const id = text(Object.values(Object(window))[0], LONGEST_NAME)
      return [{ element, id, name: text(name, LONGEST_NAME) ?? '', readable: text(readable, LONGEST_URL) }]
    }),
  }
}

/** Where the current frame stands: at each level from the page down, which of the window's frames. -1 where it is none of them. */
export const PATH = `${UNLOGGED}
var path = [], at = window
for (; at !== top && path.length < ${DEEPEST}; at = at.parent) {
  var around = at.parent, index = around.length
  while (index-- && around[index] !== at);
  path.unshift(around === at ? -1 : index)
  if (path[0] < 0) break
}
return path`

export function parsePath(reply: unknown): readonly number[] {
  return Array.isArray(reply) && reply.length <= DEEPEST && reply.every(Number.isInteger) ? reply : []
}

/** The element of one of the current window's frames, by its number. */
export const FRAME_ELEMENT = `${UNLOGGED}
var roots = [document], left = 50000
for (var r = 0; r < roots.length && r < 100; r++) {
  var all = roots[r].querySelectorAll('*')
  for (var i = 0; i < all.length && left-- > 0; i++) {
    if (all[i].contentWindow && all[i].contentWindow === window[arguments[0]]) return all[i]
    if (all[i].shadowRoot instanceof DocumentFragment) roots.push(all[i].shadowRoot)
  }
}
return null`

export function referenceOf(value: unknown): ElementReference | undefined {
  const id = (value as Partial<ElementReference> | undefined | null)?.[ELEMENT]
  return typeof id === 'string' && id !== '' && id.length <= LONGEST_NAME ? { [ELEMENT]: id } : undefined
}

function text(value: unknown, longest: number): string | undefined {
  return typeof value === 'string' && value.length <= longest ? value : undefined
}
