import type { ApiCall, ApiLog } from '../../../page-kit/api-watch.js'
import { elementsReplacedBy } from '../../../page-kit/compat.js'
import type { FamilyScan, PageContext } from '../../../page-kit/family.js'
import { isLeftOver } from '../../../page-kit/left-over.js'
import { isCopyOf } from '../../../page-kit/originals.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { FrameHint } from '../../../page-kit/protocol.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { has, slice, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'

/** One Turnstile widget, joined from all sources that show it. Every part may be missing. */
export interface TurnstileWidget {
  /** The vendor's widget id: `cf-chl-widget-…`. */
  id?: string
  /** The element around it. */
  element?: Element
  /** The arguments of `render`, as the page has them. */
  params?: object
  /** The parameters of the last `execute`, which replace those of before. */
  executed?: object
  /** Its frame, which is in a closed shadow root. */
  frame?: FrameHint
  /** The page's last call for it. */
  last?: ApiCall['name']
}

export interface TurnstileScan extends FamilyScan<TurnstileWidget> {
  /** Whether it replaces reCAPTCHA. */
  readonly compat: boolean
}

const ID = 'cf-chl-widget-'
const MAX_FOUND = 1_000

/** Joins what the page shows, the browser's list of frames, and the recorded calls. */
export function scanFrame(context: PageContext, max: number): TurnstileScan {
  const { p, dom } = context
  const { calls } = logOf<ApiLog>(context.observer, 'turnstile')
  const widgets = list<TurnstileWidget>()
  const compat = elementsReplacedBy(context) === 'turnstile'
  let omitted = 0
  // Cloudflare's own page, shown before a whole site, is no widget of the site.
  if (own(p, window, '_cf_chl_opt') !== undefined) return { widgets, omitted, compat }

  for (let index = 0; index < calls.size; index++) addRender(calls[index] as ApiCall)
  const roots = dom.roots()
  for (let index = 0; index < roots.size; index++) scanElements(roots[index] as Document)
  for (let index = 0; index < roots.size; index++) scanFields(roots[index] as Document)
  scanFrames()
  for (let index = 0; index < calls.size; index++) {
    const { name, target, params, result } = calls[index] as ApiCall
    const widget = (name === 'render' && findWidget((other) => other.id === result)) || findTarget(target)
    if (!widget) continue
    widget.last = name
    if (name === 'render') delete widget.executed
    else if (name === 'execute' && typeof params === 'object' && params !== null) widget.executed = params
  }
  return { widgets: presentWidgets(), omitted, compat }

  /** `execute` renders as well, if its parameters have a sitekey and its target is no widget yet. */
  function addRender({ name, target, params, result: id }: ApiCall): void {
    if (name !== 'render' && (name !== 'execute' || !trimmed(p, read(p, params, 'sitekey')) || findTarget(target)))
      return
    if (widgets.size >= MAX_FOUND) return
    const element = elementOf(context, target)
    // Rendered again into an element that has one: the vendor's script leaves that widget as it is, and returns its id,
    // or nothing.
    if (typeof id === 'string' && findWidget((other) => other.id === id)) return
    const known = element && findWidget((other) => other.element === element)
    if (known?.id && typeof id !== 'string') return
    const widget = known ?? push(widgets, {})
    if (typeof id === 'string') widget.id = id
    else delete widget.id
    if (element) widget.element = element
    if (typeof params === 'object' && params !== null) widget.params = params
    else delete widget.params
  }

  function scanElements(root: Document): void {
    const found = dom.all(root, `.cf-turnstile[data-sitekey]${compat ? ',.g-recaptcha[data-sitekey]' : ''}`)
    for (let index = 0; index < found.length; index++) {
      const element = found[index] as Element
      if (widgets.size >= MAX_FOUND) {
        omitted += found.length - index
        return
      }
      if (!findWidget((other) => other.element === element)) push(widgets, { element })
    }
  }

  /** The ids of the hidden inputs contain those of the widgets. */
  function scanFields(root: Document): void {
    const found = dom.all(root, `input[id^="${ID}"]`)
    for (let index = 0; index < found.length && widgets.size < MAX_FOUND; index++) {
      const field = found[index] as Element
      const name = dom.attribute(field, 'id') ?? ''
      let end = ID.length
      while (end < name.length && name[end] !== '_') end++
      const id = slice(p, name, 0, end)
      if (isCopyOf(id, field)) continue
      const known = findWidget((other) => other.id === id)
      const around = !known && findWidget((other) => !other.id && !!other.element && dom.contains(other.element, field))
      const parent = dom.parent(field)
      if (around) around.id = id
      else if (!dom.isElement(parent)) continue
      // Rendered into an element by its name, which it has lost since.
      else if (known) known.element ??= parent
      else push(widgets, { id, element: parent })
    }
  }

  function scanFrames(): void {
    const unknown = list<FrameHint>()
    for (let index = 0; index < context.frames.size; index++) {
      const frame = context.frames[index] as FrameHint
      if (!has(p, frame.url, '/turnstile/')) continue
      const widget = findWidget(
        ({ id }) => !!id && (id === frame.name || has(p, frame.url, `/${slice(p, id, ID.length)}/`)),
      )
      if (widget) widget.frame = frame
      else push(unknown, frame)
    }
    for (let index = 0; index < unknown.size; index++) {
      const frame = unknown[index] as FrameHint
      const key = sitekeyIn(p, frame.url)
      const widget = findWidget((other) => !other.frame && !other.id && sitekeyOf(context, other) === key)
      if (widget) widget.frame = frame
      else push(widgets, has(p, frame.name, ID) ? { id: frame.name, frame } : { frame })
    }
  }

  /** The widget of a call's target, as the vendor's script resolves it. */
  function findTarget(target: unknown): TurnstileWidget | undefined {
    if (target === undefined) return lastOf(widgets)
    return findWidget((widget) => matchesTarget(context, widget, target))
  }

  /** The widgets that are still in the page and have a sitekey, at most `max`. */
  function presentWidgets(): List<TurnstileWidget> {
    const kept = list<TurnstileWidget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as TurnstileWidget
      if (widget.last === 'remove' || (widget.element && !dom.isInDocument(widget.element))) continue
      // The vendor's script draws at once: an element that is empty was emptied by the page.
      if (widget.id && widget.element && dom.inElement(widget.element, '*').length === 0) continue
      if (isRemoved(widget) || !sitekeyOf(context, widget)) continue
      if (kept.size < max) push(kept, widget)
      else omitted++
    }
    return kept
  }

  /** Whether nothing shows it: its element has left the page, or the vendor's script will never draw into it. */
  function isRemoved({ id, element, frame }: TurnstileWidget): boolean {
    if (frame) return false
    if (!element) return id !== undefined
    return id === undefined && isLeftOver(context, element, '.cf-turnstile[data-sitekey]', 'turnstile', '/turnstile/')
  }

  function findWidget(test: (widget: TurnstileWidget) => boolean): TurnstileWidget | undefined {
    for (let index = 0; index < widgets.size; index++)
      if (test(widgets[index] as TurnstileWidget)) return widgets[index]
    return undefined
  }
}

/** The widget of a call without a target: the one rendered last. */
export function lastOf(widgets: List<TurnstileWidget>): TurnstileWidget | undefined {
  let last: TurnstileWidget | undefined
  for (let index = 0; index < widgets.size; index++) {
    const widget = widgets[index] as TurnstileWidget
    // Widgets in the page's own HTML are rendered first.
    if (!last || widget.params || !last.params) last = widget
  }
  return last
}

/** Whether a target is this widget: by its id, by a selector, or as its element. */
export function matchesTarget(context: PageContext, { id, element }: TurnstileWidget, target: unknown): boolean {
  if (id !== undefined && target === id) return true
  return element !== undefined && elementOf(context, target) === element
}

function elementOf({ dom }: PageContext, target: unknown): Element | undefined {
  if (typeof target === 'string') return dom.byId(target) ?? dom.select(target)
  return dom.isElement(target) ? target : undefined
}

/** Whether its parameters are known: those of the page's call, or of an element in the page's own HTML. */
export function isSeen({ dom }: PageContext, { params, executed, element }: TurnstileWidget): boolean {
  return (executed ?? params) !== undefined || (!!element && dom.attribute(element, 'data-sitekey') !== undefined)
}

/** A parameter of the widget: from the page's call, else from the element's `data-` attribute. */
export function setting(
  { p, dom }: PageContext,
  { params, executed, element }: TurnstileWidget,
  name: string,
  attribute = name,
): unknown {
  return read(p, executed, name) ?? read(p, params, name) ?? (element && dom.attribute(element, `data-${attribute}`))
}

export function sitekeyOf(context: PageContext, widget: TurnstileWidget): string | undefined {
  return (
    trimmed(context.p, setting(context, widget, 'sitekey')) ?? (widget.frame && sitekeyIn(context.p, widget.frame.url))
  )
}

/** The sitekey in a frame's address: `0x…`, or `1x…` to `3x…` for tests. */
function sitekeyIn(p: PageContext['p'], url: string): string | undefined {
  let from = 0
  for (let at = 0; at <= url.length; at++) {
    if (at < url.length && url[at] !== '/') continue
    const first = url[from] as string
    if (at - from > 15 && at - from < 100 && first >= '0' && first <= '3' && url[from + 1] === 'x') {
      return slice(p, url, from, at)
    }
    from = at + 1
  }
  return undefined
}
