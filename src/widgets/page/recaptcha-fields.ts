import type { Place } from './family.js'
import { type List, list, push } from './primordials.js'
import type { Scene, Widget } from './recaptcha-gather.js'

const FIELD = 'g-recaptcha-response'
const FIELDS = `textarea[name="${FIELD}"],input[name="${FIELD}"]`

/** The response fields that belong to this widget and to no other. */
export function fieldsOf({ dom }: Place, { widgets }: Scene, widget: Widget): List<Element> {
  const fields = list<Element>()
  const add = (found: ArrayLike<Element>) => {
    for (let index = 0; index < found.length && fields.size < 50; index++) {
      const field = found[index] as Element
      let known = false
      for (let at = 0; at < fields.size; at++) if (fields[at] === field) known = true
      if (!known) push(fields, field)
    }
  }
  if (widget.element) add(dom.inElement(widget.element, FIELDS))
  if (widget.n !== undefined) {
    const field = dom.byId(widget.n === 0 ? FIELD : `${FIELD}-${widget.n}`)
    if (field && (dom.tag(field) === 'textarea' || dom.tag(field) === 'input') && !elsewhere(field)) add([field])
  }
  // A site may have put a field of that name into the form itself; it is this widget's if no other is in the form.
  const form = widget.element && dom.closest(widget.element, 'form')
  if (form && !shared(form)) add(dom.inElement(form, FIELDS))
  return fields

  function elsewhere(field: Element): boolean {
    for (let index = 0; index < widgets.size; index++) {
      const { element } = widgets[index] as Widget
      if (element && element !== widget.element && dom.contains(element, field)) return true
    }
    return false
  }

  function shared(form: Element): boolean {
    for (let index = 0; index < widgets.size; index++) {
      const { element, score } = widgets[index] as Widget
      if (!score && element && element !== widget.element && dom.contains(form, element)) return true
    }
    return false
  }
}

/** A field where the widget has made none: in its element, or beside it if that is a button. */
export function createField({ dom }: Place, { element, n }: Widget): Element {
  const field = dom.create('textarea')
  field.setAttribute('name', FIELD)
  if (!dom.byId(FIELD)) field.id = FIELD
  else if (n) field.id = `${FIELD}-${n}`
  field.hidden = true
  const tag = element && dom.tag(element)
  const inside = element && tag !== 'button' && tag !== 'input'
  const around = inside ? element : element && (dom.closest(element, 'form') ?? dom.parent(element))
  dom.append(around ?? document.body, field)
  return field
}
