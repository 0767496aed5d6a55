import { eitherNotified, invokeCallback, unlessUnseen } from '../../../page-kit/callback.js'
import { hideChallenges, isAnyOpen } from '../../../page-kit/challenge-popup.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageContext, type PageFamily, viewsOf, type WidgetView } from '../../../page-kit/family.js'
import { valueIn } from '../../../page-kit/fields.js'
import { push } from '../../../page-kit/primordials.js'
import type { NotifyResult, PageSolution } from '../../../page-kit/protocol.js'
import { own } from '../../../page-kit/safe-read.js'
import { hostOf, text, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import type { RecaptchaFacts } from './facts.js'
import { createField, fieldsOf } from './fields.js'
import { challengeElements, isButton, isEnterprise, isInvisible } from './kind.js'
import { scanFrame } from './scan.js'
import { type Execute, nameOf, type PendingToken, type RecaptchaLog, readyKey, type ScoreToken } from './watch.js'
import { isDrawn, isSeen, type RecaptchaScan, type RecaptchaWidget, setting, sitekeyOf } from './widget.js'

/** A bound on the calls that one solution ends. A page with more calls for one widget waits for none of them. */
const MAX_WAITING = 100

interface RecaptchaView extends WidgetView {
  readonly widget: RecaptchaWidget
  facts(): RecaptchaFacts
}

/**
 * The page half of reCAPTCHA, all variants.
 *
 * @see https://developers.google.com/recaptcha/docs/display
 * @see https://developers.google.com/recaptcha/docs/invisible
 * @see https://developers.google.com/recaptcha/docs/v3
 */
export const recaptcha: PageFamily = {
  script: { globals: ['grecaptcha'], addresses: ['/recaptcha/'] },
  scan(context, max) {
    const scan = scanFrame(context, max)
    return viewsOf(scan, (widget) => createView(context, scan, widget))
  },
}

function createView(context: PageContext, scan: RecaptchaScan, widget: RecaptchaWidget): RecaptchaView {
  const { p, dom } = context
  const log = logOf<RecaptchaLog>(context.observer, 'recaptcha')
  const sitekey = sitekeyOf(context, widget) as string
  const enterprise = isEnterprise(context, scan, widget)
  const invisible = isInvisible(context, widget)
  const kind = widget.score ? 'score' : invisible ? 'invisible' : 'checkbox'
  const challenges = challengeElements(context, scan.challenges, widget)
  const answer = kind === 'score' ? '' : answerNow()

  const view: RecaptchaView = {
    widget,
    facts() {
      const challenged = isAnyOpen(context, challenges)
      return {
        kind,
        enterprise,
        sitekey,
        ambiguous: enterprise && !!widget.rendered,
        action: widget.action ?? trimmed(p, setting(context, widget, 'action')),
        dataS: text(setting(context, widget, 's')),
        host: (widget.anchor && hostOf(p, widget.anchor.url)) || scan.scripts.host,
        visible: kind === 'checkbox' && (!widget.element || dom.seen(widget.element, widget.anchor?.element)),
        answered: answer !== '' && !isExecutedAgain(),
        executed: kind === 'score' ? pending() !== undefined : challenged || isExecuted(),
        unheld: kind === 'score' && isUnheld(),
        challenged,
        hinted: !widget.element && !widget.params && widget.n === undefined && !widget.anchor?.element,
        widgetId: widget.n === undefined ? undefined : `${widget.n}`,
        frameName: widget.anchor?.name,
        callback: callbackName(),
        size: text(setting(context, widget, 'size')),
        theme: text(setting(context, widget, 'theme')),
        hasField: fieldsOf(context, scan, widget).size > 0,
        hasChallengeFrame: challenges.size > 0,
        inViewport: isInViewport(),
      }
    },
    drawn: isDrawn(widget),
    answer,
    ownId: widget.n,
    copied: isCopied(),
    same(other) {
      const that = (other as RecaptchaView).widget
      if (widget.score || that.score) {
        if (!widget.score || !that.score || widget.action !== that.action || widget.n !== that.n) return false
        return sitekeyOf(context, that) === sitekey
      }
      if (widget.element && that.element) return widget.element === that.element
      if (widget.n !== undefined && that.n !== undefined) return widget.n === that.n
      return !!widget.anchor?.name && widget.anchor.name === that.anchor?.name
    },
    executions,
    inject(solution) {
      const expiresAt = p.now() + solution.lifetimeMs
      if (kind === 'score') {
        if (widget.rendered) fill(solution, expiresAt)
        const waiting = pending()
        if (waiting) waiting.answer(solution.token)
        else keep({ token: solution.token, expiresAt })
        return 'ok'
      }
      if (solution.unlessAnswered && answer && !isExecutedAgain()) return 'answered'
      fill(solution, expiresAt)
      return 'ok'
    },
    notifyPage({ token }) {
      // A score token was given to the page's call, or is kept for its next one. What the page rendered may have a
      // callback, too.
      if (kind === 'score')
        return widget.rendered && !isKept(token) ? eitherNotified('notified', callBack(token)) : 'notified'
      const waited = endWaiting((one) => one.answer(token))
      const called = callBack(token)
      return waited ? eitherNotified('notified', called) : unlessUnseen(called, isSeen(context, widget))
    },
    release() {
      endWaiting((one) => one.passOn())
    },
  }
  return view

  function callbackName(): string | undefined {
    const callback = setting(context, widget, 'callback')
    return typeof callback === 'function' ? (text(own(p, callback, 'name')) ?? 'anonymous') : trimmed(p, callback)
  }

  function isInViewport(): boolean {
    const element = widget.anchor?.element ?? widget.element
    try {
      // The page's own: it decides nothing that a page could not decide otherwise.
      const { top, left, bottom, right } = p.apply(Element.prototype.getBoundingClientRect, element as Element, [])
      return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth
    } catch {
      return false
    }
  }

  /** Whether the page may have executed it before its calls were recorded, and has not since. */
  function isUnheld(): boolean {
    const clients = own(p, own(p, window, '___grecaptcha_cfg'), 'clients')
    return !!log.late && log.late === clients && executions() === 0
  }

  function executions(): number {
    let count = 0
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if (isTarget(entry)) count += entry.calls
    }
    return count
  }

  function callBack(token: string): NotifyResult {
    return invokeCallback(p, setting(context, widget, 'callback'), [token])
  }

  /** Keeps a token for the next `execute`. A button has none: its click is the vendor's own affair. */
  function keep(token: ScoreToken): void {
    if (widget.element && isButton(context, widget.element)) return
    const ready: ScoreToken = widget.rendered ? { ...token, onUsed: () => callBack(token.token) } : token
    log.ready[readyKey(sitekey, widget.action)] = ready
    if (widget.n === undefined) return
    log.ready[readyKey(`${widget.n}`, widget.action)] = ready
    if (isFirst()) log.ready[readyKey('', widget.action)] = ready
  }

  function isKept(token: string): boolean {
    return log.ready[readyKey(sitekey, widget.action)]?.token === token
  }

  function isFirst(): boolean {
    for (let index = 0; index < scan.widgets.size; index++) {
      const { n, score, rendered } = scan.widgets[index] as RecaptchaWidget
      if (n !== undefined && (!score || rendered)) {
        if (widget.n === undefined || n < widget.n) return false
      }
    }
    return true
  }

  /** A call without an id is about the first widget. */
  function isTarget({ target, action }: Execute): boolean {
    const numbered = target === undefined ? isFirst() : nameOf(target) === `${widget.n}`
    if (!widget.score) return numbered
    const own = target === sitekey || (!!target && target === widget.element) || (widget.rendered && numbered)
    if (!own) return false
    return widget.action === undefined || widget.action === action
  }

  function pending() {
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if (entry.pending.size > 0 && isTarget(entry)) return entry.pending[0]
    }
    return undefined
  }

  /** Ends every call that waits for this widget. @returns whether there was one */
  function endWaiting(end: (one: PendingToken) => void): boolean {
    const waited = pending() !== undefined
    for (let one = pending(), left = MAX_WAITING; one && left > 0; one = pending(), left--) end(one)
    return waited
  }

  function isExecuted(): boolean {
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if ((entry.ongoing || entry.pending.size > 0) && isTarget(entry)) return true
    }
    return false
  }

  function answerNow(): string {
    const value = valueIn(dom, fieldsOf(context, scan, widget), widget.box ?? widget.element)
    return value || (widget.n === undefined ? '' : (text(response(widget.n)) ?? ''))
  }

  /** Whether the page has executed it since we answered it, and waits: its challenge begins anew then. */
  function isExecutedAgain(): boolean {
    return log.answers[`${widget.n}`]?.token === answer && isExecuted()
  }

  /** Whether the frame in its element has the name of another widget's: the vendor's script names each anew. */
  function isCopied(): boolean {
    const { element, n, anchor, score } = widget
    return !!element && n === undefined && !anchor && !score && dom.inElement(element, 'iframe[name^="a-"]').length > 0
  }

  /** The answer that the vendor's own script returns to the page. */
  function response(n: number): unknown {
    const api = own(p, window, 'grecaptcha')
    const call = own(p, enterprise ? (own(p, api, 'enterprise') ?? api) : api, 'getResponse')
    try {
      return typeof call === 'function' && p.apply(call as (n: number) => unknown, api, [n])
    } catch {
      return undefined
    }
  }

  function fill({ token, lifetimeMs }: PageSolution, expiresAt: number): void {
    const fields = fieldsOf(context, scan, widget)
    if (fields.size === 0) push(fields, createField(context, widget))
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    const injected: ScoreToken = { token, expiresAt }
    if (widget.n !== undefined) log.answers[`${widget.n}`] = injected
    if (isFirst()) log.answers[''] = injected
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if (isTarget(entry)) entry.ongoing = false
    }
    const name = widget.n === undefined ? undefined : `${widget.n}`
    const isCurrent = () => (name === undefined || log.answers[name] === injected) && !isExecuted()
    hideChallenges(context, challenges, isCurrent)
    expireLater(context, fields, token, lifetimeMs, () =>
      invokeCallback(p, setting(context, widget, 'expired-callback'), []),
    )
  }
}
