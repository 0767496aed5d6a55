/**
 * What may show a family's widgets in a page. The family's own script is sent to pages that show one of its signs. So
 * the signs have to cover everything from which its scan takes a widget: too many of them cost a page a few
 * kilobytes, one too few hides a widget. What its watch has recorded, and the vendor's frames in the browser's list,
 * are signs of every family.
 */
export interface Signs {
  /** A selector, for the document and all open shadow roots. */
  readonly elements?: string
  /** Properties of the window. */
  readonly globals?: readonly string[]
}
