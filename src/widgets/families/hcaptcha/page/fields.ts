import type { PageContext } from '../../../page-kit/family.js'
import { addField, addFields, ownForm } from '../../../page-kit/fields.js'
import { type List, list } from '../../../page-kit/primordials.js'
import type { HcaptchaScan, HcaptchaWidget } from './scan.js'

const FIELD = 'h-captcha-response'
const RECAPTCHA_FIELD = 'g-recaptcha-response'
const select = (name: string) => `textarea[name="${name}"],input[name="${name}"]`

/** The response fields of this widget and of no other: its own, and reCAPTCHA's if it has created one. */
export function fieldsOf(
  { dom }: PageContext,
  { widgets }: HcaptchaScan,
  { element, id }: HcaptchaWidget,
): List<Element> {
  const fields = list<Element>()
  if (element) addFields(fields, dom.inElement(element, `${select(FIELD)},${select(RECAPTCHA_FIELD)}`))
  for (let index = 0; index < 2; index++) {
    const field = id === undefined ? null : dom.byId(`${index ? RECAPTCHA_FIELD : FIELD}-${id}`)
    if (field && (dom.tag(field) === 'textarea' || dom.tag(field) === 'input')) addField(fields, field)
  }
  const form = element && ownForm(dom, element, widgets)
  if (form) addFields(fields, dom.inElement(form, select(FIELD)))
  return fields
}

/** Creates a field, where the widget has none: in its element, or beside it if that is a button. */
export function createField({ dom }: PageContext, { element, id }: HcaptchaWidget): Element {
  const field = dom.create('textarea')
  field.setAttribute('name', FIELD)
  if (id) field.id = `${FIELD}-${id}`
  field.hidden = true
  const tag = element && dom.tag(element)
  const inside = element && tag !== 'button' && tag !== 'input'
  const around = inside ? element : element && (dom.closest(element, 'form') ?? dom.parent(element))
  dom.append(around ?? dom.body(), field)
  return field
}
