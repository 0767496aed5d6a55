import { elementsReplacedBy, isFriendly } from '../../../page-kit/compat.js'
import type { FamilyScan, PageContext } from '../../../page-kit/family.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import { forEachProperty, own, read, walkObject } from '../../../page-kit/safe-read.js'
import { has, hostOf, parameter, slice, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { type Execute, type Render, recaptchaWatch } from './watch.js'

/** One reCAPTCHA widget, joined from all sources that show it. Every part may be missing. */
export interface RecaptchaWidget {
  /** The vendor's widget id, a number. */
  n?: number
  /** The element around it, or the button that it is bound to. */
  element?: Element
  anchor?: Frame
  /** The arguments of `render`, as the page or the vendor's script has them. */
  params?: object
  /** The client of the vendor's own state, with its parameters. */
  client?: Client
  enterprise?: boolean
  /** Executed by sitekey: v3, Enterprise score. */
  score?: boolean
  /** The action, if this is a score widget with one. */
  action?: string
}

export interface Frame {
  readonly element?: Element
  readonly name: string
  readonly url: string
}

interface Client {
  readonly params?: object
  readonly elements: List<Element>
  readonly words: List<string>
}

export interface RecaptchaScan extends FamilyScan<RecaptchaWidget> {
  readonly challenges: List<Frame>
  /** The vendor's scripts in the page. */
  readonly scripts: { enterprise: boolean; plain: boolean; host?: string }
}

const MAX_SCRIPTS = 50
const MAX_FRAMES = 300
const MAX_CLIENTS = 200
const MAX_WORDS = 40
const FIRST_SCORE_CLIENT = 100_000

/** Joins what the page shows, the state of the vendor's script, and the recorded calls. */
export function scanFrame(context: PageContext, max: number): RecaptchaScan {
  const { p, dom } = context
  const { renders, executes } = logOf(context.observer, recaptchaWatch)
  const widgets = list<RecaptchaWidget>()
  const scripts: RecaptchaScan['scripts'] = { enterprise: false, plain: false }
  const scoreKeys = list<string>()
  const frames = list<Frame>()
  const challenges = list<Frame>()
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
  for (let index = 0; index < scoreKeys.size; index++) addScore(scoreKeys[index] as string)
  for (let index = 0; index < executes.size; index++) {
    const { target, enterprise } = executes[index] as Execute
    if (typeof target === 'string') addScore(target, enterprise)
  }
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
      addScoreKey(parameter(p, src, 'render'))
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
    const clients = own(p, own(p, window, '___grecaptcha_cfg'), 'clients')
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
      if (dom.isElement(value)) {
        if (elements.size < 20) push(elements, value)
        return true
      }
      return value === window || value === document
    })
    return params ? { params, elements, words } : { elements, words }
  }

  /** Of a client's elements, the one into which it was rendered. */
  function elementOf(client: Client, anchor: Frame | undefined): Element | undefined {
    let best: Element | undefined
    for (let index = 0; index < client.elements.size; index++) {
      const element = client.elements[index] as Element
      if (dom.attribute(element, 'data-sitekey') !== undefined) return element
      const around = anchor?.element !== undefined && dom.contains(element, anchor.element)
      // The innermost around the frame; without a frame, the first that is in the page.
      if (around ? !best || !anchor?.element || dom.contains(best, element) : !best && dom.isInDocument(element))
        best = element
    }
    return best
  }

  function addRender({ n, container, params, enterprise }: Render): void {
    const element = typeof container === 'string' ? dom.byId(container) : container
    const number = typeof n === 'number' ? n : undefined
    let widget = number === undefined ? undefined : findWidget((other) => other.n === number)
    // Rendered more than once under one id (the script was loaded again): the latest counts.
    if (widget?.enterprise !== undefined) return
    widget ??= push(widgets, {})
    if (number !== undefined) widget.n = number
    widget.enterprise = enterprise
    if (typeof params === 'object' && params !== null) widget.params = params
    if (dom.isElement(element)) widget.element = element
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
      (element && findWidget((other) => !!other.element && !other.anchor && dom.contains(other.element, element))) ??
      findWidget((other) => !other.anchor && sitekeyOf(context, other) === key && canHold(other, frame))
    if (widget) {
      widget.anchor = frame
      return
    }
    const around = element && dom.parent(element)
    push(widgets, dom.isElement(around) ? { anchor: frame, element: around } : { anchor: frame })
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
      (other) => (other.n ?? FIRST_SCORE_CLIENT) >= FIRST_SCORE_CLIENT && sitekeyOf(context, other) === key,
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
      if (!sitekeyOf(context, widget)) continue
      if (widget.score) addActions(kept, widget)
      else add(kept, widget)
    }
    return kept
  }

  /** A score widget is listed once for each action that the page has executed. */
  function addActions(kept: List<RecaptchaWidget>, widget: RecaptchaWidget): void {
    const key = sitekeyOf(context, widget)
    let named = 0
    for (let index = 0; index < executes.size; index++) {
      const { target, action } = executes[index] as Execute
      if (action === undefined || (target !== key && target !== widget.n)) continue
      add(kept, { ...widget, action })
      named++
    }
    if (named === 0) add(kept, widget)
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
}

/** A parameter of the widget: from the page's call, else from the element's `data-` attribute. */
export function setting({ p, dom }: PageContext, { params, client, element }: RecaptchaWidget, name: string): unknown {
  const given = read(p, params, name) ?? read(p, client?.params, name)
  return given ?? (element && dom.attribute(element, `data-${name}`))
}

export function sitekeyOf(context: PageContext, widget: RecaptchaWidget): string | undefined {
  const key = trimmed(context.p, setting(context, widget, 'sitekey'))
  return key ?? (widget.anchor && trimmed(context.p, parameter(context.p, widget.anchor.url, 'k')))
}
