import type { PageContext } from '../../../page-kit/family.js'
import { addField, ownForm } from '../../../page-kit/fields.js'
import { type List, list } from '../../../page-kit/primordials.js'
import { setting, type TurnstileScan, type TurnstileWidget } from './scan.js'

const FIELD = 'cf-turnstile-response'
const RECAPTCHA_FIELD = 'g-recaptcha-response'
const MAX_INPUTS = 1_000

/** The response fields of this widget and of no other. */
export function fieldsOf(
  context: PageContext,
  { widgets, compat }: TurnstileScan,
  widget: TurnstileWidget,
): List<Element> {
  const { dom } = context
  const { element, id } = widget
  const fields = list<Element>()
  const wanted = fieldName(context, widget)
  if (!element || wanted === undefined) return fields
  const add = (within: Element): void => {
    const inputs = dom.inElement(within, 'input,textarea')
    for (let index = 0; index < inputs.length && index < MAX_INPUTS; index++) {
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

/** Creates the field, where the widget should have one and has created none. */
export function createField(context: PageContext, widget: TurnstileWidget): Element | undefined {
  const name = fieldName(context, widget)
  if (!widget.element || name === undefined) return undefined
  const field = context.dom.create('input')
  field.setAttribute('type', 'hidden')
  field.setAttribute('name', name)
  if (widget.id) field.id = `${widget.id}_response`
  context.dom.append(widget.element, field)
  return field
}

/** The name of its field; undefined if the page wants no field. */
function fieldName(context: PageContext, widget: TurnstileWidget): string | undefined {
  const wanted = setting(context, widget, 'response-field')
  if (wanted === false || wanted === 'false') return undefined
  const name = setting(context, widget, 'response-field-name')
  return typeof name === 'string' && name !== '' ? name : FIELD
}
