import type { ApiCall, ApiLog, InjectedToken, PendingPromise } from './api-watch.js'
import { eitherNotified, invokeCallback, unlessUnseen } from './callback.js'
import { expireLater } from './expiry.js'
import { type PageContext, type PageFamily, viewsOf, type WidgetView } from './family.js'
import { addFields, ownForm, valueIn } from './fields.js'
import { isLeftOver } from './left-over.js'
import { overrideMethod } from './method-override.js'
import { beginDrawings, isLateDrawing } from './originals.js'
import { find, includes, type List, list, push, pushBounded, remove } from './primordials.js'
import type { NotifyResult, PageSolution } from './protocol.js'
import { own, read, whileLoaded } from './safe-read.js'
import { text, trimmed } from './text.js'
import { logOf } from './watcher.js'

/** A widget that the page's HTML, or its calls, render. Every part may be missing. */
export interface RenderedWidget {
  /** The vendor's id of the widget, a text or a number. */
  id?: unknown
  /** The element around it. */
  element?: Element
  /** Whether the page's call of `render` was recorded, which returned the id. */
  rendered?: boolean
  /** The arguments of `render`, as the page has them. */
  params?: object
  /** Whether the page has called `execute`, and no call has ended it since. */
  executed?: boolean
  removed?: boolean
  /** Whether the page has copied the drawing of another one. */
  copied?: boolean
}

/** Facts that all of these vendors have. */
export type RenderedFacts = {
  readonly sitekey: string | undefined
  /** Whether it waits for the page to call `execute`. */
  readonly waits: boolean
  readonly visible: boolean
  readonly answered: boolean
  readonly executed: boolean
}

/**
 * A vendor whose script renders the elements of a class, and what the page renders by `render(element, parameters)`;
 * its other functions take the id that `render` returned, or mean the first widget.
 */
export interface RenderedVendor {
  /** The name of the family. */
  readonly family: string
  /** The property of the window. */
  readonly api: string
  /** The class of the elements that its script renders by itself. */
  readonly className: string
  /** The name of its field. */
  readonly field: string
  /** Its parameters, and their `data-` attributes. */
  readonly callback: readonly [parameter: string, attribute: string]
  readonly expired: readonly [parameter: string, attribute: string]
  /** Parts of its script's addresses, its own first. */
  readonly addresses: readonly [string, ...string[]]
  /** Its script's parameter `render` where it leaves drawing to the page. */
  readonly explicit: string
  /** The function that removes a widget, and whether it removes the first one where no id is given. */
  readonly removes: string
  readonly removesFirst: boolean
  /** Whether the page has to execute such a widget. */
  waits(setting: (parameter: string, attribute?: string) => unknown): boolean
  /** The id of the widget that the script rendered from the n-th element of its class, if that can be known. */
  readonly idOfElement?: (n: number) => unknown
  /** Reports a solution to the page in other ways than by its callback. */
  readonly notify?: (context: PageContext, calls: List<ApiCall>, widget: RenderedWidget, token: string) => NotifyResult
  /** The function that resolves with the answer of a widget that has one. */
  readonly repeats?: string
  /** Facts that this vendor alone has. */
  readonly moreFacts?: () => Readonly<Record<string, string | undefined>>
  /** Hides the vendor's challenge, which is not needed any more. */
  readonly hide?: (context: PageContext, stillAnswered: () => boolean) => void
}

interface RenderedView extends WidgetView {
  readonly widget: RenderedWidget
  readonly drawn: boolean
}

const MAX_FOUND = 1_000

/** The elements that held something when they were last seen, for which the vendor's script had drawn by then. */
const filled = list<Element>()
/** An element of the page's HTML that the vendor's script has rendered, and the id of its widget. */
interface Numbered {
  readonly element: Element
  readonly id: unknown
}

const numbered = list<Numbered>()
/** The fields that were created here, where a vendor's script had drawn none yet. */
const created = list<Element>()

/** The family of such a vendor. */
export function renderedFamily(vendor: RenderedVendor): PageFamily {
  return {
    script: { globals: [vendor.api], addresses: vendor.addresses },
    scan(context, max) {
      const { widgets, omitted } = scanFrame(context, vendor, max)
      return viewsOf({ widgets, omitted }, (widget) => createView(context, vendor, widgets, widget))
    },
  }
}

/** Joins what the page shows and the recorded calls. */
function scanFrame(context: PageContext, vendor: RenderedVendor, max: number) {
  const { dom } = context
  const { calls } = logOf<ApiLog>(context.observer, vendor.family)
  const widgets = list<RenderedWidget>()
  let omitted = 0
  const isFirstScan = beginDrawings(own(context.p, window, vendor.api))
  const roots = dom.roots()
  for (let index = 0; index < roots.size; index++) {
    const found = dom.all(roots[index] as Document, tagsOf(vendor))
    for (let at = 0; at < found.length && at < MAX_FOUND; at++) {
      const element = found[at] as Element
      const drawn = isDrawn(context, vendor, element)
      const copied = isLateDrawing(element, drawn, isFirstScan)
      push(widgets, { element, copied, id: drawn && !copied ? idOf(element, widgets.size) : undefined })
    }
  }
  for (let index = 0; index < calls.size; index++) {
    const { name, target, params, result } = calls[index] as ApiCall
    if (name === 'render') addRender(target, params, result)
    else if (target !== undefined || name !== vendor.removes || vendor.removesFirst) apply(name, widgetOf(target))
  }
  const kept = list<RenderedWidget>()
  for (let index = 0; index < widgets.size; index++) {
    const widget = widgets[index] as RenderedWidget
    if (!isPresent(widget) || isEmptied(widget) || isUndrawn(widget) || !sitekeyOf(context, widget)) continue
    if (kept.size < max) push(kept, widget)
    else omitted++
  }
  return { widgets: kept, omitted }

  /** The vendor's id of an element's widget, once and for all: a page may put copies of the element before it. */
  function idOf(element: Element, n: number): unknown {
    for (let index = numbered.size - 1; index >= 0; index--) {
      const one = numbered[index] as Numbered
      if (!dom.isInDocument(one.element)) remove(numbered, one)
    }
    const known = find(numbered, (one) => one.element === element)
    if (known || !vendor.idOfElement) return known?.id
    let id = vendor.idOfElement(n)
    while (find(numbered, (one) => one.id === id)) id = vendor.idOfElement(++n)
    return pushBounded(numbered, { element, id }).id
  }

  /** The latest widget of an element is the one that is in it. */
  function addRender(target: unknown, params: unknown, id: unknown): void {
    const element = typeof target === 'string' ? (dom.byId(target) ?? dom.select(target)) : target
    if (!dom.isElement(element) || id === undefined || widgets.size >= MAX_FOUND) return
    const widget = find(widgets, (other) => other.element === element) ?? push<RenderedWidget>(widgets, { element })
    // A script that is loaded anew may give out the ids of the one before.
    const before = find(widgets, (other) => other.id === id && other !== widget)
    if (before) before.removed = true
    widget.id = id
    widget.rendered = true
    widget.removed = false
    widget.executed = false
    if (typeof params === 'object' && params !== null) widget.params = params
    else delete widget.params
  }

  function apply(name: string, widget: RenderedWidget | undefined): void {
    if (!widget) return
    if (name === vendor.removes) widget.removed = true
    else if (name === 'reset') widget.executed = false
    else if (name === 'execute') widget.executed = true
  }

  /** The widget of a call: without an id, the first one. */
  function widgetOf(id: unknown): RenderedWidget | undefined {
    return find(widgets, (widget) => isPresent(widget) && (id === undefined || widget.id === id))
  }

  function isPresent({ removed, element }: RenderedWidget): boolean {
    return !removed && (!element || dom.isInDocument(element))
  }

  /** Whether the vendor's script will never draw into the element. */
  function isUndrawn({ element, rendered }: RenderedWidget): boolean {
    if (!element || rendered) return false
    return isLeftOver(context, element, tagsOf(vendor), vendor.api, vendor.addresses[0], vendor.explicit)
  }

  /** Whether the page has emptied the element since the vendor's script drew into it. */
  function isEmptied({ element }: RenderedWidget): boolean {
    if (!element) return false
    const known = includes(filled, element)
    if (dom.inElement(element, '*').length === 0) return known
    if (!known && isDrawn(context, vendor, element)) pushBounded(filled, element)
    return false
  }
}

/** Whether the vendor's script has drawn into an element: its field is there. */
function isDrawn({ dom }: PageContext, vendor: RenderedVendor, element: Element): boolean {
  const fields = dom.inElement(element, fieldSelector(vendor))
  for (let index = 0; index < fields.length; index++) if (!includes(created, fields[index])) return true
  return false
}

function tagsOf({ className }: RenderedVendor): string {
  return `.${className}[data-sitekey]`
}

function fieldSelector({ field }: RenderedVendor): string {
  return `input[name="${field}"],textarea[name="${field}"]`
}

/** A parameter of the widget: from the page's call, else from the element's `data-` attribute. */
function setting({ p, dom }: PageContext, { params, element }: RenderedWidget, name: string, attribute = name) {
  return read(p, params, name) ?? (element && dom.attribute(element, `data-${attribute}`))
}

function sitekeyOf(context: PageContext, widget: RenderedWidget): string | undefined {
  return trimmed(context.p, setting(context, widget, 'sitekey'))
}

function createView(
  context: PageContext,
  vendor: RenderedVendor,
  widgets: List<RenderedWidget>,
  widget: RenderedWidget,
): RenderedView {
  const { p, dom, observer } = context
  const { calls, injected, pending } = logOf<ApiLog>(observer, vendor.family)
  const { id } = widget
  const element = widget.element as Element
  const isFirst = widgets[0] === widget
  const drawn = isDrawn(context, vendor, element)
  const answer = answerNow()
  const waits = vendor.waits((name, attribute) => setting(context, widget, name, attribute))

  return {
    widget,
    facts: () => {
      const facts: RenderedFacts = {
        sitekey: sitekeyOf(context, widget),
        waits,
        visible: !waits && dom.seen(element),
        answered: answer !== '' && !isExecutedAgain(),
        executed: widget.executed === true || pendingPromise() !== undefined,
      }
      return { ...facts, ...vendor.moreFacts?.() }
    },
    drawn,
    answer,
    ownId: widget.rendered ? id : undefined,
    copied: widget.copied === true && !widget.rendered,
    same(other) {
      const that = other as RenderedView
      if (that.widget.element !== element) return false
      // Its id is known once it is drawn. Another one is what the page has rendered into its element since.
      return that.widget.id === id || !that.drawn || !drawn
    },
    inject(solution) {
      if (solution.unlessAnswered && answerNow() && !isExecutedAgain()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage({ token }) {
      const waiting = pendingPromise()
      waiting?.answer(token)
      const called = invokeCallback(p, setting(context, widget, ...vendor.callback), [token])
      const listened = vendor.notify?.(context, calls, widget, token) ?? 'no-callback'
      const isSeen = widget.params !== undefined || dom.attribute(element, 'data-sitekey') !== undefined
      return unlessUnseen(
        eitherNotified(waiting ? 'notified' : 'no-callback', eitherNotified(called, listened)),
        isSeen,
      )
    },
    release() {},
  }

  /** Whether the page has executed it since it was answered, and waits: its challenge begins anew then. */
  function isExecutedAgain(): boolean {
    if (vendor.repeats) return false
    const isOurs = find(injected, (one) => one.token === answer) !== undefined
    return pendingPromise() !== undefined || (isOurs && widget.executed === true)
  }

  function matchesTarget(target: unknown): boolean {
    return target === undefined ? isFirst : target === id
  }

  /** The promise of a call for which the page waits. */
  function pendingPromise(): PendingPromise | undefined {
    for (let index = 0; index < pending.size; index++) {
      const one = pending[index] as PendingPromise
      if (matchesTarget(one.target)) return one
    }
    return undefined
  }

  function fieldsOf(): List<Element> {
    const selector = fieldSelector(vendor)
    const fields = list<Element>()
    addFields(fields, dom.inElement(element, selector))
    const form = ownForm(dom, element, widgets)
    if (form) addFields(fields, dom.inElement(form, selector))
    return fields
  }

  function answerNow(): string {
    // The vendor's script fills its own field with its answer, which is not the one from before it drew.
    return valueIn(dom, fieldsOf(), element) || (drawn ? '' : (response() ?? ''))
  }

  /** The answer that the vendor's own script returns to the page. */
  function response(): string | undefined {
    const api = own(p, window, vendor.api)
    const call = own(p, api, 'getResponse')
    if (typeof call !== 'function' || (id === undefined && !isFirst)) return undefined
    try {
      return text(p.apply(call as (target: unknown) => unknown, api, [id]))
    } catch {
      return undefined
    }
  }

  function fill({ token, lifetimeMs }: PageSolution): void {
    const fields = fieldsOf()
    if (fields.size === 0) {
      const field = dom.create('input')
      field.setAttribute('type', 'hidden')
      field.setAttribute('name', vendor.field)
      dom.append(element, field)
      push(fields, pushBounded(created, field))
    }
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    // The same answer, put in again once the widget was drawn.
    remove(
      injected,
      find(injected, (one) => one.token === token),
    )
    const isCurrent = whileLoaded(p, vendor.api)
    const entry: InjectedToken = {
      token,
      key: '',
      expiresAt: p.now() + lifetimeMs,
      get isDefault() {
        return isFirst && isCurrent()
      },
      matchesTarget: (target) => matchesTarget(target) && isCurrent(),
    }
    pushBounded(injected, entry)
    endExecutes()
    if (vendor.repeats) repeat(vendor.repeats, entry)
    vendor.hide?.(context, () => includes(injected, entry))
    expireLater(context, fields, token, lifetimeMs, () => {
      if (!includes(injected, entry)) return
      remove(injected, entry)
      invokeCallback(p, setting(context, widget, ...vendor.expired), [])
    })
  }

  /**
   * Lets a function of the vendor's resolve with our answer, for as long as the widget has it. In a task of its own, as
   * after a round trip: a form that is firing its submit event ignores another submission.
   */
  function repeat(name: string, entry: InjectedToken): void {
    const removeOverride = overrideMethod(context, own(p, window, vendor.api), name, (call, self, args) => {
      const isValid = includes(injected, entry) && p.now() < entry.expiresAt
      if (!isValid) removeOverride()
      if (!isValid || !matchesTarget(args[0])) return p.apply(call, self, args)
      return new p.Promise((resolve) => p.apply(p.setTimeout, window, [() => resolve(entry.token)]))
    })
  }

  /** Ends the recorded `execute` calls of this widget. */
  function endExecutes(): void {
    for (let index = calls.size - 1; index >= 0; index--) {
      const call = calls[index] as ApiCall
      if (call.name === 'execute' && matchesTarget(call.target)) remove(calls, call)
    }
  }
}
