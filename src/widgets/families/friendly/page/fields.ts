import type { Place } from '../../../page-kit/family.js'
import { addField, addFields, ownForm } from '../../../page-kit/fields.js'
import { type List, list } from '../../../page-kit/primordials.js'
import { has } from '../../../page-kit/text.js'
import { type Scene, setting, type Widget } from './scan.js'

/** The response fields that belong to this widget and to no other. */
export function fieldsOf(place: Place, { widgets }: Scene, widget: Widget): List<Element> {
  const { dom } = place
  const { element, version } = widget
  const fields = list<Element>()
  if (version === 'v1') addFields(fields, dom.inElement(element, 'input.frc-captcha-solution'))
  const name = fieldName(place, widget)
  if (name === undefined) return fields
  add(element)
  const form = ownForm(dom, element, widgets)
  if (form) add(form)
  return fields

  function add(within: Element): void {
    const inputs = dom.inElement(within, 'input[name],textarea[name]')
    for (let index = 0; index < inputs.length && index < MOST_INPUTS; index++) {
      const input = inputs[index] as Element
      if (dom.attribute(input, 'name') === name) addField(fields, input)
    }
  }
}

const MOST_INPUTS = 1_000

/** A field where the widget should have one and has made none. */
export function createField(place: Place, widget: Widget): Element | undefined {
  const name = fieldName(place, widget)
  if (name === undefined) return undefined
  const field = place.dom.create('input')
  field.setAttribute('type', 'hidden')
  field.setAttribute('name', name)
  if (widget.version === 'v1') field.className = 'frc-captcha-solution'
  place.dom.append(widget.element, field)
  return field
}

/** The name of its field; undefined where the page wants none. */
function fieldName(place: Place, widget: Widget): string | undefined {
  const v1 = widget.version === 'v1'
  const name = v1
    ? setting(place, widget, 'solutionFieldName', 'solution-field-name')
    : setting(place, widget, 'formFieldName', 'form-field-name')
  if (name === null || (v1 && name === '-')) return undefined
  return typeof name === 'string' && name !== '' ? name : v1 ? 'frc-captcha-solution' : 'frc-captcha-response'
}

/** Whether a field's value is an answer: the vendor's other words for how it stands begin with a dot. */
export function isAnswer(value: string): boolean {
  return value !== '' && value[0] !== '.'
}

/** Whether a value says that the browser is working on it. */
export function isWorking({ p }: Place, value: string): boolean {
  return value !== '' && has(p, '.FETCHING .UNFINISHED .REQUESTING .SOLVING .VERIFYING ', `${value} `)
}
