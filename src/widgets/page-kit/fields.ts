import type { Dom } from './dom.js'
import { includes, type List, push } from './primordials.js'

/** A page with more fields of one name does not have them for an answer. */
const MAX_FIELDS = 50

/**
 * The value of the first field that has one; an empty text if none has. Where the vendor's script has a field of its
 * own, that one decides: a browser restores the page's own fields when the person goes back, and a server may put the
 * values of before into them.
 *
 * @param drawing what the vendor's script draws its own fields into
 */
export function valueIn(dom: Dom, fields: List<Element>, drawing?: Element): string {
  let value = ''
  let isDrawn = false
  for (let index = 0; index < fields.size; index++) {
    const field = fields[index] as Element
    const own = !!drawing && dom.contains(drawing, field)
    if (own && !isDrawn) {
      isDrawn = true
      value = ''
    }
    if (own || !isDrawn) value ||= dom.value(field)
  }
  return value
}

/** Adds a field, unless the list has it. */
export function addField(fields: List<Element>, field: Element): void {
  if (!includes(fields, field) && fields.size < MAX_FIELDS) push(fields, field)
}

export function addFields(fields: List<Element>, found: ArrayLike<Element>): void {
  for (let index = 0; index < found.length && index < MAX_FIELDS; index++) addField(fields, found[index] as Element)
}

/**
 * The form around an element, if no other widget is in it: a field that the site itself has put into such a form
 * belongs to this widget.
 */
export function ownForm(
  dom: Dom,
  element: Element,
  others: List<{ readonly element?: Element; readonly score?: boolean }>,
): Element | undefined {
  const form = dom.closest(element, 'form')
  for (let index = 0; form && index < others.size; index++) {
    const other = others[index]
    // Score widgets have no field in a form.
    if (other?.element && !other.score && other.element !== element && dom.contains(form, other.element))
      return undefined
  }
  return form ?? undefined
}
