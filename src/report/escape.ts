import { printable } from '../base/errors.js'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** An entity has at most as many characters. */
const MAX_ENTITY = 6

/**
 * A text as HTML or SVG, in an element or in a quoted attribute. Control characters and bidirectional marks are dots.
 * A text of which much becomes entities is cut earlier: the size of a page depends on no log.
 *
 * @param max the most characters of the text that are shown; they become about twice as many of HTML at most
 */
export function escaped(text: string, max = 220): string {
  const html = withEntities(printable(text, max))
  return html.length <= 2 * max ? html : withEntities(printable(text, Math.floor((2 * max) / MAX_ENTITY)))
}

function withEntities(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
