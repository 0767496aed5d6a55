import type { PageContext, VendorScript } from './family.js'
import { own } from './safe-read.js'
import { has } from './text.js'

const MAX_SCRIPTS = 500

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
 * Whether a vendor's script waits for a consent (`type="text/plain"`), and no other one is there: until then nothing is
 * drawn. Consent managers keep its address in attributes of their own.
 */
export function isWithheld({ p, dom }: PageContext, { globals, addresses }: VendorScript): boolean {
  for (let index = 0; index < globals.length; index++) {
    if (own(p, window, globals[index] as string) !== undefined) return false
  }
  const withheld = dom.all(document, 'script[type="text/plain"]')
  for (let index = 0; index < withheld.length && index < MAX_SCRIPTS; index++) {
    if (!isOneOf(p, dom.outerHtml(withheld[index] as Element), addresses)) continue
    for (let at = 0; at < addresses.length; at++) {
      if (dom.all(document, `script[src*="${addresses[at]}"]:not([type="text/plain"])`).length > 0) return false
    }
    return true
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
