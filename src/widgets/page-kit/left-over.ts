import type { PageContext } from './family.js'
import { own } from './safe-read.js'
import { parameter } from './text.js'

const MAX_SCRIPTS = 50
/** What a vendor's script draws in an element has one of these; what a page puts there to be replaced has none. */
const DRAWN = 'div,input,textarea,iframe'
/** The same without what a page puts there. */
const VENDORS = 'input,textarea,iframe'
const MAX_TAGS = 1_000

/**
 * Whether an element is one that a vendor's script does not draw by itself, and that the page has not rendered: the
 * script is there, and leaves it to the page.
 *
 * @param tags the elements that the script draws by itself, all of them at once: one that came later is left over
 * @param api the property of the window that the script defines
 * @param address a part of its addresses
 * @param value what its parameter `render` is then
 */
export function isLeftOver(
  { p, dom }: PageContext,
  element: Element,
  tags: string | undefined,
  api: string,
  address: string,
  value = 'explicit',
): boolean {
  if (dom.inElement(element, DRAWN).length > 0 || typeof own(p, own(p, window, api), 'render') !== 'function')
    return false
  const others = tags === undefined ? [] : dom.all(document, tags)
  for (let index = 0; index < others.length && index < MAX_TAGS; index++)
    if (dom.inElement(others[index] as Element, VENDORS).length > 0) return true
  const scripts = dom.all(document, `script[src*="${address}"]`)
  for (let index = 0; index < scripts.length && index < MAX_SCRIPTS; index++) {
    if (parameter(p, dom.attribute(scripts[index] as Element, 'src') ?? '', 'render') !== value) return false
  }
  return scripts.length > 0
}
