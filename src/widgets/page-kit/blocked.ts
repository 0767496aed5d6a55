import type { PageContext, VendorScript } from './family.js'
import { own } from './safe-read.js'
import { has } from './text.js'

/** Whether a vendor's script could not be loaded (an ad blocker, a policy, the network), and none of it is there. */
export function isBlocked({ p, dom, observer }: PageContext, { globals, element, addresses }: VendorScript): boolean {
  for (let index = 0; index < globals.length; index++) {
    const api = own(p, window, globals[index] as string)
    // A page itself may create the object, for calls until the script is there.
    if (typeof own(p, api, 'render') === 'function' || (api !== undefined && globals[index] !== 'grecaptcha'))
      return false
  }
  if (element && customElements.get(element)) return false
  const { failedScripts } = observer
  for (let index = 0; index < failedScripts.size; index++) {
    const src = dom.attribute(failedScripts[index] as Element, 'src') ?? ''
    for (let at = 0; at < addresses.length; at++) if (has(p, src, addresses[at] as string)) return true
  }
  return false
}
