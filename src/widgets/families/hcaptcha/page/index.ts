import type { ApiCall, ApiLog, InjectedToken, PendingPromise } from '../../../page-kit/api-watch.js'
import { eitherNotified, invokeCallback, unlessUnseen } from '../../../page-kit/callback.js'
import { hideChallenges, isAnyOpen } from '../../../page-kit/challenge-popup.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageContext, type PageFamily, viewsOf, type WidgetView } from '../../../page-kit/family.js'
import { valueIn } from '../../../page-kit/fields.js'
import { find, includes, type List, list, push, pushBounded, remove } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own, whileLoaded } from '../../../page-kit/safe-read.js'
import { has, text } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import type { HcaptchaFacts } from './facts.js'
import { createField, fieldsOf } from './fields.js'
import {
  type Frame,
  firstOf,
  type HcaptchaScan,
  type HcaptchaWidget,
  isSeen,
  scanFrame,
  setting,
  sitekeyOf,
} from './scan.js'

const FRAME_ANSWER = 'data-hcaptcha-response'

interface HcaptchaView extends WidgetView {
  readonly widget: HcaptchaWidget
  facts(): HcaptchaFacts
}

/**
 * The page half of hCaptcha.
 *
 * @see https://docs.hcaptcha.com/configuration
 */
export const hcaptcha: PageFamily = {
  script: { globals: ['hcaptcha'], addresses: ['/1/api.js'] },
  scan(context, max) {
    const scan = scanFrame(context, max)
    return viewsOf(scan, (widget) => createView(context, scan, widget))
  },
}

function createView(context: PageContext, scan: HcaptchaScan, widget: HcaptchaWidget): HcaptchaView {
  const { p, dom } = context
  const { calls, injected, pending } = logOf<ApiLog>(context.observer, 'hcaptcha')
  const { id, element, frame } = widget
  const invisible = isInvisible(context, widget)
  const isFirst = firstOf(scan.widgets) === widget
  const answer = answerNow()

  const view: HcaptchaView = {
    widget,
    facts: () => ({
      kind: invisible ? 'invisible' : 'checkbox',
      sitekey: sitekeyOf(context, widget),
      rqdata: widget.rqdata ?? text(setting(context, widget, 'rqdata')),
      visible: !invisible && (!element || dom.seen(element, frame?.element)),
      answered: answer !== '' && !isExecutedAgain(),
      executed: widget.executed === true || pendingExecute() !== undefined,
      challenged: isAnyOpen(context, challengesOf(scan, widget)),
      hinted: !element && !widget.params && !widget.frame?.element,
    }),
    drawn: id !== undefined || frame !== undefined,
    answer,
    ownId: id,
    copied: isCopied(),
    same(other) {
      const that = (other as HcaptchaView).widget
      if (element && that.element) return element === that.element
      return id !== undefined && id === that.id
    },
    inject(solution) {
      if (solution.unlessAnswered && answerNow() && !isExecutedAgain()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage({ token, fields: { respKey: key = '' } }) {
      const waiting = pendingExecute()
      waiting?.answer({ response: token, key })
      const called = invokeCallback(p, setting(context, widget, 'callback'), [token, key])
      return waiting ? eitherNotified('notified', called) : unlessUnseen(called, isSeen(context, widget))
    },
    release() {},
  }
  return view

  /** The promise of an asynchronous `execute` for which the page waits. */
  function pendingExecute(): PendingPromise | undefined {
    for (let index = 0; index < pending.size; index++) {
      const one = pending[index] as PendingPromise
      if (matchesTarget(one.target)) return one
    }
    return undefined
  }

  /** Whether the page has executed it since it was answered, and waits: its challenge begins anew then. */
  function isExecutedAgain(): boolean {
    const isOurs = find(injected, (one) => one.token === answer) !== undefined
    return pendingExecute() !== undefined || (isOurs && widget.executed === true)
  }

  function matchesTarget(target: unknown): boolean {
    return target === undefined ? isFirst : id !== undefined && target === id
  }

  /** Ends the recorded `execute` calls of this widget. */
  function endExecutes(): void {
    for (let call = executeCall(); call; call = executeCall()) remove(calls, call)
  }

  function executeCall(): ApiCall | undefined {
    for (let index = 0; index < calls.size; index++) {
      const call = calls[index] as ApiCall
      if (call.name === 'execute' && matchesTarget(call.target)) return call
    }
    return undefined
  }

  function answerNow(): string {
    const value = valueIn(dom, fieldsOf(context, scan, widget), element)
    return value || (frame?.element && dom.attribute(frame.element, FRAME_ANSWER)) || (text(response()) ?? '')
  }

  /** Whether the frame in its element has the id of another widget's. */
  function isCopied(): boolean {
    return !!element && id === undefined && dom.inElement(element, 'iframe[data-hcaptcha-widget-id]').length > 0
  }

  /** The answer that the vendor's own script returns to the page. */
  function response(): unknown {
    const api = own(p, window, 'hcaptcha')
    const call = own(p, api, 'getResponse')
    if (id === undefined || typeof call !== 'function') return undefined
    try {
      return p.apply(call as (id: string) => unknown, api, [id])
    } catch {
      return undefined
    }
  }

  function setFrameAnswer(token: string): void {
    if (frame?.element) p.apply(Element.prototype.setAttribute, frame.element, [FRAME_ANSWER, token])
  }

  function fill({ token, fields: { respKey: key = '' }, lifetimeMs }: PageSolution): void {
    const fields = fieldsOf(context, scan, widget)
    if (fields.size === 0) push(fields, createField(context, widget))
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    setFrameAnswer(token)
    const isCurrent = whileLoaded(p, 'hcaptcha')
    const entry: InjectedToken = {
      token,
      key,
      expiresAt: p.now() + lifetimeMs,
      get isDefault() {
        return isFirst && isCurrent()
      },
      matchesTarget,
    }
    pushBounded(injected, entry)
    endExecutes()
    hideChallenges(context, challengesOf(scan, widget), () => includes(injected, entry) && !executeCall())
    expireLater(context, fields, token, lifetimeMs, () => {
      remove(injected, entry)
      setFrameAnswer('')
      invokeCallback(p, setting(context, widget, 'expired-callback'), [])
    })
  }
}

function isInvisible(context: PageContext, widget: HcaptchaWidget): boolean {
  const { p, dom } = context
  const size = setting(context, widget, 'size')
  if (typeof size === 'string' && size !== '') return size === 'invisible'
  if (widget.frame && (has(p, widget.frame.url, 'checkbox-invisible') || has(p, widget.frame.url, 'size=invisible'))) {
    return true
  }
  const tag = widget.element && dom.tag(widget.element)
  return tag === 'button' || tag === 'input'
}

function challengesOf({ challenges }: HcaptchaScan, { id }: HcaptchaWidget): List<Element> {
  const own = list<Element>()
  for (let index = 0; index < challenges.size; index++) {
    const { id: of, element } = challenges[index] as Frame
    if (id !== undefined && of === id && element) push(own, element)
  }
  return own
}
