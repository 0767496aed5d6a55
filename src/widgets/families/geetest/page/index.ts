import { eitherNotified, invokeCallback, unlessUnseen } from '../../../page-kit/callback.js'
import { runLater } from '../../../page-kit/expiry.js'
import { type PageContext, type PageFamily, viewsOf, type WidgetView } from '../../../page-kit/family.js'
import { valueIn } from '../../../page-kit/fields.js'
import { overrideMethod } from '../../../page-kit/method-override.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { NotifyResult, PageSolution } from '../../../page-kit/protocol.js'
import { read } from '../../../page-kit/safe-read.js'
import { text, trimmed } from '../../../page-kit/text.js'
import type { GeetestFacts } from './facts.js'
import { createField, fieldsOf, namesOf, proofOf, uncover } from './fields.js'
import { type GeetestScan, type GeetestWidget, keyOf, placesOf, scanFrame, setting, VERSIONS } from './scan.js'
import { type InjectedSolution, isOpen } from './watch.js'

interface GeetestView extends WidgetView {
  readonly widget: GeetestWidget
  facts(): GeetestFacts
}

/**
 * The page half of GeeTest v3 and v4.
 *
 * @see https://docs.geetest.com/install/apirefer/api/web (v3)
 * @see https://docs.geetest.com/BehaviorVerification/apirefer/api/web (v4)
 */
export const geetest: PageFamily = {
  scan(context, max) {
    const scan = scanFrame(context, max)
    return viewsOf(scan, (widget) => createView(context, scan, widget))
  },
}

function createView(context: PageContext, scan: GeetestScan, widget: GeetestWidget): GeetestView {
  const { p, dom } = context
  const { element, instance, v4 } = widget
  const answer = answerNow()
  const bound = setting(context, widget, 'product') === 'bind'

  const view: GeetestView = {
    widget,
    facts: () => ({
      v4,
      sitekey: keyOf(context, widget),
      challenge: trimmed(p, setting(context, widget, 'challenge')) ?? widget.request?.challenge,
      host: v4 ? undefined : (text(setting(context, widget, 'api_server')) ?? widget.request?.host),
      bound,
      visible: !bound && !!element && dom.seen(element),
      answered: answer !== '',
      executed: instance !== undefined && isOpen(instance),
    }),
    // Bound to a button of the page, it draws nothing before it is opened.
    drawn: !instance || !element || dom.inElement(element, VERSIONS[v4 ? 1 : 0].holder).length > 0,
    isOurs: instance?.injected !== undefined,
    answer,
    ownId: instance?.vendorObject,
    copied: widget.copied === true,
    same(other) {
      const that = (other as GeetestView).widget
      if (instance && that.instance && instance.vendorObject === that.instance.vendorObject) return true
      // Drawn again in one element, it is still the one widget there.
      const alone = !instance || !that.instance || (!widget.shared && !that.shared)
      return alone && element !== undefined && element === that.element
    },
    inject(solution) {
      if (solution.unlessAnswered && answerNow()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage() {
      // A copy: the page may register another callback while one runs.
      const callbacks = list<unknown>()
      const registered = instance?.callbacks
      for (let index = 0; registered && index < registered.size; index++) push(callbacks, registered[index])
      let result: NotifyResult = 'no-callback'
      for (let index = 0; index < callbacks.size; index++)
        result = eitherNotified(result, invokeCallback(p, callbacks[index], []))
      // Only of an object whose parameters are known, all calls were seen.
      return unlessUnseen(result, instance?.params !== undefined)
    },
    release() {},
  }
  return view

  function answerNow(): string {
    const proof = proofOf(widget)
    const call = read(p, instance?.vendorObject, 'getValidate')
    // The page's own fields of the same names may have the values of before.
    if (typeof call !== 'function') return valueIn(dom, fieldsOf(context, scan, widget, proof), element)
    try {
      const answer: unknown = p.apply(call as () => unknown, instance?.vendorObject, [])
      return answer ? (text(read(p, answer, proof)) ?? 'unreadable') : ''
    } catch {
      return ''
    }
  }

  function fill({ fields: values, lifetimeMs }: PageSolution): void {
    const names = namesOf(widget)
    const filled = list<{ readonly field: Element; readonly value: string }>()
    const put = (into: GeetestWidget) => {
      for (let at = 0; at < names.length; at++) {
        const name = names[at] as string
        const value = values[name] ?? ''
        const fields: List<Element> = fieldsOf(context, scan, into, name)
        const made = fields.size === 0 ? createField(context, into, name) : undefined
        if (made) push(fields, made)
        for (let index = 0; index < fields.size; index++) {
          const field = fields[index] as Element
          dom.setValue(field, value)
          push(filled, { field, value })
        }
      }
    }
    put(widget)
    const clear = () => {
      for (let index = 0; index < filled.size; index++) {
        const { field, value } = filled[index] as { field: Element; value: string }
        if (dom.value(field) === value) dom.setValue(field, '')
      }
    }
    if (instance) {
      const expiresAt = p.now() + lifetimeMs
      const injected: InjectedSolution = {
        values: () => (p.now() < expiresAt ? copyOf(values, names) : undefined),
        clear,
      }
      if (isOpen(instance) || scan.widgets.size === 1) uncover(context)
      instance.injected = injected
      instance.lastEvent = ''
      const isCurrent = () => instance.injected === injected && p.now() < expiresAt
      refillAfter('appendTo', isCurrent, put)
      refillAfter('bindForm', isCurrent, put)
    }
    runLater(context, lifetimeMs, clear)
  }

  /** Fills the fields that the vendor's script draws when the page calls a method: it does not know the answer. */
  function refillAfter(method: string, isCurrent: () => boolean, put: (into: GeetestWidget) => void): void {
    const removeOverride = overrideMethod(context, instance?.vendorObject, method, (call, self, args) => {
      const result = p.apply(call, self, args)
      if (instance && isCurrent()) put({ ...widget, ...placesOf(context, instance) })
      else removeOverride()
      return result
    })
  }

  function copyOf(values: PageSolution['fields'], names: readonly string[]): object {
    const copy = {}
    for (let at = 0; at < names.length; at++) {
      const name = names[at] as string
      p.define(copy, name, { value: values[name] ?? '', enumerable: true, writable: true, configurable: true })
    }
    return copy
  }
}
