import { invokeCallback } from '../../../page-kit/callback.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageContext, type PageFamily, viewsOf, type WidgetView } from '../../../page-kit/family.js'
import { addFields, ownForm, valueIn } from '../../../page-kit/fields.js'
import { overrideMethod } from '../../../page-kit/method-override.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { text } from '../../../page-kit/text.js'
import type { MtcaptchaFacts } from './facts.js'
import { actionOf, type MtcaptchaScan, type MtcaptchaWidget, scanFrame, setting, sitekeyOf } from './scan.js'

const FIELD = 'mtcaptcha-verifiedtoken'

interface MtcaptchaView extends WidgetView {
  readonly widget: MtcaptchaWidget
  facts(): MtcaptchaFacts
}

/**
 * The page half of MTCaptcha.
 *
 * @see https://docs.mtcaptcha.com/dev-guide
 */
export const mtcaptcha: PageFamily = {
  script: { globals: ['mtcaptcha'], addresses: ['/mtcv1/', 'mtcaptcha.'] },
  scan(context, max) {
    const scan = scanFrame(context, max)
    return viewsOf(scan, (widget) => createView(context, scan, widget))
  },
}

function createView(context: PageContext, scan: MtcaptchaScan, widget: MtcaptchaWidget): MtcaptchaView {
  const { p, dom } = context
  const { element, frame, domId } = widget
  const isFirst = scan.widgets[0] === widget
  const answer = answerNow()

  const view: MtcaptchaView = {
    widget,
    facts: () => ({
      sitekey: sitekeyOf(context, widget),
      action: actionOf(context, widget),
      // A widget that the vendor verifies invisibly has a frame too.
      visible: dom.seen(element, frame),
      answered: answer !== '',
    }),
    drawn: frame !== undefined,
    answer,
    ownId: widget.copied ? undefined : frame && domId,
    copied: widget.copied,
    same: (other) => (other as MtcaptchaView).widget.element === element,
    inject(solution) {
      if (solution.unlessAnswered && answerNow()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage: ({ token }) => invokeCallback(p, setting(context, 'verified-callback'), [state(token)]),
    release() {},
  }
  return view

  function fieldsOf(): List<Element> {
    const fields = list<Element>()
    addFields(fields, dom.inElement(element, `input[name="${FIELD}"]`))
    const form = ownForm(dom, element, scan.widgets)
    if (form) addFields(fields, dom.inElement(form, `input[name="${FIELD}"]`))
    return fields
  }

  function answerNow(): string {
    return valueIn(dom, fieldsOf(), element) || (text(callApi('getVerifiedToken')) ?? '')
  }

  /** The answer that the vendor's own script returns to the page. */
  function callApi(method: string): unknown {
    const api = own(p, window, 'mtcaptcha')
    const call = read(p, api, method)
    // Without an id the vendor's method answers for the first widget.
    if (typeof call !== 'function' || (domId === undefined && !isFirst)) return undefined
    try {
      return p.apply(call as (target: unknown) => unknown, api, [domId])
    } catch {
      return undefined
    }
  }

  /** Its state, in the shape that the vendor's script passes to callbacks. */
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

  function matchesTarget(target: unknown): boolean {
    return target === undefined ? isFirst : target === domId
  }

  function fill({ token, lifetimeMs }: PageSolution): void {
    const fields = fieldsOf()
    if (fields.size === 0) {
      const field = dom.create('input')
      field.setAttribute('type', 'hidden')
      field.setAttribute('name', FIELD)
      dom.append(element, field)
      push(fields, field)
    }
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    const removeOverrides = overrideApi(token)
    expireLater(context, fields, token, lifetimeMs, () => {
      removeOverrides()
      invokeCallback(p, setting(context, 'verifyexpired-callback'), [state('')])
    })
  }

  /** Answers in the place of the vendor's script, until the page resets the widget. */
  function overrideApi(token: string): () => void {
    const api = own(p, window, 'mtcaptcha')
    const overrides = list<() => void>()
    const removeOverrides = () => {
      for (let index = 0; index < overrides.size; index++) overrides[index]?.()
    }
    const override = (name: string, answer: () => unknown) =>
      push(
        overrides,
        overrideMethod(context, api, name, (call, self, args) => {
          if (!matchesTarget(args[0])) return p.apply(call, self, args)
          // Drawn again in the same element, under the same id, it is another widget.
          if (!frame || dom.isInDocument(frame)) return answer()
          removeOverrides()
          return p.apply(call, self, args)
        }),
      )
    override('getVerifiedToken', () => token)
    override('getStatus', () => state(token))
    const resetOn = (name: string) =>
      push(
        overrides,
        overrideMethod(context, api, name, (call, self, args) => {
          if (matchesTarget(args[0])) removeOverrides()
          return p.apply(call, self, args)
        }),
      )
    resetOn('resetUI')
    resetOn('destroyUI')
    return removeOverrides
  }
}
