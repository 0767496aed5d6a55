import type { Given } from '../../../page-kit/api-watch.js'
import { callBack } from '../../../page-kit/callback.js'
import { expireLater } from '../../../page-kit/expiry.js'
import { type PageFamily, type Place, seenIn, type WidgetView } from '../../../page-kit/family.js'
import { includes, note, push, remove } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { own } from '../../../page-kit/safe-read.js'
import { text } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { createField, fieldsOf } from './fields.js'
import { gather, lastOf, means, type Scene, setting, sitekeyOf, type Widget } from './scan.js'
import { turnstileWatch } from './watch.js'

interface SeenWidget extends WidgetView {
  readonly widget: Widget
}

/** Cloudflare Turnstile, inside the page. */
export const turnstile: PageFamily = {
  gather(place, most) {
    const scene = gather(place, most)
    return seenIn(scene, (widget) => describe(place, scene, widget))
  },
}

function describe(place: Place, scene: Scene, widget: Widget): SeenWidget {
  const { p, dom } = place
  const { given } = logOf(place.observer, turnstileWatch)
  const { id, element } = widget

  const seen: SeenWidget = {
    widget,
    facts: {
      sitekey: sitekeyOf(place, widget),
      action: text(setting(place, widget, 'action')),
      cData: text(setting(place, widget, 'cData', 'cdata')),
      pageData: text(setting(place, widget, 'chlPageData')),
      waits: setting(place, widget, 'execution') === 'execute',
      visible: !element || dom.visible(element),
      answered: isAnswered(),
      executed: widget.last === 'execute',
      hinted: !element && !widget.params,
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
    notifyPage: ({ token }) => void callBack(p, setting(place, widget, 'callback'), [token]),
    release() {},
  }
  return seen

  function isAnswered(): boolean {
    const fields = fieldsOf(place, scene, widget)
    for (let index = 0; index < fields.size; index++) if (dom.value(fields[index] as Element)) return true
    return !!response()
  }

  /** What the vendor's own script would tell the page. */
  function response(): unknown {
    const api = own(p, window, 'turnstile')
    const call = own(p, api, 'getResponse')
    try {
      return typeof call === 'function' && p.apply(call as (target: unknown) => unknown, api, [id ?? element])
    } catch {
      return undefined
    }
  }

  function fill({ token, lifetimeMs: livesMs }: PageSolution): void {
    const fields = fieldsOf(place, scene, widget)
    const made = fields.size === 0 ? createField(place, widget) : undefined
    if (made) push(fields, made)
    for (let index = 0; index < fields.size; index++) dom.setValue(fields[index] as Element, token)
    const entry: Given = {
      token,
      key: '',
      until: p.now() + livesMs,
      default: lastOf(scene.widgets) === widget,
      means: (target) => means(place, widget, target),
    }
    note(given, entry)
    expireLater(place, fields, token, livesMs, () => {
      // A widget without a field was perhaps reset meanwhile: then nothing of ours is left to expire.
      if (!includes(given, entry)) return
      remove(given, entry)
      callBack(p, setting(place, widget, 'expired-callback'), [token])
    })
  }
}
