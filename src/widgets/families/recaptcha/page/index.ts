import { callBack } from '../../../page-kit/callback.js'
import { hideChallenges, isAnyOpen } from '../../../page-kit/challenge-popup.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageFamily, type Place, seenIn, type WidgetView } from '../../../page-kit/family.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own } from '../../../page-kit/safe-read.js'
import { has, hostOf, parameter, text } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { createField, fieldsOf } from './fields.js'
import { type Frame, gather, type Scene, setting, sitekeyOf, type Widget } from './scan.js'
import { type Execute, type Given, nameOf, type Pending, recaptchaWatch, slot } from './watch.js'

/** A page that makes more calls for one widget waits for none of them. */
const MOST_WAITING = 100

interface SeenWidget extends WidgetView {
  readonly widget: Widget
}

/** reCAPTCHA in all its variants, inside the page. */
export const recaptcha: PageFamily = {
  gather(place, most) {
    const scene = gather(place, most)
    return seenIn(scene, (widget) => describe(place, scene, widget))
  },
}

function describe(place: Place, scene: Scene, widget: Widget): SeenWidget {
  const { p, dom } = place
  const log = logOf(place.observer, recaptchaWatch)
  const sitekey = sitekeyOf(place, widget) as string
  const enterprise = isEnterprise(place, scene, widget)
  const invisible = isInvisible(place, widget)
  const kind = widget.score ? 'score' : invisible ? 'invisible' : 'checkbox'
  const challenged = isAnyOpen(place, challengesOf(place, scene, widget))

  const seen: SeenWidget = {
    widget,
    facts: {
      kind,
      enterprise,
      sitekey,
      action: text(widget.action ?? setting(place, widget, 'action')),
      dataS: text(setting(place, widget, 's')),
      host: (widget.anchor && hostOf(p, widget.anchor.url)) || scene.scripts.host,
      visible: kind === 'checkbox' && (!widget.element || dom.visible(widget.element)),
      answered: kind !== 'score' && isAnswered(),
      executed: kind === 'score' ? pending() !== undefined : challenged || isExecuted(),
      challenged,
      hinted: !widget.element && !widget.params && widget.n === undefined && !widget.anchor?.element,
    },
    same(other) {
      const that = (other as SeenWidget).widget
      if (widget.score || that.score) {
        return !!widget.score && !!that.score && widget.action === that.action && sitekeyOf(place, that) === sitekey
      }
      if (widget.element && that.element) return widget.element === that.element
      if (widget.n !== undefined && that.n !== undefined) return widget.n === that.n
      return !!widget.anchor?.name && widget.anchor.name === that.anchor?.name
    },
    executions() {
      let many = 0
      for (let index = 0; index < log.executes.size; index++) {
        const entry = log.executes[index] as Execute
        if (isTarget(entry)) many += entry.calls
      }
      return many
    },
    inject(solution) {
      const until = p.now() + solution.lifetimeMs
      if (kind === 'score') {
        const waiting = pending()
        if (waiting) waiting.answer(solution.token)
        else log.ready[slot(sitekey, widget.action)] = { token: solution.token, until }
        return 'ok'
      }
      if (solution.unlessAnswered && isAnswered()) return 'answered'
      fill(solution, until)
      return 'ok'
    },
    notifyPage({ token }) {
      if (kind === 'score') return
      endWaiting((one) => one.answer(token))
      callBack(p, setting(place, widget, 'callback'), [token])
    },
    release() {
      endWaiting((one) => one.release())
    },
  }
  return seen

  function isFirst(): boolean {
    for (let index = 0; index < scene.widgets.size; index++) {
      const { n, score } = scene.widgets[index] as Widget
      if (n !== undefined && !score) {
        if (widget.n === undefined || n < widget.n) return false
      }
    }
    return true
  }

  /** Calls without an id mean the first widget. */
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

  /** For all that wait for this widget. */
  function endWaiting(end: (one: Pending) => void): void {
    for (let one = pending(), left = MOST_WAITING; one && left > 0; one = pending(), left--) end(one)
  }

  function isExecuted(): boolean {
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if ((entry.open || entry.pending.size > 0) && isTarget(entry)) return true
    }
    return false
  }

  function isAnswered(): boolean {
    const fields = fieldsOf(place, scene, widget)
    for (let index = 0; index < fields.size; index++) if (dom.value(fields[index] as Element)) return true
    return widget.n !== undefined && !!response(widget.n)
  }

  /** What the vendor's own script would tell the page. */
  function response(n: number): unknown {
    const api = own(p, window, 'grecaptcha')
    const call = own(p, enterprise ? (own(p, api, 'enterprise') ?? api) : api, 'getResponse')
    try {
      return typeof call === 'function' && p.apply(call as (n: number) => unknown, api, [n])
    } catch {
      return undefined
    }
  }

  function fill({ token, lifetimeMs: livesMs }: PageSolution, until: number): void {
    const fields = fieldsOf(place, scene, widget)
    if (fields.size === 0) push(fields, createField(place, widget))
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    const given: Given = { token, until }
    if (widget.n !== undefined) log.answers[`${widget.n}`] = given
    if (isFirst()) log.answers[''] = given
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if (isTarget(entry)) entry.open = false
    }
    const name = widget.n === undefined ? undefined : `${widget.n}`
    const stands = () => (name === undefined || log.answers[name] === given) && !isExecuted()
    hideChallenges(place, challengesOf(place, scene, widget), stands)
    expireLater(place, fields, token, livesMs, () => callBack(p, setting(place, widget, 'expired-callback'), []))
  }
}

function isEnterprise({ p }: Place, { scripts }: Scene, widget: Widget): boolean {
  if (widget.anchor) return has(p, widget.anchor.url, '/recaptcha/enterprise/')
  return widget.enterprise ?? (scripts.enterprise && !scripts.plain)
}

function isInvisible(place: Place, widget: Widget): boolean {
  const { p, dom } = place
  const size = setting(place, widget, 'size') ?? (widget.anchor && parameter(p, widget.anchor.url, 'size'))
  if (size !== undefined) return size === 'invisible'
  if (text(setting(place, widget, 'bind')) !== undefined) return true
  const tag = widget.element && dom.tag(widget.element)
  return tag === 'button' || tag === 'input'
}

function challengesOf({ p }: Place, { challenges }: Scene, { anchor, client }: Widget): List<Element> {
  const found = list<Element>()
  const id = anchor?.name ? p.apply(p.slice, anchor.name, [2]) : undefined
  for (let index = 0; index < challenges.size; index++) {
    const { element, name } = challenges[index] as Frame
    const own = p.apply(p.slice, name, [2])
    let ours = id !== undefined && own === id
    for (let at = 0; client && at < client.words.size && !ours; at++) ours = client.words[at] === own
    if (element && ours) push(found, element)
  }
  return found
}
