import { eitherNotified, invokeCallback } from '../../../page-kit/callback.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageContext, type PageFamily, viewsOf, type WidgetView } from '../../../page-kit/family.js'
import { valueIn } from '../../../page-kit/fields.js'
import { overrideMethod } from '../../../page-kit/method-override.js'
import { push } from '../../../page-kit/primordials.js'
import type { NotifyResult, PageSolution } from '../../../page-kit/protocol.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { has } from '../../../page-kit/text.js'
import type { FriendlyFacts } from './facts.js'
import { createField, fieldsOf, isAnswer, isWorking } from './fields.js'
import { endpointOf, type FriendlyScan, type FriendlyWidget, scanFrame, scriptOf, setting, sitekeyOf } from './scan.js'

interface FriendlyView extends WidgetView {
  readonly widget: FriendlyWidget
  facts(): FriendlyFacts
}

/**
 * The page half of Friendly Captcha.
 *
 * @see https://developer.friendlycaptcha.com/docs/v1/sdk/
 * @see https://developer.friendlycaptcha.com/docs/v2/sdk/configuration
 */
export const friendly: PageFamily = {
  script: { globals: ['friendlyChallenge', 'frcaptcha'], addresses: ['friendly', 'frcapi.com'] },
  scan(context, max) {
    const scan = scanFrame(context, max)
    return viewsOf(scan, (widget) => createView(context, scan, widget))
  },
}

/** States of version 2 in which the browser is working. `activated` is not one of them: it may wait for a click. */
const WORKING_STATES = ' activating requesting solving verifying '
const UNSTARTED_STATES = ' init unactivated reset '

function createView(context: PageContext, scan: FriendlyScan, widget: FriendlyWidget): FriendlyView {
  const { p, dom } = context
  const { element, version, handle } = widget

  const answer = isAnswer(response()) ? response() : ''

  const view: FriendlyView = {
    widget,
    facts: () => ({
      version,
      sitekey: sitekeyOf(context, widget),
      endpoint: endpointOf(context, widget),
      script: scriptOf(context, widget),
      visible: dom.seen(element, shownFrame()),
      answered: answer !== '',
      working: isWorkingNow(),
    }),
    drawn: handle !== undefined || widget.frame !== undefined,
    answer,
    ownId: handle,
    copied: isCopied(),
    same: (other) => (other as FriendlyView).widget.element === element,
    inject(solution) {
      if (solution.unlessAnswered && isAnswer(response())) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage({ token }) {
      if (version === 'v1') {
        const done = invokeCallback(p, setting(context, widget, 'doneCallback', ''), [token])
        const named = invokeCallback(p, dom.attribute(element, 'data-callback'), [token])
        // Without one of the page's, the vendor's script has a `doneCallback` that does nothing.
        return named === 'callback-missing' ? named : eitherNotified(done, named)
      }
      return callHandle('setState', { state: 'completed', response: token })
    },
    release() {},
  }
  return view

  /** What a form would submit, or the page's code would receive: an answer, or the vendor's word for a state. */
  function response(): string {
    const value = valueIn(dom, fieldsOf(context, scan, widget), element)
    if (value) return value
    const known = version === 'v2' && own(p, handle, 'response')
    return typeof known === 'string' ? known : ''
  }

  /** Whether it has a drawing, and no object of the vendor's: that is a property, which no copy has. */
  function isCopied(): boolean {
    return !handle && dom.inElement(element, '.frc-container,iframe.frc-i-widget').length > 0
  }

  /** The vendor's frame, once it is drawn: until then the element around it has its size. */
  function shownFrame(): Element | undefined {
    return widget.frame && dom.visible(widget.frame) ? widget.frame : undefined
  }

  /** Whether it was started, or will be at once: then it may answer by itself. */
  function isWorkingNow(): boolean {
    const now = response()
    if (isAnswer(now) || isWorking(context, now)) return !isAnswer(now)
    const auto =
      setting(context, widget, 'startMode', 'start') === 'auto' || dom.attribute(element, 'data-start') === 'auto'
    const state = own(p, handle, 'state')
    if (version === 'v2' && typeof state === 'string') {
      return has(p, WORKING_STATES, ` ${state} `) || (auto && has(p, UNSTARTED_STATES, ` ${state} `))
    }
    return auto && (now === '' || now === '.UNSTARTED')
  }

  function fill({ token, lifetimeMs }: PageSolution): void {
    const removeOurs = version === 'v1' ? endWork() : holdState(token)
    const fields = fieldsOf(context, scan, widget)
    const made = fields.size === 0 ? createField(context, widget) : undefined
    if (made) push(fields, made)
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    if (version === 'v2') setProperty('response', token)
    expireLater(context, fields, token, lifetimeMs, () => {
      // A widget without a field may have been reset meanwhile: then there is nothing to expire.
      if (version === 'v2' && own(p, handle, 'response') !== token) return
      removeOurs()
      if (version === 'v1') callHandle('expire')
      else callHandle('setState', { state: 'expired', response: '.EXPIRED' })
    })
  }

  /**
   * Version 1 starts when the form receives focus, and overwrites the field while it works. Setting the properties that
   * its own script sets when it has started and is done prevents that.
   */
  function endWork(): () => void {
    const group = own(p, handle, 'workerGroup')
    call(group, 'terminateWorkers')
    setProperty('valid', true)
    setProperty('hasBeenStarted', true)
    setProperty('needsReInit', true)
    return () => {}
  }

  /**
   * Version 2 receives its state from its frame, also when the form receives focus and its own work starts. While an
   * injected answer is valid, only the page itself may reset it.
   */
  function holdState(token: string): () => void {
    const removeOurs = overrideMethod(context, handle, 'setState', (original, self, args) => {
      const state = read(p, args[0], 'state')
      const ours = read(p, args[0], 'response') === token
      if (state === 'reset' || state === 'destroyed') removeOurs()
      else if (!ours) return undefined
      return p.apply(original, self, args)
    })
    return removeOurs
  }

  function setProperty(name: string, value: unknown): void {
    if (handle) p.define(handle, name, { value, enumerable: true, writable: true, configurable: true })
  }

  function callHandle(method: string, argument?: object): NotifyResult {
    return call(handle, method, argument)
  }

  /**
   * Calls a method of the vendor's object. What it, or a listener of the page, throws reaches the page's error
   * handlers.
   */
  function call(object: unknown, method: string, argument?: object): NotifyResult {
    const target = read(p, object, method)
    if (typeof target !== 'function') return 'no-callback'
    const run = () => p.apply(target as (...args: unknown[]) => unknown, object, argument ? [argument] : [])
    return invokeCallback(p, run, [])
  }
}
