import { printable } from '../base/errors.js'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * A text as HTML or SVG, in an element or in a quoted attribute. Control characters and bidirectional marks are dots.
 */
export function escaped(text: string, max = 220): string {
  return printable(text, max).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
