import type { ApiCall, ApiLog } from '../../../page-kit/api-watch.js'
import { elementsReplacedBy, isFriendly } from '../../../page-kit/compat.js'
import type { FamilyScan, PageContext } from '../../../page-kit/family.js'
import { isLeftOver } from '../../../page-kit/left-over.js'
import { isCopyOf, isKnownDrawing } from '../../../page-kit/originals.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import { read } from '../../../page-kit/safe-read.js'
import { has, parameter, text, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'

/** One hCaptcha widget, joined from all sources that show it. Every part may be missing. */
export interface HcaptchaWidget {
  /** The vendor's widget id. */
  id?: string
  /** The element around it, or the button that it is bound to. */
  element?: Element
  /** The arguments of `render`, as the page has them. */
  params?: object
  frame?: Frame
  /** The latest value of an Enterprise site, from `execute` or `setData`. */
  rqdata?: string
  /** Whether the page has called `execute`, and no call has ended it since. */
  executed?: boolean
  removed?: boolean
}

export interface Frame {
  readonly element?: Element
  readonly url: string
  readonly id: string | undefined
}

export interface HcaptchaScan extends FamilyScan<HcaptchaWidget> {
  readonly challenges: List<Frame>
}

const MAX_FOUND = 1_000
const MAX_FRAMES = 300

/** Joins what the page shows, the browser's list of frames, and the recorded calls. */
export function scanFrame(context: PageContext, max: number): HcaptchaScan {
  const { p, dom } = context
  const { calls } = logOf<ApiLog>(context.observer, 'hcaptcha')
  const widgets = list<HcaptchaWidget>()
  const frames = list<Frame>()
  const challenges = list<Frame>()
  let omitted = 0

  const compat = elementsReplacedBy(context) === 'hcaptcha'
  const boxes = `.h-captcha[data-sitekey]${compat ? ',.g-recaptcha[data-sitekey]' : ''}`
  for (let index = 0; index < calls.size; index++) addRender(calls[index] as ApiCall)
  const roots = dom.roots()
  for (let index = 0; index < roots.size; index++) scanElements(roots[index] as Document)
  for (let index = 0; index < roots.size; index++) scanFrames(roots[index] as Document)
  for (let index = 0; index < context.frames.size; index++) sortFrame({ url: context.frames[index]?.url ?? '' })
  for (let index = 0; index < frames.size; index++) addFrame(frames[index] as Frame)
  for (let index = 0; index < calls.size; index++) applyCall(calls[index] as ApiCall)
  return { widgets: presentWidgets(), challenges, omitted }

  function addRender({ name, target, params, result: id }: ApiCall): void {
    if (name !== 'render' || typeof id !== 'string' || widgets.size >= MAX_FOUND) return
    // Rendered again into an element that has one: the vendor's script returns its id, and leaves it as it is.
    if (findWidget((other) => other.id === id)) return
    const element = typeof target === 'string' ? dom.byId(target) : target
    const widget: HcaptchaWidget = { id }
    if (dom.isElement(element)) widget.element = element
    if (typeof params === 'object' && params !== null) widget.params = params
    push(widgets, widget)
  }

  function scanElements(root: Document): void {
    const found = dom.all(root, boxes)
    for (let index = 0; index < found.length; index++) {
      const element = found[index] as Element
      if (widgets.size >= MAX_FOUND) {
        omitted += found.length - index
        return
      }
      if (!isFriendly(p, element) && !findWidget((other) => other.element === element)) push(widgets, { element })
    }
  }

  function scanFrames(root: Document): void {
    const found = dom.all(root, 'iframe[src*="hcaptcha"]')
    for (let index = 0; index < found.length && index < MAX_FRAMES; index++) {
      const element = found[index] as Element
      sortFrame({ element, url: dom.attribute(element, 'src') ?? '' })
    }
  }

  function sortFrame({ element, url }: { element?: Element; url: string }): void {
    const kind = parameter(p, url, 'frame')
    const challenge = kind === 'challenge' || has(p, url, 'hcaptcha-challenge.html')
    if (!challenge && !kind && !has(p, url, 'hcaptcha-checkbox.html')) return
    const id = (element && dom.attribute(element, 'data-hcaptcha-widget-id')) || parameter(p, url, 'id')
    // A copy has the id of another one's frame. The browser's list also has the frames of copies.
    if (!challenge && id && (element ? isCopyOf(id, element) : isKnownDrawing(id))) return
    const frame = element ? { element, url, id } : { url, id }
    const to = challenge ? challenges : frames
    // The browser's list also has the frames that the page shows.
    for (let index = 0; index < to.size; index++) if (to[index]?.id === id && to[index]?.url === url) return
    if (to.size < MAX_FRAMES) push(to, frame)
  }

  function addFrame(frame: Frame): void {
    const { element, id, url } = frame
    const widget =
      findWidget((other) => id !== undefined && other.id === id) ??
      (element &&
        findWidget((other) => !other.frame && !other.id && !!other.element && dom.contains(other.element, element))) ??
      findWidget((other) => !other.frame && !other.id && sitekeyOf(context, other) === parameter(p, url, 'sitekey'))
    const parent = element && dom.parent(element)
    const at = widget ?? push<HcaptchaWidget>(widgets, dom.isElement(parent) ? { element: parent } : {})
    // The browser's list has no elements: a frame that the page shows replaces one from the list.
    if (!at.frame?.element) at.frame = frame
    // Rendered into an element by its name, which it has lost since.
    if (dom.isElement(parent)) at.element ??= parent
    if (id !== undefined) at.id ??= id
  }

  /** Applies a recorded call to its widget. A call without a target is about the first one. */
  function applyCall({ name, target, params }: ApiCall): void {
    const widget =
      target === undefined ? firstOf(widgets, isPresent) : findWidget(({ id }) => id !== undefined && id === target)
    if (!widget) return
    const rqdata = text(read(p, params, 'rqdata'))
    if (rqdata !== undefined && (name === 'execute' || name === 'setData')) widget.rqdata = rqdata
    if (name === 'execute') widget.executed = true
    else if (name === 'reset') widget.executed = false
    else if (name === 'remove') widget.removed = true
  }

  /** The widgets that are still in the page and have a sitekey, at most `max`. */
  function presentWidgets(): List<HcaptchaWidget> {
    const kept = list<HcaptchaWidget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as HcaptchaWidget
      if (!isPresent(widget) || !sitekeyOf(context, widget)) continue
      if (kept.size < max) push(kept, widget)
      else omitted++
    }
    return kept
  }

  function isPresent(widget: HcaptchaWidget): boolean {
    const { id, removed, element, frame } = widget
    if (removed || isGone(widget)) return false
    // Without either, it was rendered into an element that has left the page.
    if (!element) return frame !== undefined
    if (!dom.isInDocument(element)) return false
    if (id !== undefined || frame !== undefined) return true
    // A button is bound, and holds nothing.
    const tags = isButton(context, element) ? undefined : '.h-captcha[data-sitekey]'
    return !isLeftOver(context, element, tags, 'hcaptcha', '/1/api.js')
  }

  /**
   * Whether the vendor's drawing of a widget is gone: a page may empty an element and render into it again, without a
   * word to the vendor's script, whose challenge frame stays.
   */
  function isGone({ id, element, frame }: HcaptchaWidget): boolean {
    if (id === undefined || !element || frame || isButton(context, element)) return false
    for (let index = 0; index < challenges.size; index++) if (challenges[index]?.id === id) return true
    let later = false
    for (let index = 0; index < widgets.size; index++) {
      const other = widgets[index] as HcaptchaWidget
      if (later && other.element === element) return true
      if (other.id === id) later = true
    }
    return false
  }

  function findWidget(test: (widget: HcaptchaWidget) => boolean): HcaptchaWidget | undefined {
    for (let index = 0; index < widgets.size; index++) if (test(widgets[index] as HcaptchaWidget)) return widgets[index]
    return undefined
  }
}

/**
 * The widget of a call without a target: the one rendered first. Those in the page's own HTML are rendered before
 * others.
 */
export function firstOf(
  widgets: List<HcaptchaWidget>,
  test: (widget: HcaptchaWidget) => boolean = () => true,
): HcaptchaWidget | undefined {
  let found: HcaptchaWidget | undefined
  for (let index = 0; index < widgets.size; index++) {
    const widget = widgets[index] as HcaptchaWidget
    if (test(widget) && (!found || (found.params && !widget.params))) found = widget
  }
  return found
}

/** Whether its parameters are known: those of the page's call, or of an element in the page's own HTML. */
export function isSeen({ dom }: PageContext, { params, element }: HcaptchaWidget): boolean {
  return params !== undefined || (!!element && dom.attribute(element, 'data-sitekey') !== undefined)
}

function isButton({ dom }: PageContext, element: Element): boolean {
  const tag = dom.tag(element)
  return tag === 'button' || tag === 'input'
}

/** A parameter of the widget: from the page's call, else from the element's `data-` attribute. */
export function setting({ p, dom }: PageContext, { params, element }: HcaptchaWidget, name: string): unknown {
  return read(p, params, name) ?? (element && dom.attribute(element, `data-${name}`))
}

export function sitekeyOf(context: PageContext, widget: HcaptchaWidget): string | undefined {
  return (
    trimmed(context.p, setting(context, widget, 'sitekey')) ??
    (widget.frame && parameter(context.p, widget.frame.url, 'sitekey'))
  )
}
