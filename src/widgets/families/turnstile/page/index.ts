import type { ApiLog, InjectedToken } from '../../../page-kit/api-watch.js'
import { invokeCallback, unlessUnseen } from '../../../page-kit/callback.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageContext, type PageFamily, viewsOf, type WidgetView } from '../../../page-kit/family.js'
import { valueIn } from '../../../page-kit/fields.js'
import { overrideMethod } from '../../../page-kit/method-override.js'
import { includes, push, pushBounded, remove } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own, read, whileLoaded } from '../../../page-kit/safe-read.js'
import { text, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import type { TurnstileFacts } from './facts.js'
import { createField, fieldsOf } from './fields.js'
import {
  isSeen,
  lastOf,
  matchesTarget,
  scanFrame,
  setting,
  sitekeyOf,
  type TurnstileScan,
  type TurnstileWidget,
} from './scan.js'

interface TurnstileView extends WidgetView {
  readonly widget: TurnstileWidget
  facts(): TurnstileFacts
}

/**
 * The page half of Cloudflare Turnstile.
 *
 * @see https://developers.cloudflare.com/turnstile/get-started/client-side-rendering/
 */
export const turnstile: PageFamily = {
  script: { globals: ['turnstile'], addresses: ['/turnstile/'] },
  scan(context, max) {
    const scan = scanFrame(context, max)
    return viewsOf(scan, (widget) => createView(context, scan, widget))
  },
}

function createView(context: PageContext, scan: TurnstileScan, widget: TurnstileWidget): TurnstileView {
  const { p, dom } = context
  const { injected } = logOf<ApiLog>(context.observer, 'turnstile')
  const { id, element } = widget
  const answer = answerNow()

  const view: TurnstileView = {
    widget,
    facts: () => ({
      sitekey: sitekeyOf(context, widget),
      action: trimmed(p, setting(context, widget, 'action')),
      cData: text(setting(context, widget, 'cData', 'cdata')),
      pageData: text(setting(context, widget, 'chlPageData')),
      waits: setting(context, widget, 'execution') === 'execute',
      visible: !element || dom.seen(element),
      answered: answer !== '',
      executed: widget.last === 'execute',
      hinted: !element && !widget.params,
    }),
    drawn: id !== undefined || widget.frame !== undefined,
    answer,
    ownId: id,
    copied: isCopied(),
    same(other) {
      const that = (other as TurnstileView).widget
      if (element && that.element) return element === that.element
      return id !== undefined && id === that.id
    },
    inject(solution) {
      if (solution.unlessAnswered && answerNow()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage: ({ token }) =>
      unlessUnseen(invokeCallback(p, setting(context, widget, 'callback'), [token]), isSeen(context, widget)),
    release() {},
  }
  return view

  function answerNow(): string {
    return valueIn(dom, fieldsOf(context, scan, widget), element) || (text(response()) ?? '')
  }

  /** Whether the field in its element has the id of another widget's. */
  function isCopied(): boolean {
    return !!element && id === undefined && dom.inElement(element, 'input[id^="cf-chl-widget-"]').length > 0
  }

  /** The answer that the vendor's own script returns to the page. */
  function response(): unknown {
    const api = own(p, window, 'turnstile')
    const call = own(p, api, 'getResponse')
    try {
      return typeof call === 'function' && p.apply(call as (target: unknown) => unknown, api, [id ?? element])
    } catch {
      return undefined
    }
  }

  function fill({ token, lifetimeMs }: PageSolution): void {
    const fields = fieldsOf(context, scan, widget)
    const made = fields.size === 0 ? createField(context, widget) : undefined
    if (made) push(fields, made)
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    const isCurrent = whileLoaded(p, 'turnstile')
    let isLast = lastOf(scan.widgets) === widget
    const entry: InjectedToken = {
      token,
      key: '',
      expiresAt: p.now() + lifetimeMs,
      get isDefault() {
        return isLast && isCurrent()
      },
      set isDefault(isDefault) {
        isLast = isDefault
      },
      matchesTarget: (target) => matchesTarget(context, widget, target),
    }
    pushBounded(injected, entry)
    repeatOnExecute(entry)
    expireLater(context, fields, token, lifetimeMs, () => {
      // A widget without a field may have been reset meanwhile: then there is nothing to expire.
      if (!includes(injected, entry)) return
      remove(injected, entry)
      invokeCallback(p, setting(context, widget, 'expired-callback'), [token])
    })
  }

  /** Executed again, the vendor's script returns the answer that it has, until the page resets the widget. */
  function repeatOnExecute(entry: InjectedToken): void {
    const api = own(p, window, 'turnstile')
    const removeOverride = overrideMethod(context, api, 'execute', (call, self, args) => {
      const isValid = includes(injected, entry) && p.now() < entry.expiresAt
      if (!isValid) removeOverride()
      if (!isValid || !(args[0] === undefined ? entry.isDefault : entry.matchesTarget(args[0])))
        return p.apply(call, self, args)
      const callback = read(p, args[1], 'callback') ?? setting(context, widget, 'callback')
      p.apply(p.setTimeout, window, [() => invokeCallback(p, callback, [entry.token])])
      return undefined
    })
  }
}
