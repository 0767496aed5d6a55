import type { Place } from '../../../page-kit/family.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { hostOf, parameter, text } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { geetestWatch, type Instance } from './watch.js'

/** One GeeTest, put together from whatever knows of it. */
export interface Widget {
  readonly v4: boolean
  instance?: Instance
  /** The element that it was put into, or that it drew. One that is bound to a button of the page's own has none. */
  element?: Element
  /** The form that its answer goes into. */
  form?: Element
  /** What its loader's requests say, where the page's call was not seen. */
  asked?: Asked
}

interface Asked {
  readonly key: string | undefined
  readonly challenge: string | undefined
  readonly host: string | undefined
}

export interface Scene {
  readonly widgets: List<Widget>
  readonly leftOut: number
}

/** What each version draws, and the request that it makes for a challenge: scripts, since it is made across origins. */
const VERSIONS = [
  { v4: false, holder: '.geetest_holder', script: 'script[src*="/get.php?"]', key: 'gt' },
  { v4: true, holder: '.geetest_captcha', script: 'script[src*="/load?"][src*="captcha_id="]', key: 'captcha_id' },
] as const

const MOST_FOUND = 1_000

/** Puts together what the page's code made, and what it shows. */
export function gather(place: Place, most: number): Scene {
  const { dom, p } = place
  const { handed } = logOf(place.observer, geetestWatch)
  const widgets = list<Widget>()
  const roots = dom.roots()
  let leftOut = 0

  for (let index = 0; index < handed.size; index++) addInstance(handed[index] as Instance)
  for (let at = 0; at < VERSIONS.length; at++) {
    const version = VERSIONS[at] as (typeof VERSIONS)[number]
    for (let index = 0; index < roots.size; index++) lookAtHolders(roots[index] as Document, version)
    lookAtRequests(version)
  }
  return { widgets: standing(), leftOut }

  function addInstance(instance: Instance): void {
    const widget: Widget = { v4: isV4(instance), instance }
    const element = elementOf(place, instance.told.appendTo)
    const form = elementOf(place, instance.told.bindForm)
    if (element) widget.element = element
    if (form) widget.form = form
    push(widgets, widget)
  }

  function lookAtHolders(root: Document, { v4, holder }: (typeof VERSIONS)[number]): void {
    const found = dom.all(root, holder)
    for (let index = 0; index < found.length; index++) {
      const element = found[index] as Element
      if (widgets.size >= MOST_FOUND) {
        leftOut += found.length - index
        return
      }
      if (first((other) => !!other.element && dom.contains(other.element, element))) continue
      // Whoever was made before we were there has no place that we know of.
      const unplaced = first((other) => other.v4 === v4 && !other.element && !!other.instance && !other.instance.params)
      if (unplaced) unplaced.element = element
      // What is bound to a button draws at the end of the page, and is no widget of its own.
      else if (!first((other) => other.v4 === v4 && !other.element)) push(widgets, { v4, element })
    }
  }

  /** The requests of those whose making was not seen, in their order. */
  function lookAtRequests({ v4, script, key }: (typeof VERSIONS)[number]): void {
    const unknown = list<Widget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as Widget
      if (widget.v4 === v4 && !widget.instance?.params) push(unknown, widget)
    }
    if (unknown.size === 0) return
    const scripts = dom.all(document, script)
    for (let index = 0; index < unknown.size; index++) {
      const one = scripts[index < scripts.length ? index : scripts.length - 1]
      const src = (one && dom.attribute(one, 'src')) ?? ''
      ;(unknown[index] as Widget).asked = {
        key: parameter(p, src, key) ?? (v4 ? undefined : text(own(p, window, 'GeeGT'))),
        challenge: v4 ? undefined : (parameter(p, src, 'challenge') ?? text(own(p, window, 'GeeChallenge'))),
        host: v4 ? undefined : text(hostOf(p, src)),
      }
    }
  }

  /** v3 has nothing that shows it: its one function of the kind opens those that are bound to a button. */
  function isV4({ object }: Instance): boolean {
    return typeof read(p, object, 'showBox') === 'function' || typeof read(p, object, 'showCaptcha') === 'function'
  }

  /** Without those that were taken out, that no key is known of, or that the vendor does not answer for; at most `most`. */
  function standing(): List<Widget> {
    const kept = list<Widget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as Widget
      if (widget.element && !dom.here(widget.element)) continue
      // The site's server found the vendor down, and answers for itself.
      if (!keyOf(place, widget) || setting(place, widget, 'offline') === true) continue
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

/** What the vendor's functions take for a place: an element, or a selector. */
function elementOf({ dom }: Place, place: unknown): Element | undefined {
  if (typeof place === 'string') return dom.select(place)
  return dom.isElement(place) ? place : undefined
}

/** What the page's code said of it when it made it. */
export function setting({ p }: Place, { instance }: Widget, name: string): unknown {
  return read(p, instance?.params, name)
}

/** `gt` of v3, `captcha_id` of v4. */
export function keyOf(place: Place, widget: Widget): string | undefined {
  const said = widget.v4
    ? (text(setting(place, widget, 'captchaId')) ?? text(setting(place, widget, 'captcha_id')))
    : text(setting(place, widget, 'gt'))
  return said ?? widget.asked?.key
}
