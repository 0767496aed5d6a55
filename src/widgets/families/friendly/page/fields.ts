import type { PageContext } from '../../../page-kit/family.js'
import { addField, addFields, ownForm } from '../../../page-kit/fields.js'
import { type List, list } from '../../../page-kit/primordials.js'
import { has } from '../../../page-kit/text.js'
import { type FriendlyScan, type FriendlyWidget, setting } from './scan.js'

/** The response fields of this widget and of no other. */
export function fieldsOf(context: PageContext, { widgets }: FriendlyScan, widget: FriendlyWidget): List<Element> {
  const { dom } = context
  const { element, version } = widget
  const fields = list<Element>()
  if (version === 'v1') addFields(fields, dom.inElement(element, 'input.frc-captcha-solution'))
  const name = fieldName(context, widget)
  if (name === undefined) return fields
  add(element)
  const form = ownForm(dom, element, widgets)
  if (form) add(form)
  return fields

  function add(within: Element): void {
    const inputs = dom.inElement(within, 'input[name],textarea[name]')
    for (let index = 0; index < inputs.length && index < MAX_INPUTS; index++) {
      const input = inputs[index] as Element
      if (dom.attribute(input, 'name') === name) addField(fields, input)
    }
  }
}

const MAX_INPUTS = 1_000

/** Creates the field, where the widget should have one and has created none. */
export function createField(context: PageContext, widget: FriendlyWidget): Element | undefined {
  const name = fieldName(context, widget)
  if (name === undefined) return undefined
  const field = context.dom.create('input')
  field.setAttribute('type', 'hidden')
  field.setAttribute('name', name)
  if (widget.version === 'v1') field.className = 'frc-captcha-solution'
  context.dom.append(widget.element, field)
  return field
}

/** The name of its field; undefined if the page wants no field. */
function fieldName(context: PageContext, widget: FriendlyWidget): string | undefined {
  const v1 = widget.version === 'v1'
  const name = v1
    ? setting(context, widget, 'solutionFieldName', 'solution-field-name')
    : setting(context, widget, 'formFieldName', 'form-field-name')
  if (name === null || (v1 && name === '-')) return undefined
  return typeof name === 'string' && name !== '' ? name : v1 ? 'frc-captcha-solution' : 'frc-captcha-response'
}

/** Whether a field's value is an answer: the vendor's words for other states begin with a dot. */
export function isAnswer(value: string): boolean {
  return value !== '' && value[0] !== '.'
}

/** Whether a value is the vendor's word for a state in which the browser is working. */
export function isWorking({ p }: PageContext, value: string): boolean {
  return value !== '' && has(p, '.FETCHING .UNFINISHED .REQUESTING .SOLVING .VERIFYING ', `${value} `)
}
