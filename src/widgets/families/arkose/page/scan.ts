import type { FamilyScan, PageContext } from '../../../page-kit/family.js'
import { isCopyOf } from '../../../page-kit/originals.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import { read } from '../../../page-kit/safe-read.js'
import { has, hostOf, parameter, slice, sourceOf, text, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import type { ArkoseLog, Enforcement } from './watch.js'

/** One Arkose widget, joined from all sources that show it. */
export interface ArkoseWidget {
  /** The public key. */
  key: string
  /** The vendor's host that it calls. */
  host?: string
  enforcement?: Enforcement
  /** The element around it, with `data-pkey`; only older pages have one. */
  box?: Element
  /** The vendor's frame. */
  frame?: Element
  /** The field that holds its session. */
  field?: Element
  /** Its script, where the document has it. */
  script?: Element
  /** Whether the page has copied the box of another one, whose session it has. */
  copied?: boolean
  /** Whether the browser's list of frames is all that shows it. */
  hinted?: boolean
}

export type ArkoseScan = FamilyScan<ArkoseWidget>

const MAX_FOUND = 1_000

/** The fields from which pages read the token. */
export const FIELDS =
  'input[name="fc-token"],input[name="verification-token"],input[name="FunCaptcha-Token"],' +
  'input#fc-token,input#verification-token,input#FunCaptcha-Token'

const FRAMES = 'iframe[src*="/enforcement."],iframe[src*="/fc/gc/"],iframe[src*="/fc/api/"]'

/** Joins what the page shows, the browser's list of frames, and the recorded calls of the vendor's script. */
export function scanFrame(context: PageContext, max: number): ArkoseScan {
  const { p, dom } = context
  const { objects } = logOf<ArkoseLog>(context.observer, 'arkose')
  const widgets = list<ArkoseWidget>()
  const roots = dom.roots()
  let omitted = 0

  for (let index = 0; index < objects.size; index++) addEnforcement(objects[index] as Enforcement)
  forEachElement('[data-pkey]', (box) => {
    const key = trimmed(p, dom.attribute(box, 'data-pkey'))
    if (key && !findWidget((other) => other.box === box)) add({ key, box })
  })
  forEachElement('script[src*="/api.js"][src*="/v2/"]', (script) => {
    const src = sourceOf(p, script)
    const key = keyIn(p, src)
    const widget = key && (known(key) ?? add(from(key, src)))
    if (widget) widget.script ??= script
  })
  forEachElement(FIELDS, (field) => {
    const value = dom.value(field)
    const key = part(value, 'pk')
    if (!key) return
    // Of several widgets with one key, the field belongs to the one whose box is around it.
    const widget = findWidget(({ box }) => !!box && dom.contains(box, field)) ?? known(key) ?? add({ key })
    if (!widget) return
    if (widget.box && isCopyOf(value, widget.box)) widget.copied = true
    widget.field ??= field
    const host = text(hostOf(p, part(value, 'surl') ?? ''))
    if (host) widget.host ??= host
  })
  forEachElement(FRAMES, (frame) => addFrame(dom.attribute(frame, 'src') ?? '', frame))
  for (let index = 0; index < context.frames.size; index++) addFrame(context.frames[index]?.url ?? '')
  return { widgets: presentWidgets(), omitted }

  function forEachElement(selector: string, onElement: (element: Element) => void): void {
    for (let index = 0; index < roots.size; index++) {
      const found = dom.all(roots[index] as Document, selector)
      for (let at = 0; at < found.length && at < MAX_FOUND; at++) onElement(found[at] as Element)
      omitted += found.length > MAX_FOUND ? found.length - MAX_FOUND : 0
    }
  }

  function addEnforcement(enforcement: Enforcement): void {
    const src = enforcement.script ? sourceOf(p, enforcement.script) : ''
    const key = keyIn(p, src)
    if (key) add({ ...from(key, src), enforcement })
  }

  function from(key: string, src: string): ArkoseWidget {
    const host = text(hostOf(p, src))
    return host ? { key, host } : { key }
  }

  function addFrame(src: string, frame?: Element): void {
    if (!has(p, src, '/enforcement.') && !has(p, src, '/fc/')) return
    const key = parameter(p, src, 'pkey') ?? parameter(p, src, 'pk') ?? keyIn(p, src)
    const inBox = frame && findWidget(({ box }) => !!box && dom.contains(box, frame))
    const widget = inBox ?? (key === undefined ? undefined : (known(key) ?? add({ ...from(key, src), hinted: !frame })))
    if (widget && frame) widget.frame ??= frame
  }

  function add(widget: ArkoseWidget): ArkoseWidget | undefined {
    if (widgets.size >= MAX_FOUND) {
      omitted++
      return undefined
    }
    return push(widgets, widget)
  }

  function known(key: string): ArkoseWidget | undefined {
    return findWidget((other) => other.key === key)
  }

  /** One value in the text of a session: `…|pk=…|surl=…`. */
  function part(value: string, name: string): string | undefined {
    let from = 0
    for (let at = 0; at <= value.length; at++) {
      if (at < value.length && value[at] !== '|') continue
      if (has(p, slice(p, value, from, from + name.length + 1), `${name}=`)) {
        const found = slice(p, value, from + name.length + 1, at)
        try {
          return decodeURIComponent(found)
        } catch {
          return found
        }
      }
      from = at + 1
    }
    return undefined
  }

  /** The widgets whose box is still in the page, at most `max`. */
  function presentWidgets(): List<ArkoseWidget> {
    const kept = list<ArkoseWidget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as ArkoseWidget
      if (widget.box && !dom.isInDocument(widget.box)) continue
      if (isReplaced(widget) || isEmptied(widget)) continue
      if (kept.size < max) push(kept, widget)
      else omitted++
    }
    return kept
  }

  /** Whether its frame was in the page, and the page has removed it without a word to the vendor's script. */
  function isEmptied({ enforcement, frame }: ArkoseWidget): boolean {
    if (!enforcement) return false
    if (frame) enforcement.drawn = true
    return !frame && enforcement.drawn === true
  }

  /**
   * Whether a later enforcement has replaced this one: a page that is rendered again loads the script again, and does
   * not notify the first enforcement.
   */
  function isReplaced({ key, enforcement }: ArkoseWidget): boolean {
    if (!enforcement) return false
    let later = false
    for (let index = 0; index < widgets.size; index++) {
      const other = widgets[index] as ArkoseWidget
      if (later && other.key === key && other.enforcement) {
        const { script } = enforcement
        const selector = read(p, enforcement.params, 'selector')
        if (script && !dom.isInDocument(script)) return true
        if (selector !== undefined && selector === read(p, other.enforcement.params, 'selector')) return true
      }
      if (other.enforcement === enforcement) later = true
    }
    return false
  }

  function findWidget(test: (widget: ArkoseWidget) => boolean): ArkoseWidget | undefined {
    for (let index = 0; index < widgets.size; index++) if (test(widgets[index] as ArkoseWidget)) return widgets[index]
    return undefined
  }
}

/** A parameter that the page passed to the enforcement. */
export function setting({ p }: PageContext, { enforcement }: ArkoseWidget, name: string): unknown {
  return read(p, enforcement?.params, name)
}

/** The first public key in an address: 32 hexadecimal digits in five groups. */
function keyIn(p: PageContext['p'], address: string): string | undefined {
  let length = 0
  for (let at = 0; at < address.length && at < 4_096; at++) {
    const char = address[at] as string
    const dash = length === 8 || length === 13 || length === 18 || length === 23
    const fits = dash
      ? char === '-'
      : (char >= '0' && char <= '9') || (char >= 'a' && char <= 'f') || (char >= 'A' && char <= 'F')
    length = fits ? length + 1 : 0
    if (length === 36) return slice(p, address, at - 35, at + 1)
  }
  return undefined
}
