import { elementsReplacedBy, isFriendly } from '../../../page-kit/compat.js'
import type { PageContext } from '../../../page-kit/family.js'
import { type List, list, push, remove } from '../../../page-kit/primordials.js'
import { forEachProperty, own, read, walkObject } from '../../../page-kit/safe-read.js'
import { has, hostOf, parameter, slice, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { challengesOf, isButton, isInvisible, wasChallenged } from './kind.js'
import { type Execute, nameOf, type RecaptchaLog, type Render } from './watch.js'
import { type Client, type Frame, type RecaptchaScan, type RecaptchaWidget, setting, sitekeyOf } from './widget.js'

const MAX_SCRIPTS = 50
const MAX_FRAMES = 300
const MAX_CLIENTS = 200
const MAX_WORDS = 40
const FIRST_SCORE_CLIENT = 100_000

/** Joins what the page shows, the state of the vendor's script, and the recorded calls. */
export function scanFrame(context: PageContext, max: number): RecaptchaScan {
  const { p, dom } = context
  const log = logOf<RecaptchaLog>(context.observer, 'recaptcha')
  const { renders, executes } = log
  const widgets = list<RecaptchaWidget>()
  const scripts: RecaptchaScan['scripts'] = { plain: false, enterprise: false, implicit: false, explicit: false }
  const scoreKeys = list<string>()
  const frames = list<Frame>()
  const challenges = list<Frame>()
  const clients = own(p, own(p, window, '___grecaptcha_cfg'), 'clients')
  let omitted = 0

  scanScripts()
  const roots = dom.roots()
  for (let index = 0; index < roots.size; index++) scanFrames(roots[index] as Document)
  scanClients()
  for (let index = renders.size - 1; index >= 0; index--) addRender(renders[index] as Render)
  const replaced = elementsReplacedBy(context) !== undefined
  for (let index = 0; index < roots.size && !replaced; index++) scanElements(roots[index] as Document)
  for (let index = 0; index < frames.size; index++) addFrame(frames[index] as Frame)
  for (let index = 0; index < context.frames.size; index++) {
    const { name, url } = context.frames[index] as Frame
    sortFrame({ name, url }, (frame) => addFrame(frame))
  }
  bindButtons()
  for (let index = 0; index < scoreKeys.size; index++) addScore(scoreKeys[index] as string)
  for (let index = 0; index < executes.size; index++) {
    const { target, enterprise } = executes[index] as Execute
    if (typeof target === 'string' && !findWidget(({ n }) => `${n}` === target)) addScore(target, enterprise)
  }
  for (let index = 0; index < widgets.size; index++) sortScore(widgets[index] as RecaptchaWidget)
  return { widgets: presentWidgets(), challenges, omitted, scripts }

  function scanScripts(): void {
    const found = dom.all(document, 'script[src*="/recaptcha/"]')
    for (let index = 0; index < found.length && index < MAX_SCRIPTS; index++) {
      const src = dom.attribute(found[index] as Element, 'src') ?? ''
      const enterprise = has(p, src, '/recaptcha/enterprise.js')
      if (!enterprise && !has(p, src, '/recaptcha/api.js')) continue
      if (enterprise) scripts.enterprise = true
      else scripts.plain = true
      scripts.host ??= hostOf(p, src)
      const render = parameter(p, src, 'render')
      scripts.explicit ||= render === 'explicit'
      scripts.implicit ||= render === undefined || render === 'onload'
      addScoreKey(render)
    }
    // The script element may be removed; the loader keeps its `render` parameters.
    const rendered = own(p, own(p, window, '___grecaptcha_cfg'), 'render')
    if (typeof rendered === 'object' && rendered !== null)
      forEachProperty(p, rendered, (_, value) => addScoreKey(value))
  }

  function addScoreKey(key: unknown): void {
    const name = trimmed(p, key)
    if (name !== undefined && name !== 'explicit' && name !== 'onload') push(scoreKeys, name)
  }

  function scanFrames(root: Document): void {
    const found = dom.all(root, 'iframe[src*="/recaptcha/"]')
    for (let index = 0; index < found.length; index++) {
      if (frames.size >= MAX_FRAMES || challenges.size >= MAX_FRAMES) {
        omitted += found.length - index
        return
      }
      const element = found[index] as Element
      const url = dom.attribute(element, 'src') ?? ''
      sortFrame({ element, url, name: dom.attribute(element, 'name') ?? '' }, (frame) => push(frames, frame))
    }
  }

  function sortFrame(frame: Frame, anchor: (frame: Frame) => void): void {
    if (has(p, frame.url, '/bframe')) push(challenges, frame)
    else if (has(p, frame.url, '/anchor')) anchor(frame)
  }

  function scanClients(): void {
    if (typeof clients !== 'object' || clients === null) return
    omitted += forEachProperty(p, clients, (name, value) => {
      const n = +name
      if (typeof value !== 'object' || value === null || !(n >= 0)) return
      if (widgets.size >= MAX_CLIENTS) {
        omitted++
        return
      }
      const client = readClient(value)
      const widget: RecaptchaWidget = { n, client }
      if (client.params) widget.params = client.params
      for (let index = 0; index < frames.size && !widget.anchor; index++) {
        const frame = frames[index] as Frame
        const id = slice(p, frame.name, 2)
        for (let at = 0; at < client.words.size; at++) if (client.words[at] === id && id) widget.anchor = frame
      }
      const element = elementOf(client, widget.anchor)
      if (element) widget.element = element
      push(widgets, widget)
    })
  }

  function readClient(state: object): Client {
    const elements = list<Element>()
    const words = list<string>()
    let params: object | undefined
    walkObject(p, state, (name, value, holder) => {
      if (typeof value === 'string') {
        if (name === 'sitekey') params ??= holder
        else if (value.length > 3 && value.length < 40 && words.size < MAX_WORDS) push(words, value)
        return true
      }
      if (typeof value !== 'object' || value === null) return false
      // `isElement` throws inside for each other object, and the first exception in a page's script takes milliseconds.
      if (read(p, value, 'nodeType') === 1 && dom.isElement(value)) {
        if (elements.size < 20) push(elements, value)
        return true
      }
      return value === window || value === document
    })
    return params ? { state, params, elements, words } : { state, elements, words }
  }

  /** Of a client's elements, the one into which it was rendered. */
  function elementOf(client: Client, anchor: Frame | undefined): Element | undefined {
    const frame = anchor?.element
    let best: Element | undefined
    let bestAround = false
    for (let index = 0; index < client.elements.size; index++) {
      const element = client.elements[index] as Element
      if (dom.attribute(element, 'data-sitekey') !== undefined) return element
      const around = frame !== undefined && dom.contains(element, frame)
      // The innermost around the frame; without one, the first that is in the page.
      if (around ? !bestAround || dom.contains(best as Element, element) : !best && dom.isInDocument(element)) {
        best = element
        bestAround = around
      }
    }
    // None of them is in the page any more: nor is the widget.
    return best ?? (anchor ? undefined : client.elements[0])
  }

  function addRender({ n, container, params, enterprise, clients: table }: Render): void {
    // A script that was loaded anew numbers widgets from 0 again: those of the script before have no number any more.
    const isCurrent = !clients || table === clients
    const named = typeof container === 'string'
    if (!isCurrent && !isStillDrawn(named ? dom.byId(container) : container)) return
    const number = typeof n === 'number' && isCurrent ? n : undefined
    let widget = number === undefined ? undefined : findWidget((other) => other.n === number)
    // Rendered more than once under one id (the script was loaded again): the latest counts.
    if (widget?.enterprise !== undefined) return
    widget ??= push(widgets, {})
    // An id may have passed to another element since.
    const element = named ? (widget.element ?? dom.byId(container)) : container
    if (number !== undefined) widget.n = number
    widget.enterprise = enterprise
    if (typeof params === 'object' && params !== null) widget.params = params
    if (dom.isElement(element)) widget.element = element
    // Parameters alone: the vendor's script makes an element for them. npm `recaptcha-v3` renders its v3 key so.
    widget.placed = typeof container !== 'object' || dom.isElement(container)
    if (!widget.placed && typeof container === 'object' && container !== null) widget.params = container
  }

  /** Whether the element into which an earlier script has rendered holds its drawing, and no other widget. */
  function isStillDrawn(element: unknown): boolean {
    if (!dom.isElement(element) || dom.inElement(element, 'iframe').length === 0) return false
    return !findWidget((other) => !!other.element && dom.contains(element, other.element))
  }

  function scanElements(root: Document): void {
    const found = dom.all(root, '.g-recaptcha[data-sitekey]')
    for (let index = 0; index < found.length; index++) {
      const element = found[index] as Element
      if (widgets.size >= max + MAX_CLIENTS) {
        omitted += found.length - index
        return
      }
      if (isFriendly(p, element)) continue
      const widget = findWidget(
        (other) => other.element !== undefined && (other.element === element || dom.contains(element, other.element)),
      )
      if (widget) widget.element = element
      else push(widgets, { element })
    }
  }

  function addFrame(frame: Frame): void {
    if (findWidget(({ anchor }) => anchor !== undefined && anchor.name === frame.name && frame.name !== '')) return
    if (findWidget(({ anchor }) => anchor?.element !== undefined && anchor.element === frame.element)) return
    // Some browser tools do not report the names of frames: a frame that the page shows is recognized by its address,
    // which has a random part.
    if (!frame.element && frame.name === '' && findWidget(({ anchor }) => anchor?.url === frame.url)) return
    const key = trimmed(p, parameter(p, frame.url, 'k'))
    const { element } = frame
    const widget =
      (element && findLast((other) => !!other.element && !other.anchor && dom.contains(other.element, element))) ??
      findWidget((other) => !other.anchor && sitekeyOf(context, other) === key && canHold(other, frame))
    if (widget) {
      widget.anchor = frame
      return
    }
    const around = element && dom.parent(element)
    push(widgets, dom.isElement(around) ? { anchor: frame, element: around } : { anchor: frame })
  }

  /**
   * Joins a button with what the vendor's script drew for it, elsewhere in the form or in the page: its state may not
   * name the button.
   */
  function bindButtons(): void {
    for (let inForm = 1; inForm >= 0; inForm--) {
      for (let index = 0; index < widgets.size; index++) {
        const bound = widgets[index] as RecaptchaWidget
        const { element: button, anchor, n } = bound
        if (!button || !isButton(context, button) || anchor || n !== undefined) continue
        const key = sitekeyOf(context, bound)
        const form = inForm ? dom.closest(button, 'form') : undefined
        const drawn = findWidget((other) => {
          const { element, placed } = other
          if (other === bound || placed || sitekeyOf(context, other) !== key || isGone(other)) return false
          if (!element) return !inForm && (other.n !== undefined || !!other.anchor)
          if (isButton(context, element) || dom.attribute(element, 'data-sitekey') !== undefined) return false
          return !inForm || (!!form && dom.closest(element, 'form') === form)
        })
        if (!drawn) continue
        remove(widgets, drawn)
        remove(widgets, bound)
        const joined: RecaptchaWidget = { ...drawn, element: button }
        if (drawn.element) joined.box = drawn.element
        push(widgets, joined)
        index = -1
      }
    }
  }

  /**
   * Whether the vendor's drawing of a widget is gone, or another widget has replaced it: a page may empty an
   * element and render into it again.
   */
  function isGone(widget: RecaptchaWidget): boolean {
    const { element, anchor, n } = widget
    if (n === undefined || !element || isButton(context, element)) return false
    if (anchor && (!anchor.element || dom.isInDocument(anchor.element))) return false
    return (
      !!findWidget((other) => other.element === element && (other.n ?? -1) > n) ||
      challengesOf(context, challenges, widget).size > 0
    )
  }

  /**
   * Whether an element is one that the vendor's scripts do not draw by themselves, and that the page has not rendered:
   * they were loaded with a v3 key, or have run and leave it to the page.
   */
  function isLeftOver({ element, n, anchor, params }: RecaptchaWidget): boolean {
    if (!element || anchor || n !== undefined || params || dom.inElement(element, 'iframe').length > 0) return false
    // The script draws all that it finds at once: what came later is left to the page.
    if (scripts.implicit) return frames.size > 0 && !isButton(context, element)
    if (!scripts.explicit) return scripts.host !== undefined
    const api = own(p, window, 'grecaptcha')
    return typeof (own(p, own(p, api, 'enterprise'), 'render') ?? own(p, api, 'render')) === 'function'
  }

  /** A widget that the page has rendered, or bound to a button, may be v3's: its action shows that. */
  function sortScore(widget: RecaptchaWidget): void {
    const invisible = isInvisible(context, widget)
    // A badge without a size: with a v3 key the vendor draws no checkbox.
    if (widget.score || (!invisible && setting(context, widget, 'badge') === undefined)) return
    let acts = invisible && (widget.placed === false || trimmed(p, setting(context, widget, 'action')) !== undefined)
    for (let index = 0; index < executes.size && !acts; index++) {
      const { target, action } = executes[index] as Execute
      acts = action !== undefined && isNumbered(widget, target)
    }
    if (!acts || wasChallenged(context, challenges, widget)) return
    widget.score = true
    widget.rendered = true
  }

  /** Whether an id is this widget's; a call without one is about the first. */
  function isNumbered({ n }: RecaptchaWidget, id: unknown): boolean {
    if (n === undefined) return false
    return id === undefined ? !findWidget((other) => (other.n ?? n) < n) : nameOf(id) === `${n}`
  }

  /**
   * Whether a frame can be this widget's: a frame without an element can, and so can one inside the widget's element.
   */
  function canHold(widget: RecaptchaWidget, frame: Frame): boolean {
    return (
      !frame.element ||
      !widget.element ||
      !dom.isInDocument(widget.element) ||
      dom.contains(widget.element, frame.element)
    )
  }

  function addScore(key: string, enterprise?: boolean): void {
    const widget = findWidget(
      (other) =>
        (other.n ?? FIRST_SCORE_CLIENT) >= FIRST_SCORE_CLIENT &&
        sitekeyOf(context, other) === key &&
        !isLeftOver(other),
    )
    if (widget?.element && dom.attribute(widget.element, 'data-sitekey') !== undefined) return
    const score = widget ?? push(widgets, { params: { __proto__: null, sitekey: key } as object })
    score.score = true
    if (enterprise !== undefined) score.enterprise ??= enterprise
  }

  /** The widgets that are still in the page and have a sitekey, at most `max`. */
  function presentWidgets(): List<RecaptchaWidget> {
    const kept = list<RecaptchaWidget>()
    for (let index = 0; index < widgets.size; index++) {
      const widget = widgets[index] as RecaptchaWidget
      if (widget.element && !dom.isInDocument(widget.element)) continue
      if (!sitekeyOf(context, widget) || isGone(widget) || isLeftOver(widget)) continue
      if (widget.score) addActions(kept, widget)
      else add(kept, widget)
    }
    return kept
  }

  /** A score widget is listed once for each action that the page has executed. */
  function addActions(kept: List<RecaptchaWidget>, widget: RecaptchaWidget): void {
    const key = sitekeyOf(context, widget)
    const rendered = trimmed(p, setting(context, widget, 'action'))
    let named = 0
    let listed = rendered === undefined
    for (let index = 0; index < executes.size; index++) {
      const { target, action } = executes[index] as Execute
      if (action === undefined || (target !== key && target !== widget.element && !isNumbered(widget, target))) continue
      if (action === rendered) listed = true
      add(kept, { ...widget, action })
      named++
    }
    if (named === 0 || !listed) add(kept, rendered === undefined ? widget : { ...widget, action: rendered })
  }

  function add(kept: List<RecaptchaWidget>, widget: RecaptchaWidget): void {
    if (kept.size < max) push(kept, widget)
    else omitted++
  }

  function findWidget(test: (widget: RecaptchaWidget) => boolean): RecaptchaWidget | undefined {
    for (let index = 0; index < widgets.size; index++)
      if (test(widgets[index] as RecaptchaWidget)) return widgets[index]
    return undefined
  }

  function findLast(test: (widget: RecaptchaWidget) => boolean): RecaptchaWidget | undefined {
    for (let index = widgets.size - 1; index >= 0; index--)
      if (test(widgets[index] as RecaptchaWidget)) return widgets[index]
    return undefined
  }
}
