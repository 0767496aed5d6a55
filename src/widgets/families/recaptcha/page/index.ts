import { invokeCallback } from '../../../page-kit/callback.js'
import { hideChallenges, isAnyOpen } from '../../../page-kit/challenge-popup.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageContext, type PageFamily, viewsOf, type WidgetView } from '../../../page-kit/family.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own } from '../../../page-kit/safe-read.js'
import { has, hostOf, parameter, text, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import type { RecaptchaFacts } from './facts.js'
import { createField, fieldsOf } from './fields.js'
import { type Frame, type RecaptchaScan, type RecaptchaWidget, scanFrame, setting, sitekeyOf } from './scan.js'
import { type Execute, nameOf, type PendingToken, readyKey, recaptchaWatch, type ScoreToken } from './watch.js'

/** A bound on the calls that one solution ends. A page with more calls for one widget waits for none of them. */
const MAX_WAITING = 100

interface RecaptchaView extends WidgetView {
  readonly widget: RecaptchaWidget
  readonly facts: RecaptchaFacts
}

/**
 * The page half of reCAPTCHA, all variants.
 *
 * @see https://developers.google.com/recaptcha/docs/display
 * @see https://developers.google.com/recaptcha/docs/invisible
 * @see https://developers.google.com/recaptcha/docs/v3
 */
export const recaptcha: PageFamily = {
  scan(context, max) {
    const scan = scanFrame(context, max)
    return viewsOf(scan, (widget) => createView(context, scan, widget))
  },
}

function createView(context: PageContext, scan: RecaptchaScan, widget: RecaptchaWidget): RecaptchaView {
  const { p, dom } = context
  const log = logOf(context.observer, recaptchaWatch)
  const sitekey = sitekeyOf(context, widget) as string
  const enterprise = isEnterprise(context, scan, widget)
  const invisible = isInvisible(context, widget)
  const kind = widget.score ? 'score' : invisible ? 'invisible' : 'checkbox'
  const challenged = isAnyOpen(context, challengesOf(context, scan, widget))

  const view: RecaptchaView = {
    widget,
    facts: {
      kind,
      enterprise,
      sitekey,
      action: trimmed(p, widget.action ?? setting(context, widget, 'action')),
      dataS: text(setting(context, widget, 's')),
      host: (widget.anchor && hostOf(p, widget.anchor.url)) || scan.scripts.host,
      visible: kind === 'checkbox' && (!widget.element || dom.seen(widget.element, widget.anchor?.element)),
      answered: kind !== 'score' && isAnswered(),
      executed: kind === 'score' ? pending() !== undefined : challenged || isExecuted(),
      challenged,
      hinted: !widget.element && !widget.params && widget.n === undefined && !widget.anchor?.element,
    },
    same(other) {
      const that = (other as RecaptchaView).widget
      if (widget.score || that.score) {
        return !!widget.score && !!that.score && widget.action === that.action && sitekeyOf(context, that) === sitekey
      }
      if (widget.element && that.element) return widget.element === that.element
      if (widget.n !== undefined && that.n !== undefined) return widget.n === that.n
      return !!widget.anchor?.name && widget.anchor.name === that.anchor?.name
    },
    executions() {
      let count = 0
      for (let index = 0; index < log.executes.size; index++) {
        const entry = log.executes[index] as Execute
        if (isTarget(entry)) count += entry.calls
      }
      return count
    },
    inject(solution) {
      const expiresAt = p.now() + solution.lifetimeMs
      if (kind === 'score') {
        const waiting = pending()
        if (waiting) waiting.answer(solution.token)
        else log.ready[readyKey(sitekey, widget.action)] = { token: solution.token, expiresAt }
        return 'ok'
      }
      if (solution.unlessAnswered && isAnswered()) return 'answered'
      fill(solution, expiresAt)
      return 'ok'
    },
    notifyPage({ token }) {
      if (kind === 'score') return
      endWaiting((one) => one.answer(token))
      invokeCallback(p, setting(context, widget, 'callback'), [token])
    },
    release() {
      endWaiting((one) => one.release())
    },
  }
  return view

  function isFirst(): boolean {
    for (let index = 0; index < scan.widgets.size; index++) {
      const { n, score } = scan.widgets[index] as RecaptchaWidget
      if (n !== undefined && !score) {
        if (widget.n === undefined || n < widget.n) return false
      }
    }
    return true
  }

  /** A call without an id is about the first widget. */
  function isTarget({ target, action }: Execute): boolean {
    if (widget.score) {
      if (target !== sitekey && (target !== widget.n || target === undefined)) return false
      return widget.action === undefined || widget.action === action
    }
    return target === undefined ? isFirst() : nameOf(target) === `${widget.n}`
  }

  function pending() {
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if (entry.pending.size > 0 && isTarget(entry)) return entry.pending[0]
    }
    return undefined
  }

  /** Ends every call that waits for this widget. */
  function endWaiting(end: (one: PendingToken) => void): void {
    for (let one = pending(), left = MAX_WAITING; one && left > 0; one = pending(), left--) end(one)
  }

  function isExecuted(): boolean {
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if ((entry.open || entry.pending.size > 0) && isTarget(entry)) return true
    }
    return false
  }

  function isAnswered(): boolean {
    const fields = fieldsOf(context, scan, widget)
    for (let index = 0; index < fields.size; index++) if (dom.value(fields[index] as Element)) return true
    return widget.n !== undefined && !!response(widget.n)
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
      if (isTarget(entry)) entry.open = false
    }
    const name = widget.n === undefined ? undefined : `${widget.n}`
    const isCurrent = () => (name === undefined || log.answers[name] === injected) && !isExecuted()
    hideChallenges(context, challengesOf(context, scan, widget), isCurrent)
    expireLater(context, fields, token, lifetimeMs, () =>
      invokeCallback(p, setting(context, widget, 'expired-callback'), []),
    )
  }
}

function isEnterprise({ p }: PageContext, { scripts }: RecaptchaScan, widget: RecaptchaWidget): boolean {
  if (widget.anchor) return has(p, widget.anchor.url, '/recaptcha/enterprise/')
  return widget.enterprise ?? (scripts.enterprise && !scripts.plain)
}

function isInvisible(context: PageContext, widget: RecaptchaWidget): boolean {
  const { p, dom } = context
  const size = setting(context, widget, 'size') ?? (widget.anchor && parameter(p, widget.anchor.url, 'size'))
  if (size !== undefined) return size === 'invisible'
  if (text(setting(context, widget, 'bind')) !== undefined) return true
  const tag = widget.element && dom.tag(widget.element)
  return tag === 'button' || tag === 'input'
}

function challengesOf(
  { p }: PageContext,
  { challenges }: RecaptchaScan,
  { anchor, client }: RecaptchaWidget,
): List<Element> {
  const found = list<Element>()
  const id = anchor?.name ? p.apply(p.slice, anchor.name, [2]) : undefined
  for (let index = 0; index < challenges.size; index++) {
    const { element, name } = challenges[index] as Frame
    const own = p.apply(p.slice, name, [2])
    let matches = id !== undefined && own === id
    for (let at = 0; client && at < client.words.size && !matches; at++) matches = client.words[at] === own
    if (element && matches) push(found, element)
  }
  return found
}
