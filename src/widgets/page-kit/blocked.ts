import type { PageContext, VendorScript } from './family.js'
import { own } from './safe-read.js'
import { has } from './text.js'

const MAX_SCRIPTS = 500
/** The types of scripts that a browser runs: `module`, `application/javascript`, `text/javascript` and similar ones. */
const RUNS = ':is(:not([type]),[type=""],[type^=mod],[type^=app],[type^="text/j"])'

/** Whether a vendor's script could not be loaded (an ad blocker, a policy, the network), and none of it is there. */
export function isBlocked(context: PageContext, script: VendorScript): boolean {
  const { p } = context
  const { globals, element } = script
  for (let index = 0; index < globals.length; index++) {
    const api = own(p, window, globals[index] as string)
    // A page itself may create the object, for calls until the script is there.
    if (typeof own(p, api, 'render') === 'function' || (api !== undefined && globals[index] !== 'grecaptcha'))
      return false
  }
  return !(element && customElements.get(element)) && hasFailed(context, script)
}

/**
 * Whether a vendor's script waits for something, and no other one is there: until then nothing is drawn. Managers of
 * consents, and those that delay scripts, withhold it by a type of their own (`text/plain`, `rocketlazyloadscript`),
 * and keep its address in other attributes; a page's own code adds it once its form is used.
 */
export function isWithheld({ p, dom }: PageContext, { globals, addresses }: VendorScript): boolean {
  for (let index = 0; index < globals.length; index++) {
    if (own(p, window, globals[index] as string) !== undefined) return false
  }
  for (let index = 0; index < addresses.length; index++) {
    if (dom.all(document, `script[src*="${addresses[index]}"]${RUNS}`).length > 0) return false
  }
  const scripts = dom.all(document, 'script')
  for (let index = 0; index < scripts.length && index < MAX_SCRIPTS; index++) {
    if (isOneOf(p, dom.outerHtml(scripts[index] as Element), addresses)) return true
  }
  return false
}

function hasFailed({ p, dom, observer }: PageContext, { addresses }: VendorScript): boolean {
  const { failedScripts } = observer
  for (let index = 0; index < failedScripts.size; index++) {
    if (isOneOf(p, dom.attribute(failedScripts[index] as Element, 'src') ?? '', addresses)) return true
  }
  return false
}

function isOneOf(p: PageContext['p'], address: string, parts: readonly string[]): boolean {
  for (let at = 0; at < parts.length; at++) if (has(p, address, parts[at] as string)) return true
  return false
}
