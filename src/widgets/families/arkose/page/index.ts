import { scriptState } from '../../../page-kit/blocked.js'
import { eitherNotified, invokeCallback, unlessUnseen } from '../../../page-kit/callback.js'
import { hideChallenge } from '../../../page-kit/challenge-popup.js'
import { runLater } from '../../../page-kit/expiry.js'
import {
  type PageContext,
  type PageFamily,
  type VendorScript,
  viewsOf,
  type WidgetView,
} from '../../../page-kit/family.js'
import { addField, addFields, ownForm, valueIn } from '../../../page-kit/fields.js'
import { find, includes, type List, list, push, pushBounded, remove } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { read } from '../../../page-kit/safe-read.js'
import { text } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import type { ArkoseFacts } from './facts.js'
import { type ArkoseScan, type ArkoseWidget, FIELDS, scanFrame, setting } from './scan.js'
import { type ArkoseLog, isCompleted } from './watch.js'

interface ArkoseView extends WidgetView {
  readonly widget: ArkoseWidget
  facts(): ArkoseFacts
}

/**
 * The page half of Arkose (FunCaptcha).
 *
 * @see https://developer.arkoselabs.com/docs/client-api
 */
export const arkose: PageFamily = {
  scan(context, max) {
    const scan = scanFrame(context, max)
    return viewsOf(scan, (widget) => createView(context, scan, widget))
  },
}

/** The frames of inline challenges that were hidden because they are solved. */
const hidden = list<Element>()

/** The script of the older kind. */
const BOX_SCRIPT: VendorScript = { globals: ['FunCaptcha'], addresses: ['/fc/api/'] }

/** How many solutions were injected: a timer recognizes its own solution by this number. */
let solveCount = 0

function createView(context: PageContext, scan: ArkoseScan, widget: ArkoseWidget): ArkoseView {
  const { p, dom } = context
  const { passedTokens } = logOf<ArkoseLog>(context.observer, 'arkose')
  const { box, enforcement, field, frame, host, key, script } = widget
  const last = enforcement?.lastEvent
  const isOpen = last === 'onShow' || last === 'onShown'
  // The page has opened it again: what was hidden for an answer is shown.
  if (isOpen && frame && includes(hidden, frame)) {
    remove(hidden, frame)
    ;(frame as HTMLElement).style.display = ''
  }
  const answered = isAnswered()
  const isShown = isOpen && (!frame || dom.seen(frame, frame))

  const view: ArkoseView = {
    widget,
    facts: () => ({
      sitekey: key,
      host,
      blob: text(read(p, setting(context, widget, 'data'), 'blob')),
      visible: isVisible(),
      answered,
      executed: last === 'run' || isShown,
      hinted: widget.hinted === true,
    }),
    answer: answered ? valueIn(dom, fieldsOf()) : '',
    ownId: enforcement,
    copied: widget.copied === true,
    blocked: isWithoutScript(),
    same(other) {
      const that = (other as ArkoseView).widget
      if (enforcement && that.enforcement) return enforcement === that.enforcement
      if (box && that.box) return box === that.box
      return key === that.key
    },
    inject(solution) {
      if (solution.unlessAnswered && isAnswered()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage({ token }) {
      const completed = { token, completed: true, suppressed: false }
      const called = eitherNotified(
        invokeCallback(p, setting(context, widget, 'onCompleted'), [completed]),
        invokeCallback(p, box && dom.attribute(box, 'data-callback'), [token]),
      )
      return unlessUnseen(called, box !== undefined || enforcement?.params !== undefined)
    },
    release() {},
  }
  return view

  /**
   * With a known enforcement its events decide: the frame may be in the page, out of sight, long before its challenge
   * opens.
   */
  function isVisible(): boolean {
    if (enforcement) return isShown
    const element = box ?? frame
    return element !== undefined && dom.seen(element)
  }

  function isWithoutScript(): boolean {
    if (enforcement) return false
    if (!script) return box !== undefined && scriptState(context, BOX_SCRIPT) === 'blocked'
    return !!find(context.observer.scriptEvents, ({ type, target }) => target === script && type === 'error')
  }

  function isAnswered(): boolean {
    if (enforcement) return isCompleted(p, enforcement)
    const fields = fieldsOf()
    for (let index = 0; index < fields.size; index++) {
      if (includes(passedTokens, dom.value(fields[index] as Element))) return true
    }
    return false
  }

  /** The fields in its box and its form, or in the whole page if it is the only widget. */
  function fieldsOf(): List<Element> {
    const fields = list<Element>()
    if (field) addField(fields, field)
    if (box) {
      addFields(fields, dom.inElement(box, FIELDS))
      const form = ownForm(dom, box, boxes())
      if (form) addFields(fields, dom.inElement(form, FIELDS))
    }
    if (scan.widgets.size > 1) return fields
    const roots = dom.roots()
    for (let index = 0; index < roots.size; index++) addFields(fields, dom.all(roots[index] as Document, FIELDS))
    return fields
  }

  function boxes(): List<{ readonly element?: Element }> {
    const others = list<{ readonly element?: Element }>()
    for (let index = 0; index < scan.widgets.size; index++) {
      const other = scan.widgets[index] as ArkoseWidget
      if (other.box) push(others, { element: other.box })
    }
    return others
  }

  function fill({ token, lifetimeMs }: PageSolution): void {
    const fields = fieldsOf()
    if (fields.size === 0 && box) push(fields, createField(box))
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    pushBounded(passedTokens, token)
    const mark = `onCompleted ${++solveCount}`
    const clear = () => {
      remove(passedTokens, token)
      for (let index = 0; index < fields.size; index++) {
        if (dom.value(fields[index] as Element) === token) dom.setValue(fields[index] as Element, '')
      }
    }
    if (enforcement) {
      if (isOpen) hide()
      enforcement.lastEvent = mark
    }
    runLater(context, lifetimeMs, () => {
      clear()
      if (enforcement?.lastEvent === mark) enforcement.lastEvent = 'onReset'
    })
  }

  /** Hides the open challenge: everything that covers the page or, in inline mode, the one frame. */
  function hide(): void {
    if (!frame) return
    if (setting(context, widget, 'mode') === 'inline') {
      pushBounded(hidden, frame)
      ;(frame as HTMLElement).style.display = 'none'
    } else hideChallenge(context, frame)
  }

  function createField(into: Element): Element {
    const created = dom.create('input')
    created.setAttribute('type', 'hidden')
    created.setAttribute('name', 'fc-token')
    dom.append(into, created)
    return created
  }
}
