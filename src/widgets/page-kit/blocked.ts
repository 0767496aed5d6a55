import type { PageContext, VendorScript } from './family.js'
import { find } from './primordials.js'
import { own } from './safe-read.js'
import { has } from './text.js'

const MAX_SCRIPTS = 500
/** The types of scripts that a browser runs: `module`, `application/javascript`, `text/javascript` and similar ones. */
const RUNS = 'script[src]:is(:not([type]),[type=""],[type^=mod],[type^=app],[type^="text/j"]):not([nomodule])'
/** For how long after its load event a page may insert the vendor's script, ms. */
const MISSING_AFTER_MS = 3_000

/**
 * What is known of a vendor's script of which nothing is there:
 * - `blocked`: it could not be loaded (an ad blocker, a policy, the network), or was empty, or the page has none
 * - `withheld`: it waits for something, and until then nothing is drawn. Managers of consents, and those that delay
 *   scripts, withhold it by a type of their own (`text/plain`, `rocketlazyloadscript`), and keep its address in other
 *   attributes; a page's own code adds it once its form is used
 */
export function scriptState(
  { p, dom, observer }: PageContext,
  { globals, element, addresses }: VendorScript,
): 'blocked' | 'withheld' | undefined {
  const { scriptEvents } = observer
  for (let index = 0; index < globals.length; index++) {
    const api = own(p, window, globals[index] as string)
    // A page itself may create the object, for calls until the script is there.
    if (api !== undefined && (globals[index] !== 'grecaptcha' || typeof own(p, api, 'render') === 'function')) return
  }
  if (element && customElements.get(element)) return
  const isOne = (script: Element): boolean => {
    for (let at = 0; at < addresses.length; at++)
      if (has(p, dom.outerHtml(script), addresses[at] as string)) return true
    return false
  }
  if (find(scriptEvents, ({ type, target }) => type === 'error' && isOne(target))) return 'blocked'
  if (own(p, window, globals[0] as string) !== undefined) return
  let loaded = false
  const running = dom.all(document, RUNS)
  for (let index = 0; index < running.length; index++) {
    loaded ||= isOne(running[index] as Element)
    // On its way.
    if (isOne(running[index] as Element) && !find(scriptEvents, ({ target }) => target === running[index])) return
  }
  const scripts = dom.all(document, 'script')
  for (let index = 0; index < scripts.length && index < MAX_SCRIPTS; index++) {
    if (!loaded && isOne(scripts[index] as Element)) return 'withheld'
  }
  const end = performance.timing.loadEventEnd
  if (loaded || find(scriptEvents, ({ target }) => isOne(target)) || (end && p.now() - end > MISSING_AFTER_MS))
    return 'blocked'
}
