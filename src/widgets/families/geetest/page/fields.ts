import type { PageContext } from '../../../page-kit/family.js'
import { addField, ownForm } from '../../../page-kit/fields.js'
import { type List, list, push } from '../../../page-kit/primordials.js'
import type { GeetestScan, GeetestWidget } from './scan.js'

/** What a site's server verifies: these are the names of the fields too. */
const V3 = ['geetest_challenge', 'geetest_validate', 'geetest_seccode'] as const
const V4 = ['captcha_id', 'lot_number', 'pass_token', 'gen_time', 'captcha_output'] as const

/** The one value of each version that an unanswered widget does not have. */
const PROOFS = ['geetest_validate', 'pass_token'] as const

export const namesOf = ({ v4 }: GeetestWidget): readonly string[] => (v4 ? V4 : V3)
export const proofOf = ({ v4 }: GeetestWidget): string => PROOFS[v4 ? 1 : 0]

/** The fields of one name that belong to this widget and to no other. */
export function fieldsOf(
  { dom }: PageContext,
  { widgets }: GeetestScan,
  { element, form }: GeetestWidget,
  name: string,
): List<Element> {
  const fields = list<Element>()
  const around = element && ownForm(dom, element, widgets)
  const scopes = [element, form, around]
  for (let at = 0; at < scopes.length; at++) {
    const scope = scopes[at]
    const found = scope && dom.inElement(scope, `input[name="${name}"]`)
    for (let index = 0; found && index < found.length && index < 10; index++) addField(fields, found[index] as Element)
  }
  return fields
}

/**
 * Creates a field where the widget would have: in the form that it is bound to, or in its element if that is in a form.
 */
export function createField({ dom }: PageContext, { element, form }: GeetestWidget, name: string): Element | undefined {
  const around = form ?? (element && dom.closest(element, 'form') ? element : undefined)
  if (!around) return undefined
  const field = dom.create('input')
  field.setAttribute('type', 'hidden')
  field.setAttribute('name', name)
  dom.append(around, field)
  return field
}

/** The elements with which an open challenge covers the page. */
const COVERS = '.geetest_panel,.geetest_boxShow .geetest_box_wrap,.geetest_boxShow .geetest_popup_ghost'

/** Hides an open challenge. Only one can be open at a time. */
export function uncover({ dom }: PageContext): void {
  const covers = dom.all(document, COVERS)
  const shown = list<Element>()
  for (let index = 0; index < covers.length && index < 50; index++) {
    if (dom.visible(covers[index] as Element)) push(shown, covers[index] as Element)
  }
  for (let index = 0; index < shown.size; index++) (shown[index] as HTMLElement).style.display = 'none'
}
