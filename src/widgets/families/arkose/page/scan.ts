import type { Place } from '../../../page-kit/family.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import { read } from '../../../page-kit/safe-read.js'
import { has, hostOf, parameter, slice, text } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { arkoseWatch, type Enforcement } from './watch.js'

/** One Arkose, put together from whatever knows of it. */
export interface Widget {
  /** The public key. */
  key: string
  /** The vendor's host that it speaks to. */
  host?: string
  enforcement?: Enforcement
  /** The box that it stands in: an element with `data-pkey`, as older pages have it. */
  box?: Element
  /** The vendor's frame. */
  frame?: Element
  /** The field that holds its session. */
  field?: Element
  /** The browser's list of frames alone tells of it. */
  hinted?: boolean
}

export interface Scene {
  readonly widgets: List<Widget>
  readonly leftOut: number
}

const MOST_FOUND = 1_000

/** The fields that pages read the token from. */
export const FIELDS =
  'input[name="fc-token"],input[name="verification-token"],input[name="FunCaptcha-Token"],' +
  'input#fc-token,input#verification-token,input#FunCaptcha-Token'

const FRAMES = 'iframe[src*="/enforcement."],iframe[src*="/fc/gc/"],iframe[src*="/fc/api/"]'

/** Puts together what the page shows, what the browser knows of frames, and what the vendor's script was told. */
export function gather(place: Place, most: number): Scene {
  const { p, dom } = place
  const { handed } = logOf(place.observer, arkoseWatch)
  const widgets = list<Widget>()
  const roots = dom.roots()
  let leftOut = 0

  for (let index = 0; index < handed.size; index++) addEnforcement(handed[index] as Enforcement)
  each('[data-pkey]', (box) => {
    const key = dom.attribute(box, 'data-pkey')
    if (key && !first((other) => other.box === box)) add({ key, box })
  })
  each('script[src*="/api.js"][src*="/v2/"]', (script) => {
    const src = dom.source(script)
    const key = keyIn(p, src)
    if (key && !known(key)) add(from(key, src))
  })
  each(FIELDS, (field) => {
    const value = dom.value(field)
    const key = part(value, 'pk')
    if (!key) return
    // Of several with one key, it is that of the box that it stands in.
    const widget = first(({ box }) => !!box && dom.contains(box, field)) ?? known(key) ?? add({ key })
    if (!widget) return
    widget.field ??= field
    const host = text(hostOf(p, part(value, 'surl') ?? ''))
    if (host) widget.host ??= host
  })
  each(FRAMES, (frame) => addFrame(dom.attribute(frame, 'src') ?? '', frame))
  for (let index = 0; index < place.frames.size; index++) addFrame(place.frames[index]?.url ?? '')
  return { widgets: standing(), leftOut }

  function each(selector: string, see: (element: Element) => void): void {
    for (let index = 0; index < roots.size; index++) {
      const found = dom.all(roots[index] as Document, selector)
      for (let at = 0; at < found.length && at < MOST_FOUND; at++) see(found[at] as Element)
      leftOut += found.length > MOST_FOUND ? found.length - MOST_FOUND : 0
    }
  }

  function addEnforcement(enforcement: Enforcement): void {
    const src = enforcement.script ? dom.source(enforcement.script) : ''
    const key = keyIn(p, src)
    if (key) add({ ...from(key, src), enforcement })
  }

  function from(key: string, src: string): Widget {
    const host = text(hostOf(p, src))
    return host ? { key, host } : { key }
  }

  function addFrame(src: string, frame?: Element): void {
    if (!has(p, src, '/enforcement.') && !has(p, src, '/fc/')) return
    const key = parameter(p, src, 'pkey') ?? parameter(p, src, 'pk') ?? keyIn(p, src)
    const inBox = frame && first(({ box }) => !!box && dom.contains(box, frame))
    const widget = inBox ?? (key === undefined ? undefined : (known(key) ?? add({ ...from(key, src), hinted: !frame })))
    if (widget && frame) widget.frame ??= frame
  }

  function add(widget: Widget): Widget | undefined {
    if (widgets.size >= MOST_FOUND) {
      leftOut++
      return undefined
    }
    return push(widgets, widget)
  }

  function known(key: string): Widget | undefined {
    return first((other) => other.key === key)
  }

  /** A part of a session's text: `…|pk=…|surl=…`. */
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

  /** Without those that were taken out; at most `most`. */
  function standing(): List<Widget> {
    const kept = list<Widget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as Widget
      if (widget.box && !dom.here(widget.box)) continue
      if (kept.size < most) push(kept, widget)
      else leftOut++
    }
    return kept
  }

  function first(test: (widget: Widget) => boolean): Widget | undefined {
    for (let index = 0; index < widgets.size; index++) if (test(widgets[index] as Widget)) return widgets[index]
    return undefined
  }
}

/** What the page told the enforcement. */
export function setting({ p }: Place, { enforcement }: Widget, name: string): unknown {
  return read(p, enforcement?.params, name)
}

/** The first public key in an address: 32 hexadecimal digits in five groups. */
function keyIn(p: Place['p'], address: string): string | undefined {
  let length = 0
  for (let at = 0; at < address.length && at < 4_096; at++) {
    const sign = address[at] as string
    const dash = length === 8 || length === 13 || length === 18 || length === 23
    const fits = dash
      ? sign === '-'
      : (sign >= '0' && sign <= '9') || (sign >= 'a' && sign <= 'f') || (sign >= 'A' && sign <= 'F')
    length = fits ? length + 1 : 0
    if (length === 36) return slice(p, address, at - 35, at + 1)
  }
  return undefined
}
