import { callBack } from '../../../page-kit/callback.js'
import { later } from '../../../page-kit/expiry.js'
import { type PageFamily, type Place, seenIn, type WidgetView } from '../../../page-kit/family.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { PageSolution } from '../../../page-kit/protocol.js'
import { read } from '../../../page-kit/safe-read.js'
import { text } from '../../../page-kit/text.js'
import { createField, fieldsOf, namesOf, proofOf, uncover } from './fields.js'
import { gather, keyOf, type Scene, setting, type Widget } from './scan.js'
import { type Given, isOpen } from './watch.js'

interface SeenWidget extends WidgetView {
  readonly widget: Widget
}

/** GeeTest v3 and v4, inside the page. */
export const geetest: PageFamily = {
  gather(place, most) {
    const scene = gather(place, most)
    return seenIn(scene, (widget) => describe(place, scene, widget))
  },
}

function describe(place: Place, scene: Scene, widget: Widget): SeenWidget {
  const { p, dom } = place
  const { element, instance, v4 } = widget
  const bound = setting(place, widget, 'product') === 'bind'

  const seen: SeenWidget = {
    widget,
    facts: {
      v4,
      sitekey: keyOf(place, widget),
      challenge: text(setting(place, widget, 'challenge')) ?? widget.asked?.challenge,
      host: v4 ? undefined : (text(setting(place, widget, 'api_server')) ?? widget.asked?.host),
      bound,
      visible: !bound && !!element && dom.visible(element),
      answered: isAnswered(),
      executed: instance !== undefined && isOpen(instance),
    },
    same(other) {
      const that = (other as SeenWidget).widget
      if (instance && that.instance) return instance.object === that.instance.object
      return element !== undefined && element === that.element
    },
    inject(solution) {
      if (solution.unlessAnswered && isAnswered()) return 'answered'
      fill(solution)
      return 'ok'
    },
    notifyPage() {
      // A copy: a page may add to them while it is called.
      const callbacks = list<unknown>()
      const told = instance?.callbacks
      for (let index = 0; told && index < told.size; index++) push(callbacks, told[index])
      for (let index = 0; index < callbacks.size; index++) callBack(p, callbacks[index], [])
    },
    release() {},
  }
  return seen

  function isAnswered(): boolean {
    const fields = fieldsOf(place, scene, widget, proofOf(widget))
    for (let index = 0; index < fields.size; index++) if (dom.value(fields[index] as Element)) return true
    const call = read(p, instance?.object, 'getValidate')
    try {
      return typeof call === 'function' && !!p.apply(call as () => unknown, instance?.object, [])
    } catch {
      return false
    }
  }

  function fill({ fields: values, lifetimeMs: livesMs }: PageSolution): void {
    const names = namesOf(widget)
    const filled = list<{ readonly field: Element; readonly value: string }>()
    for (let at = 0; at < names.length; at++) {
      const name = names[at] as string
      const value = values[name] ?? ''
      const fields: List<Element> = fieldsOf(place, scene, widget, name)
      const made = fields.size === 0 ? createField(place, widget, name) : undefined
      if (made) push(fields, made)
      for (let index = 0; index < fields.size; index++) {
        const field = fields[index] as Element
        dom.setValue(field, value)
        push(filled, { field, value })
      }
    }
    const clear = () => {
      for (let index = 0; index < filled.size; index++) {
        const { field, value } = filled[index] as { field: Element; value: string }
        if (dom.value(field) === value) dom.setValue(field, '')
      }
    }
    if (instance) {
      const until = p.now() + livesMs
      const given: Given = { values: () => (p.now() < until ? copyOf(values, names) : undefined), clear }
      if (isOpen(instance) || scene.widgets.size === 1) uncover(place)
      instance.given = given
      instance.last = ''
    }
    later(place, livesMs, clear)
  }

  function copyOf(values: PageSolution['fields'], names: readonly string[]): object {
    const copy = {}
    for (let at = 0; at < names.length; at++) {
      const name = names[at] as string
      p.define(copy, name, { value: values[name] ?? '', enumerable: true, writable: true, configurable: true })
    }
    return copy
  }
}
