import { find, includes, list, pushBounded } from './primordials.js'

/** What a vendor's script has drawn, under an id that it has given to nothing else. */
interface Drawing {
  readonly id: string
  readonly element: Element
}

const drawings = list<Drawing>()
/** The elements that the page's HTML has for a vendor's script, and those into which the script had drawn. */
const placed = list<Element>()
const drawn = list<Element>()
let drawnBy: unknown

/** Whether a drawing with this id was seen. */
export function isKnownDrawing(id: string | undefined): boolean {
  return find(drawings, (one) => one.id === id) !== undefined
}

/**
 * Whether the drawing with this id was another element when it was first seen. A page that copies a widget, by
 * `cloneNode` or `innerHTML`, copies the id with it.
 */
export function isCopyOf(id: string, element: Element): boolean {
  const known = find(drawings, (one) => one.id === id) ?? pushBounded(drawings, { id, element })
  return known.element !== element
}

/**
 * Whether an element with a drawing is a copy, where a vendor's script gives no ids: it renders the elements of the
 * page's HTML at once, and has done so before this one came.
 *
 * @param isDrawn whether the script has drawn into it
 * @param isFirstScan what `beginDrawings` returned
 */
export function isLateDrawing(element: Element, isDrawn: boolean, isFirstScan: boolean): boolean {
  if (includes(drawn, element)) return false
  if (isDrawn && !isFirstScan && !includes(placed, element)) return true
  if (!includes(placed, element)) pushBounded(placed, element)
  if (isDrawn) pushBounded(drawn, element)
  return false
}

/** Begins a scan for `isLateDrawing`. @returns whether no drawing of this object's script was seen before */
export function beginDrawings(vendorObject: unknown): boolean {
  if (vendorObject !== drawnBy) placed.size = drawn.size = 0
  drawnBy = vendorObject
  return drawn.size === 0
}
