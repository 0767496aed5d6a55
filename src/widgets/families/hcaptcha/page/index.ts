import type { Call, Given, Pending } from '../../../page-kit/api-watch.js'
import { callBack } from '../../../page-kit/callback.js'
import { hideChallenges, isAnyOpen } from '../../../page-kit/challenge-popup.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageFamily, type Place, seenIn, type WidgetView } from '../../../page-kit/family.js'
import { includes, type List, list, note, push, remove } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own } from '../../../page-kit/safe-read.js'
import { has, text } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { createField, fieldsOf } from './fields.js'
import { type Frame, firstOf, gather, type Scene, setting, sitekeyOf, type Widget } from './scan.js'
import { hcaptchaWatch } from './watch.js'

const FRAME_ANSWER = 'data-hcaptcha-response'

interface SeenWidget extends WidgetView {
  readonly widget: Widget
}

/** hCaptcha, inside the page. */
export const hcaptcha: PageFamily = {
  gather(place, most) {
    const scene = gather(place, most)
    return seenIn(scene, (widget) => describe(place, scene, widget))
  },
}

function describe(place: Place, scene: Scene, widget: Widget): SeenWidget {
  const { p, dom } = place
  const { calls, given, pending } = logOf(place.observer, hcaptchaWatch)
  const { id, element, frame } = widget
  const invisible = isInvisible(place, widget)
  const isFirst = firstOf(scene.widgets) === widget

  const seen: SeenWidget = {
    widget,
    facts: {
      kind: invisible ? 'invisible' : 'checkbox',
      sitekey: sitekeyOf(place, widget),
      rqdata: widget.rqdata ?? text(setting(place, widget, 'rqdata')),
      visible: !invisible && (!element || dom.visible(element)),
      answered: isAnswered(),
      executed: widget.executed === true || waiting() !== undefined,
      challenged: isAnyOpen(place, challengesOf(scene, widget)),
      hinted: !element && !widget.params && !widget.frame?.element,
    },
    same(other) {
      const that = (other as SeenWidget).widget
      if (element && that.element) return element === that.element
      return id !== undefined && id === that.id
    },
    inject(solution) {
      if (solution.unlessAnswered && isAnswered()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage({ token, fields: { respKey: key = '' } }) {
      waiting()?.answer({ response: token, key })
      callBack(p, setting(place, widget, 'callback'), [token, key])
    },
    release() {},
  }
  return seen

  /** The promise of an asynchronous `execute` that the page waits for. */
  function waiting(): Pending | undefined {
    for (let index = 0; index < pending.size; index++) {
      const one = pending[index] as Pending
      if (means(one.target)) return one
    }
    return undefined
  }

  function means(target: unknown): boolean {
    return target === undefined ? isFirst : id !== undefined && target === id
  }

  /** What the page had set off has ended. */
  function endExecutes(): void {
    for (let call = executeCall(); call; call = executeCall()) remove(calls, call)
  }

  function executeCall(): Call | undefined {
    for (let index = 0; index < calls.size; index++) {
      const call = calls[index] as Call
      if (call.name === 'execute' && means(call.target)) return call
    }
    return undefined
  }

  function isAnswered(): boolean {
    const fields = fieldsOf(place, scene, widget)
    for (let index = 0; index < fields.size; index++) if (dom.value(fields[index] as Element)) return true
    return !!(frame?.element && dom.attribute(frame.element, FRAME_ANSWER)) || !!response()
  }

  /** What the vendor's own script would tell the page. */
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

  function fill({ token, fields: { respKey: key = '' }, lifetimeMs: livesMs }: PageSolution): void {
    const places = fieldsOf(place, scene, widget)
    if (places.size === 0) push(places, createField(place, widget))
    for (let index = 0; index < places.size; index++) dom.setValue(places[index] as Element, token)
    if (frame?.element) dom.setAttribute(frame.element, FRAME_ANSWER, token)
    const entry: Given = { token, key, until: p.now() + livesMs, default: isFirst, means }
    note(given, entry)
    endExecutes()
    hideChallenges(place, challengesOf(scene, widget), () => includes(given, entry) && !executeCall())
    expireLater(place, places, token, livesMs, () => {
      remove(given, entry)
      if (frame?.element) dom.setAttribute(frame.element, FRAME_ANSWER, '')
      callBack(p, setting(place, widget, 'expired-callback'), [])
    })
  }
}

function isInvisible(place: Place, widget: Widget): boolean {
  const { p, dom } = place
  const size = setting(place, widget, 'size')
  if (typeof size === 'string' && size !== '') return size === 'invisible'
  if (widget.frame && (has(p, widget.frame.url, 'checkbox-invisible') || has(p, widget.frame.url, 'size=invisible'))) {
    return true
  }
  const tag = widget.element && dom.tag(widget.element)
  return tag === 'button' || tag === 'input'
}

function challengesOf({ challenges }: Scene, { id }: Widget): List<Element> {
  const own = list<Element>()
  for (let index = 0; index < challenges.size; index++) {
    const { id: of, element } = challenges[index] as Frame
    if (id !== undefined && of === id && element) push(own, element)
  }
  return own
}
