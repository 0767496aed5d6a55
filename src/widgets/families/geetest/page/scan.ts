import type { FamilyScan, PageContext } from '../../../page-kit/family.js'
import { includes, type List, list, push, pushBounded, remove } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { hostOf, parameter, text, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import type { GeetestLog, Instance } from './watch.js'

/** One GeeTest widget, joined from all sources that show it. */
export interface GeetestWidget {
  readonly v4: boolean
  instance?: Instance
  /** The element into which it was rendered. A widget that is bound to a button of the page has none. */
  element?: Element
  /** The form that receives its answer. */
  form?: Element
  /** The loader's request, where the page's call was not recorded. */
  request?: ChallengeRequest
  /** Whether the page has copied the drawing of another one. */
  copied?: boolean
  /** Whether another one is in the same element. */
  shared?: boolean
}

interface ChallengeRequest {
  readonly key: string | undefined
  readonly challenge: string | undefined
  readonly host: string | undefined
}

export type GeetestScan = FamilyScan<GeetestWidget>

/** The element that each version renders, and its request for a challenge: a script, as it is cross-origin. */
export const VERSIONS = [
  { v4: false, holder: '.geetest_holder', script: 'script[src*="/get.php?"]', key: 'gt' },
  { v4: true, holder: '.geetest_captcha', script: 'script[src*="/load?"][src*="captcha_id="]', key: 'captcha_id' },
] as const

const MAX_FOUND = 1_000

/** Drawings of objects that were made before the API was watched. */
const unclaimed = list<Element>()

/** Joins the recorded objects and what the page shows. */
export function scanFrame(context: PageContext, max: number): GeetestScan {
  const { dom, p } = context
  const { objects } = logOf<GeetestLog>(context.observer, 'geetest')
  const widgets = list<GeetestWidget>()
  const roots = dom.roots()
  let omitted = 0

  for (let index = 0; index < objects.size; index++) addInstance(objects[index] as Instance)
  for (let at = 0; at < VERSIONS.length; at++) {
    const version = VERSIONS[at] as (typeof VERSIONS)[number]
    for (let index = 0; index < roots.size; index++) scanHolders(roots[index] as Document, version)
    scanRequests(version)
  }
  findReplaced()
  return { widgets: presentWidgets(), omitted }

  function addInstance(instance: Instance): void {
    push(widgets, { v4: isV4(instance), instance, ...placesOf(context, instance) })
  }

  function scanHolders(root: Document, { v4, holder }: (typeof VERSIONS)[number]): void {
    const found = dom.all(root, holder)
    for (let index = 0; index < found.length; index++) {
      const element = found[index] as Element
      if (widgets.size >= MAX_FOUND) {
        omitted += found.length - index
        return
      }
      if (findWidget((other) => !!other.element && dom.contains(other.element, element))) continue
      // An object made before the API was watched has no known element, nor one whose element has lost its name.
      const unplaced = findWidget((other) => other.v4 === v4 && isUnplaced(other))
      if (unplaced) unplaced.element = element
      // A bound widget renders at the end of the page: that element is no widget of its own.
      else if (!findWidget((other) => other.v4 === v4 && !other.element))
        push(widgets, { v4, element, copied: isCopy(v4, element) })
    }
  }

  function isUnplaced({ element, instance }: GeetestWidget): boolean {
    return !element && !!instance && (!instance.params || isNamed(instance))
  }

  /** Whether a drawing belongs to no object, where every object of its version was seen when it was made. */
  function isCopy(v4: boolean, element: Element): boolean {
    if (includes(unclaimed, element)) return false
    if (findWidget((other) => other.v4 === v4 && !!other.instance?.params)) return true
    pushBounded(unclaimed, element)
    return false
  }

  /**
   * Drops the objects whose drawing is gone: a page may empty an element and let another object draw into it, without
   * notifying the first one. The drawings in the element decide how many of its objects exist: the latest ones.
   */
  function findReplaced(): void {
    for (let index = widgets.size - 1; index >= 0; index--) {
      const widget = widgets[index] as GeetestWidget
      const { element, instance, v4 } = widget
      if (!element || !instance) continue
      let later = 0
      for (let at = 0; at < widgets.size; at++) {
        const other = widgets[at] as GeetestWidget
        if (other === widget || other.element !== element) continue
        if (at > index) later++
        if (other.v4 === v4) widget.shared = true
      }
      const drawn = dom.inElement(element, (VERSIONS[v4 ? 1 : 0] as (typeof VERSIONS)[number]).holder).length
      const holds = drawn > later
      if (holds) instance.drawn = true
      else if (later > 0 || instance.drawn) {
        remove(widgets, widget)
        for (let at = 0; at < widgets.size; at++) {
          if ((widgets[at] as GeetestWidget).element === element && later === 1)
            (widgets[at] as GeetestWidget).shared = false
        }
      }
    }
  }

  /** The requests of the widgets whose call was not recorded, in their order. */
  function scanRequests({ v4, script, key }: (typeof VERSIONS)[number]): void {
    const unknown = list<GeetestWidget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as GeetestWidget
      if (widget.v4 === v4 && !widget.instance?.params) push(unknown, widget)
    }
    if (unknown.size === 0) return
    const scripts = dom.all(document, script)
    for (let index = 0; index < unknown.size; index++) {
      const one = scripts[index < scripts.length ? index : scripts.length - 1]
      const src = (one && dom.attribute(one, 'src')) ?? ''
      ;(unknown[index] as GeetestWidget).request = {
        key: parameter(p, src, key) ?? (v4 ? undefined : text(own(p, window, 'GeeGT'))),
        challenge: v4 ? undefined : (parameter(p, src, 'challenge') ?? text(own(p, window, 'GeeChallenge'))),
        host: v4 ? undefined : text(hostOf(p, src)),
      }
    }
  }

  /** v4 has methods that show the widget. v3 has only `verify`, which opens a bound one. */
  function isV4({ vendorObject: object }: Instance): boolean {
    return typeof read(p, object, 'showBox') === 'function' || typeof read(p, object, 'showCaptcha') === 'function'
  }

  /** The widgets that are still in the page, have a key and are answered by the vendor; at most `max`. */
  function presentWidgets(): List<GeetestWidget> {
    const kept = list<GeetestWidget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as GeetestWidget
      if (widget.element && !dom.isInDocument(widget.element)) continue
      // The element with that name has left the page.
      if (!widget.element && widget.instance && isNamed(widget.instance)) continue
      // `offline`: the site's server could not reach the vendor, and verifies on its own.
      if (!keyOf(context, widget) || setting(context, widget, 'offline') === true) continue
      if (kept.size < max) push(kept, widget)
      else omitted++
    }
    return kept
  }

  function findWidget(test: (widget: GeetestWidget) => boolean): GeetestWidget | undefined {
    for (let index = 0; index < widgets.size; index++) if (test(widgets[index] as GeetestWidget)) return widgets[index]
    return undefined
  }
}

/** The element that a page passes to the vendor's functions, as such or as a selector. */
function elementOf({ dom }: PageContext, target: unknown): Element | undefined {
  if (typeof target === 'string') return dom.select(target)
  return dom.isElement(target) ? target : undefined
}

/** Whether the page has passed a selector of the element for it. */
function isNamed({ lastArguments: { appendTo } }: Instance): boolean {
  return typeof appendTo === 'string'
}

/** The elements into which the page has put it. */
export function placesOf(context: PageContext, { lastArguments }: Instance): Pick<GeetestWidget, 'element' | 'form'> {
  const element = elementOf(context, lastArguments.appendTo)
  const form = elementOf(context, lastArguments.bindForm)
  return { ...(element && { element }), ...(form && { form }) }
}

/** A parameter of the page's call that made it. */
export function setting({ p }: PageContext, { instance }: GeetestWidget, name: string): unknown {
  return read(p, instance?.params, name)
}

/** `gt` of v3, `captcha_id` of v4. */
export function keyOf(context: PageContext, widget: GeetestWidget): string | undefined {
  const { p } = context
  const setByPage = widget.v4
    ? (trimmed(p, setting(context, widget, 'captchaId')) ?? trimmed(p, setting(context, widget, 'captcha_id')))
    : trimmed(p, setting(context, widget, 'gt'))
  return setByPage ?? widget.request?.key
}
