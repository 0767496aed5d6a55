import { callBack } from '../../../page-kit/callback.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageFamily, type Place, seenIn, type WidgetView } from '../../../page-kit/family.js'
import { addFields, ownForm } from '../../../page-kit/fields.js'
import { shadow } from '../../../page-kit/method-override.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { actionOf, gather, type Scene, setting, sitekeyOf, type Widget } from './scan.js'

const FIELD = 'mtcaptcha-verifiedtoken'

interface SeenWidget extends WidgetView {
  readonly widget: Widget
}

/** MTCaptcha, inside the page. */
export const mtcaptcha: PageFamily = {
  gather(place, most) {
    const scene = gather(place, most)
    return seenIn(scene, (widget) => describe(place, scene, widget))
  },
}

function describe(place: Place, scene: Scene, widget: Widget): SeenWidget {
  const { p, dom } = place
  const { element, frame, domId } = widget
  const isFirst = scene.widgets[0] === widget

  const seen: SeenWidget = {
    widget,
    facts: {
      sitekey: sitekeyOf(place, widget),
      action: actionOf(place, widget),
      // The frame of one that the vendor verifies unseen is there all the same.
      visible: dom.visible(frame ?? element),
      answered: isAnswered(),
    },
    same: (other) => (other as SeenWidget).widget.element === element,
    inject(solution) {
      if (solution.unlessAnswered && isAnswered()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage: ({ token }) => void callBack(p, setting(place, 'verified-callback'), [state(token)]),
    release() {},
  }
  return seen

  function fieldsOf(): List<Element> {
    const fields = list<Element>()
    addFields(fields, dom.inElement(element, `input[name="${FIELD}"]`))
    const form = ownForm(dom, element, scene.widgets)
    if (form) addFields(fields, dom.inElement(form, `input[name="${FIELD}"]`))
    return fields
  }

  function isAnswered(): boolean {
    const fields = fieldsOf()
    for (let index = 0; index < fields.size; index++) if (dom.value(fields[index] as Element)) return true
    return !!ask('getVerifiedToken')
  }

  /** What the vendor's own script would tell the page. */
  function ask(method: string): unknown {
    const api = own(p, window, 'mtcaptcha')
    const call = read(p, api, method)
    // Without a name it speaks of the first.
    if (typeof call !== 'function' || (domId === undefined && !isFirst)) return undefined
    try {
      return p.apply(call as (target: unknown) => unknown, api, [domId])
    } catch {
      return undefined
    }
  }

  /** How it stands, in the form in which the vendor's script tells callbacks of it. */
  function state(token: string) {
    return {
      element,
      domID: domId,
      verifiedToken: token || null,
      isVerified: token !== '',
      isVisible: dom.visible(frame ?? element),
      statusDesc: token ? 'Verified' : 'Verified Token Expired',
    }
  }

  function means(target: unknown): boolean {
    return target === undefined ? isFirst : target === domId
  }

  function fill({ token, lifetimeMs: livesMs }: PageSolution): void {
    const fields = fieldsOf()
    if (fields.size === 0) {
      const field = dom.create('input')
      field.setAttribute('type', 'hidden')
      field.setAttribute('name', FIELD)
      dom.append(element, field)
      push(fields, field)
    }
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    const letGo = standFor(token)
    expireLater(place, fields, token, livesMs, () => {
      letGo()
      callBack(p, setting(place, 'verifyexpired-callback'), [state('')])
    })
  }

  /** Answers for the vendor's script, until the page resets the widget. */
  function standFor(token: string): () => void {
    const api = own(p, window, 'mtcaptcha')
    const away = list<() => void>()
    const letGo = () => {
      for (let index = 0; index < away.size; index++) away[index]?.()
    }
    const stand = (name: string, answer: () => unknown) =>
      push(
        away,
        shadow(place, api, name, (call, self, args) => (means(args[0]) ? answer() : p.apply(call, self, args))),
      )
    stand('getVerifiedToken', () => token)
    stand('getStatus', () => state(token))
    const ends = (name: string) =>
      push(
        away,
        shadow(place, api, name, (call, self, args) => {
          if (means(args[0])) letGo()
          return p.apply(call, self, args)
        }),
      )
    ends('resetUI')
    ends('destroyUI')
    return letGo
  }
}
