import type { Place } from '../../../page-kit/family.js'
import { addField, ownForm } from '../../../page-kit/fields.js'
import { type List, list } from '../../../page-kit/primordials.js'
import { type Scene, setting, type Widget } from './scan.js'

const FIELD = 'cf-turnstile-response'
const RECAPTCHA_FIELD = 'g-recaptcha-response'
const MOST_INPUTS = 1_000

/** The response fields that belong to this widget and to no other. */
export function fieldsOf(place: Place, { widgets, compat }: Scene, widget: Widget): List<Element> {
  const { dom } = place
  const { element, id } = widget
  const fields = list<Element>()
  const wanted = fieldName(place, widget)
  if (!element || wanted === undefined) return fields
  const add = (within: Element): void => {
    const inputs = dom.inElement(within, 'input,textarea')
    for (let index = 0; index < inputs.length && index < MOST_INPUTS; index++) {
      const input = inputs[index] as Element
      const name = dom.attribute(input, 'name')
      const own = id !== undefined && dom.attribute(input, 'id') === `${id}_response`
      if (own || name === wanted || (compat && name === RECAPTCHA_FIELD)) addField(fields, input)
    }
  }
  add(element)
  const form = ownForm(dom, element, widgets)
  if (form) add(form)
  return fields
}

/** A field where the widget should have one and has made none. */
export function createField(place: Place, widget: Widget): Element | undefined {
  const name = fieldName(place, widget)
  if (!widget.element || name === undefined) return undefined
  const field = place.dom.create('input')
  field.setAttribute('type', 'hidden')
  field.setAttribute('name', name)
  if (widget.id) field.id = `${widget.id}_response`
  place.dom.append(widget.element, field)
  return field
}

/** The name of its field; undefined where the page wants none. */
function fieldName(place: Place, widget: Widget): string | undefined {
  const wanted = setting(place, widget, 'response-field')
  if (wanted === false || wanted === 'false') return undefined
  const name = setting(place, widget, 'response-field-name')
  return typeof name === 'string' && name !== '' ? name : FIELD
}
