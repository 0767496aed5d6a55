import type { Dom } from './dom.js'
import { includes, type List, push } from './primordials.js'

/** A page that has more fields for one answer does not have them for the answer. */
const MAX_FIELDS = 50

/** Adds one, if it is not there yet. */
export function addField(fields: List<Element>, field: Element): void {
  if (!includes(fields, field) && fields.size < MAX_FIELDS) push(fields, field)
}

export function addFields(fields: List<Element>, found: ArrayLike<Element>): void {
  for (let index = 0; index < found.length && index < MAX_FIELDS; index++) addField(fields, found[index] as Element)
}

/**
 * The form around an element, if it is this widget's alone: a site may have put a field there itself, and it is the
 * widget's if no other widget's element is in the form.
 */
export function ownForm(
  dom: Dom,
  element: Element,
  others: List<{ readonly element?: Element; readonly score?: boolean }>,
): Element | undefined {
  const form = dom.closest(element, 'form')
  for (let index = 0; form && index < others.size; index++) {
    const other = others[index]
    // Score widgets have no field of their own in a form.
    if (other?.element && !other.score && other.element !== element && dom.contains(form, other.element))
      return undefined
  }
  return form ?? undefined
}
