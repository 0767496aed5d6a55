import type { ApiCall } from '../../../page-kit/api-watch.js'
import { elementsReplacedBy } from '../../../page-kit/compat.js'
import type { PageContext } from '../../../page-kit/family.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { FrameHint } from '../../../page-kit/protocol.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { has, slice, text } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { turnstileWatch } from './watch.js'

/** One Turnstile, put together from whatever knows of it. Every part may be missing. */
export interface TurnstileWidget {
  /** The vendor's name for it: `cf-chl-widget-…`. */
  id?: string
  /** The element that it stands in. */
  element?: Element
  /** The arguments of `render`, as the page has them. */
  params?: object
  /** Its frame, which stands in a closed shadow root. */
  frame?: FrameHint
  /** What the page last did about it. */
  last?: ApiCall['name']
}

export interface TurnstileScan {
  readonly widgets: List<TurnstileWidget>
  readonly leftOut: number
  /** Whether it stands in for reCAPTCHA. */
  readonly compat: boolean
}

const ID = 'cf-chl-widget-'
const MAX_FOUND = 1_000

/** Puts together what the page shows, what the browser knows of frames, and what we saw being called. */
export function scanFrame(context: PageContext, max: number): TurnstileScan {
  const { p, dom } = context
  const { calls } = logOf(context.observer, turnstileWatch)
  const widgets = list<TurnstileWidget>()
  const compat = elementsReplacedBy(context) === 'turnstile'
  let leftOut = 0
  // A page that stands before a whole site is Cloudflare's own, and not a widget of the site's.
  if (own(p, window, '_cf_chl_opt') !== undefined) return { widgets, leftOut, compat }

  for (let index = 0; index < calls.size; index++) addRender(calls[index] as ApiCall)
  const roots = dom.roots()
  for (let index = 0; index < roots.size; index++) scanElements(roots[index] as Document)
  for (let index = 0; index < roots.size; index++) scanFields(roots[index] as Document)
  scanFrames()
  for (let index = 0; index < calls.size; index++) {
    const { name, target, result } = calls[index] as ApiCall
    const widget = (name === 'render' && findWidget((other) => other.id === result)) || findTarget(target)
    if (widget) widget.last = name
  }
  return { widgets: presentWidgets(), leftOut, compat }

  /** What `execute` is given may render as well. */
  function addRender({ name, target, params, result: id }: ApiCall): void {
    if (name !== 'render' && (name !== 'execute' || !text(read(p, params, 'sitekey')) || findTarget(target))) return
    if (widgets.size >= MAX_FOUND) return
    const element = elementOf(context, target)
    // Rendered again under a name that it has: the vendor's script leaves that one as it is.
    if (typeof id === 'string' && findWidget((other) => other.id === id)) return
    const widget = (element && findWidget((other) => other.element === element)) ?? push(widgets, {})
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
        leftOut += found.length - index
        return
      }
      if (!findWidget((other) => other.element === element)) push(widgets, { element })
    }
  }

  /** The hidden inputs carry the widgets' names. */
  function scanFields(root: Document): void {
    const found = dom.all(root, `input[id^="${ID}"]`)
    for (let index = 0; index < found.length && widgets.size < MAX_FOUND; index++) {
      const field = found[index] as Element
      const name = dom.attribute(field, 'id') ?? ''
      let end = ID.length
      while (end < name.length && name[end] !== '_') end++
      const id = slice(p, name, 0, end)
      if (findWidget((other) => other.id === id)) continue
      const around = findWidget((other) => !other.id && !!other.element && dom.contains(other.element, field))
      const parent = dom.parent(field)
      if (around) around.id = id
      else if (dom.isElement(parent)) push(widgets, { id, element: parent })
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

  /** The widget that the page means by a target, as the vendor's script understands it. */
  function findTarget(target: unknown): TurnstileWidget | undefined {
    if (target === undefined) return lastOf(widgets)
    return findWidget((widget) => matchesTarget(context, widget, target))
  }

  /** Without those that were taken out, and those that no sitekey is known of; at most `most`. */
  function presentWidgets(): List<TurnstileWidget> {
    const kept = list<TurnstileWidget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as TurnstileWidget
      if (widget.last === 'remove' || (widget.element && !dom.isInDocument(widget.element))) continue
      if (!sitekeyOf(context, widget)) continue
      if (kept.size < max) push(kept, widget)
      else leftOut++
    }
    return kept
  }

  function findWidget(test: (widget: TurnstileWidget) => boolean): TurnstileWidget | undefined {
    for (let index = 0; index < widgets.size; index++)
      if (test(widgets[index] as TurnstileWidget)) return widgets[index]
    return undefined
  }
}

/** Of several widgets, the one that a call without a target means: rendered last. */
export function lastOf(widgets: List<TurnstileWidget>): TurnstileWidget | undefined {
  let last: TurnstileWidget | undefined
  for (let index = 0; index < widgets.size; index++) {
    const widget = widgets[index] as TurnstileWidget
    // Those that stand in the page from the start are rendered first.
    if (!last || widget.params || !last.params) last = widget
  }
  return last
}

/** Whether a target means a widget: by its name, by a selector, or as its element. */
export function matchesTarget(context: PageContext, { id, element }: TurnstileWidget, target: unknown): boolean {
  if (id !== undefined && target === id) return true
  return element !== undefined && elementOf(context, target) === element
}

function elementOf({ dom }: PageContext, target: unknown): Element | undefined {
  if (typeof target === 'string') return dom.byId(target) ?? dom.select(target)
  return dom.isElement(target) ? target : undefined
}

/** A parameter of the widget: from what the page told the script, else from the element's `data-` attribute. */
export function setting(
  { p, dom }: PageContext,
  { params, element }: TurnstileWidget,
  name: string,
  attribute = name,
): unknown {
  return read(p, params, name) ?? (element && dom.attribute(element, `data-${attribute}`))
}

export function sitekeyOf(context: PageContext, widget: TurnstileWidget): string | undefined {
  return text(setting(context, widget, 'sitekey')) ?? (widget.frame && sitekeyIn(context.p, widget.frame.url))
}

/** The part of a frame's address that is a sitekey: `0x…`, or `1x…` to `3x…` for tests. */
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
