import type { PageContext } from '../../../page-kit/family.js'
import { addField, addFields, ownForm } from '../../../page-kit/fields.js'
import { type List, list, pushBounded } from '../../../page-kit/primordials.js'
import { isDrawn, type RecaptchaScan, type RecaptchaWidget } from './widget.js'

const FIELD = 'g-recaptcha-response'
const FIELDS = `textarea[name="${FIELD}"],input[name="${FIELD}"]`

/** A field that was created beside an element. */
interface Beside {
  readonly element: Element
  readonly field: Element
}

const beside = list<Beside>()

/** The response fields of this widget and of no other. */
export function fieldsOf({ dom }: PageContext, { widgets }: RecaptchaScan, widget: RecaptchaWidget): List<Element> {
  const fields = list<Element>()
  const { element, box, n } = widget
  if (element) addFields(fields, dom.inElement(element, FIELDS))
  if (box) addFields(fields, dom.inElement(box, FIELDS))
  for (let index = 0; index < beside.size; index++) {
    const { field, element: of } = beside[index] as Beside
    if (of === element && dom.isInDocument(field)) addField(fields, field)
  }
  if (n !== undefined) {
    const field = dom.byId(n === 0 ? FIELD : `${FIELD}-${n}`)
    const fits = field && (dom.tag(field) === 'textarea' || dom.tag(field) === 'input')
    if (fits && !elsewhere(field)) addField(fields, field)
  }
  const form = element && ownForm(dom, element, widgets)
  if (form) addFields(fields, dom.inElement(form, FIELDS))
  return fields

  function elsewhere(field: Element): boolean {
    for (let index = 0; index < widgets.size; index++) {
      const other = widgets[index]?.element
      if (other && other !== element && dom.contains(other, field)) return true
    }
    return false
  }
}

/**
 * Creates a field, where the widget has none: in its element, or beside it if that is a button or not drawn yet. The
 * vendor's script draws only into an element that is empty.
 */
export function createField({ dom }: PageContext, widget: RecaptchaWidget): Element {
  const { element, n } = widget
  const field = dom.create('textarea')
  field.setAttribute('name', FIELD)
  if (!dom.byId(FIELD)) field.id = FIELD
  else if (n) field.id = `${FIELD}-${n}`
  field.hidden = true
  const tag = element && dom.tag(element)
  const inside = element && tag !== 'button' && tag !== 'input'
  const around = inside && isDrawn(widget) ? element : element && (dom.closest(element, 'form') ?? dom.parent(element))
  dom.append(around ?? dom.body(), field)
  if (element && around !== element) pushBounded(beside, { element, field })
  return field
}
