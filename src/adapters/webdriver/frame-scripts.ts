import { ELEMENT, type ElementReference } from './session.js'

/**
 * The scripts that the classic driver runs besides those of `widgets/`: function bodies, and the parsers of their
 * replies. They run in the page's own world, so their replies are untrusted.
 */

/** One more than the engine scans, so that it notices when frames are omitted. */
export const MAX_FRAMES = 101
const MAX_URL_LENGTH = 8_192
const MAX_NAME_LENGTH = 200
const MAX_DEPTH = 50

/** WebdriverIO logs the scripts that it sends, except those with this prefix. Some of ours contain a solution. */
const UNLOGGED = '!function(){}();'

/** Returns the value of an expression. */
export const returnValue = (expression: string): string => `${UNLOGGED}return ${expression}`

/** Runs a script of several statements. */
export const runScript = (script: string): string => `${UNLOGGED}${script}`

/**
 * Reads a frame and its child frames, those in open shadow roots too. With `true` as its argument it also returns the
 * child frames' windows, whose references hold the browser's frame ids.
 */
export const SCAN_FRAME = `${UNLOGGED}
var ids = arguments[0], frames = [], roots = [document], left = 50000
function bounded(text, max) { return typeof text === 'string' && text.length <= max ? text : null }
var select = [Document, DocumentFragment].map(function (one) { return one.prototype.querySelectorAll })
for (var r = 0; r < roots.length && r < 100; r++) {
  var all = select[r ? 1 : 0].call(roots[r], '*')
  for (var i = 0; i < all.length && left-- > 0; i++) {
    var one = all[i]
    if (one.shadowRoot instanceof DocumentFragment) roots.push(one.shadowRoot)
    if (one.localName !== 'iframe' && one.localName !== 'frame') continue
    if (!one.contentWindow || frames.length >= ${MAX_FRAMES}) continue
    var address = null
    try { address = one.contentWindow.location.href } catch (_) {}
    frames.push([one, ids ? one.contentWindow : null, bounded(one.name, ${MAX_NAME_LENGTH}),
      bounded(address, ${MAX_URL_LENGTH}), bounded(one.src, ${MAX_URL_LENGTH})])
  }
}
return [document.documentElement, frames]`

/** A frame, as its parent document reports it. */
export interface ChildFrame {
  readonly element: ElementReference
  /** The browser's id of it, if that was requested. */
  readonly id: string | undefined
  readonly name: string
  /** The URL that its parent document has put into it. */
  readonly src: string | undefined
  /** Its URL; set if its parent document may read it, so if both have one origin. */
  readonly readableUrl: string | undefined
}

/** What a frame reports of itself and its child frames. */
export interface FrameScan {
  /** Identifies the document. */
  readonly document: string
  readonly frames: readonly ChildFrame[]
}

export function parseFrameScan(reply: unknown): FrameScan {
  const [root, frames] = Array.isArray(reply) ? reply : []
  return {
    document: referenceOf(root)?.[ELEMENT] ?? '',
    frames: (Array.isArray(frames) ? frames : []).slice(0, MAX_FRAMES).flatMap((frame): ChildFrame[] => {
      const [shown, window, name, readable, src] = Array.isArray(frame) ? frame : []
      const element = referenceOf(shown)
      if (!element) return []
      const id = boundedText(Object.values(Object(window))[0], MAX_NAME_LENGTH)
      return [
        {
          element,
          id,
          name: boundedText(name, MAX_NAME_LENGTH) ?? '',
          src: boundedText(src, MAX_URL_LENGTH),
          readableUrl: boundedText(readable, MAX_URL_LENGTH),
        },
      ]
    }),
  }
}

/** The current frame's position: its index in `window.frames` at each level from the page down; -1 if not there. */
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

/** The element of one of the current window's frames, by its index in `window.frames`. */
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

function boundedText(value: unknown, maxLength: number): string | undefined {
  return typeof value === 'string' && value.length <= maxLength ? value : undefined
}
