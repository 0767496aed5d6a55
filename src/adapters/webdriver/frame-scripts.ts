import { ELEMENT, type ElementReference } from './session.js'

/**
 * The scripts that the classic driver runs besides those of `widgets/`: bodies of functions, and their replies parsed. They
 * run in the page's own world, so what they say is what the page lets them say.
 */

const MAX_FRAMES = 101
const MAX_URL_LENGTH = 8_192
const MAX_NAME_LENGTH = 200
const MAX_DEPTH = 50

/**
 * WebdriverIO writes the scripts that it sends into its log, but for those that begin like this: a solution is in some of
 * ours.
 */
const UNLOGGED = '!function(){}();'

/** Gives the value of an expression. */
export const returnValue = (expression: string): string => `${UNLOGGED}return ${expression}`

/**
 * What a frame shows of itself and of the frames right below it, in open shadow roots too. With `true` as its argument it
 * gives the frames' windows, by which the browser names them.
 */
export const SCAN_FRAME = `${UNLOGGED}
var ids = arguments[0], frames = [], roots = [document], left = 50000
var select = [Document, DocumentFragment].map(function (one) { return one.prototype.querySelectorAll })
for (var r = 0; r < roots.length && r < 100; r++) {
  var all = select[r ? 1 : 0].call(roots[r], '*')
  for (var i = 0; i < all.length && left-- > 0; i++) {
    var one = all[i]
    if (one.shadowRoot instanceof DocumentFragment) roots.push(one.shadowRoot)
    if ((one.localName !== 'iframe' && one.localName !== 'frame') || !one.contentWindow || frames.length >= ${MAX_FRAMES}) continue
    var address = null
    try { address = one.contentWindow.location.href } catch (_) {}
    frames.push([one, ids ? one.contentWindow : null, one.name, address])
  }
}
return [document.documentElement, location.href, frames]`

/** A frame as the document around it shows it. */
export interface ChildFrame {
  readonly element: ElementReference
  /** The browser's name for it, if it was asked for. */
  readonly id: string | undefined
  readonly name: string
  /** Its address; there if the document around it may read it, which is where both have one origin. */
  readonly readableUrl: string | undefined
}

export interface FrameScan {
  /** Another one for another document. */
  readonly document: string
  readonly url: string
  readonly frames: readonly ChildFrame[]
}

export function parseFrameScan(reply: unknown): FrameScan {
  const [root, address, frames] = Array.isArray(reply) ? reply : []
  return {
    document: referenceOf(root)?.[ELEMENT] ?? '',
    url: boundedText(address, MAX_URL_LENGTH) ?? '',
    frames: (Array.isArray(frames) ? frames : []).slice(0, MAX_FRAMES).flatMap((frame): ChildFrame[] => {
      const [shown, window, name, readable] = Array.isArray(frame) ? frame : []
      const element = referenceOf(shown)
      if (!element) return []
      const id = boundedText(Object.values(Object(window))[0], MAX_NAME_LENGTH)
      return [
        {
          element,
          id,
          name: boundedText(name, MAX_NAME_LENGTH) ?? '',
          readableUrl: boundedText(readable, MAX_URL_LENGTH),
        },
      ]
    }),
  }
}

/** Where the current frame stands: at each level from the page down, which of the window's frames. -1 where it is none of them. */
export const FRAME_PATH = `${UNLOGGED}
var path = [], at = window
for (; at !== top && path.length < ${MAX_DEPTH}; at = at.parent) {
  var around = at.parent, index = around.length
  while (index-- && around[index] !== at);
  path.unshift(around === at ? -1 : index)
  if (path[0] < 0) break
}
return path`

export function parseFramePath(reply: unknown): readonly number[] {
  return Array.isArray(reply) && reply.length <= MAX_DEPTH && reply.every(Number.isInteger) ? reply : []
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
  return typeof id === 'string' && id !== '' && id.length <= MAX_NAME_LENGTH ? { [ELEMENT]: id } : undefined
}

function boundedText(value: unknown, longest: number): string | undefined {
  return typeof value === 'string' && value.length <= longest ? value : undefined
}
