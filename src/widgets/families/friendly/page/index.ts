import { callBack } from '../../../page-kit/callback.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageFamily, type Place, seenIn, type WidgetView } from '../../../page-kit/family.js'
import { shadow } from '../../../page-kit/method-override.js'
import { push } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { has } from '../../../page-kit/text.js'
import { createField, fieldsOf, isAnswer, isWorking } from './fields.js'
import { endpointOf, gather, type Scene, scriptOf, setting, sitekeyOf, type Widget } from './scan.js'

interface SeenWidget extends WidgetView {
  readonly widget: Widget
}

/** Friendly Captcha, inside the page. */
export const friendly: PageFamily = {
  gather(place, most) {
    const scene = gather(place, most)
    return seenIn(scene, (widget) => describe(place, scene, widget))
  },
}

/** States of version 2 in which the browser is at work; an `activated` one may wait for somebody's click. */
const AT_WORK = ' activating requesting solving verifying '
const NOT_YET = ' init unactivated reset '

function describe(place: Place, scene: Scene, widget: Widget): SeenWidget {
  const { p, dom } = place
  const { element, version, handle } = widget

  const seen: SeenWidget = {
    widget,
    facts: {
      version,
      sitekey: sitekeyOf(place, widget),
      endpoint: endpointOf(place, widget),
      script: scriptOf(place, widget),
      visible: dom.visible(element),
      answered: isAnswer(response()),
      working: isAtWork(),
    },
    same: (other) => (other as SeenWidget).widget.element === element,
    inject(solution) {
      if (solution.unlessAnswered && isAnswer(response())) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage({ token }) {
      if (version === 'v1') {
        callBack(p, setting(place, widget, 'doneCallback', ''), [token])
        callBack(p, dom.attribute(element, 'data-callback'), [token])
      } else tell('setState', { state: 'completed', response: token })
    },
    release() {},
  }
  return seen

  /** What a form would send, or the page's code would be told: an answer, or one of the vendor's words. */
  function response(): string {
    const fields = fieldsOf(place, scene, widget)
    for (let index = 0; index < fields.size; index++) {
      const value = dom.value(fields[index] as Element)
      if (value) return value
    }
    const known = version === 'v2' && own(p, handle, 'response')
    return typeof known === 'string' ? known : ''
  }

  /** Whether it was set off, or will be at once: then it may well answer by itself. */
  function isAtWork(): boolean {
    const now = response()
    if (isAnswer(now) || isWorking(place, now)) return !isAnswer(now)
    const auto =
      setting(place, widget, 'startMode', 'start') === 'auto' || dom.attribute(element, 'data-start') === 'auto'
    const state = own(p, handle, 'state')
    if (version === 'v2' && typeof state === 'string') {
      return has(p, AT_WORK, ` ${state} `) || (auto && has(p, NOT_YET, ` ${state} `))
    }
    return auto && (now === '' || now === '.UNSTARTED')
  }

  function fill({ token, lifetimeMs: livesMs }: PageSolution): void {
    const letGo = version === 'v1' ? endWork() : holdState(token)
    const fields = fieldsOf(place, scene, widget)
    const made = fields.size === 0 ? createField(place, widget) : undefined
    if (made) push(fields, made)
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    if (version === 'v2') note('response', token)
    expireLater(place, fields, token, livesMs, () => {
      // A widget without a field was perhaps reset meanwhile: then nothing of ours is left to expire.
      if (version === 'v2' && own(p, handle, 'response') !== token) return
      letGo()
      if (version === 'v1') tell('expire')
      else tell('setState', { state: 'expired', response: '.EXPIRED' })
    })
  }

  /**
   * Version 1 starts when the form is focused, and writes over the field as it goes. It does not where it takes itself to have
   * been started, and to be done: the same marks that its own script makes.
   */
  function endWork(): () => void {
    const group = own(p, handle, 'workerGroup')
    call(group, 'terminateWorkers')
    note('valid', true)
    note('hasBeenStarted', true)
    note('needsReInit', true)
    return () => {}
  }

  /**
   * Version 2 is told by its frame how it stands, also once the form is focused and its own work begins. While there is an
   * answer of ours only the page itself may take it back.
   */
  function holdState(token: string): () => void {
    const letGo = shadow(place, handle, 'setState', (original, self, args) => {
      const state = read(p, args[0], 'state')
      const ours = read(p, args[0], 'response') === token
      if (state === 'reset' || state === 'destroyed') letGo()
      else if (!ours) return undefined
      return p.apply(original, self, args)
    })
    return letGo
  }

  function note(name: string, value: unknown): void {
    if (handle) p.define(handle, name, { value, enumerable: true, writable: true, configurable: true })
  }

  function tell(method: string, argument?: object): void {
    call(handle, method, argument)
  }

  /** Calls a method of the vendor's; what it, or the page's listeners, throw is the page's to hear of. */
  function call(object: unknown, method: string, argument?: object): void {
    const target = read(p, object, method)
    if (typeof target === 'function') {
      callBack(p, () => p.apply(target as (...args: unknown[]) => unknown, object, argument ? [argument] : []), [])
    }
  }
}
