import { z } from 'zod'
import { address, printable, sitekey } from '../../bounds.js'
import type { Widget } from '../../widget.js'

const shape = z.object({
  version: z.enum(['v1', 'v2']),
  sitekey,
  /** Where it gets its puzzle from: an address, several that are joined by commas, or the vendor's word for one. */
  endpoint: printable(2_048),
  script: address,
  visible: z.boolean(),
  answered: z.boolean(),
  /** Whether it was set off, and the browser works on its answer. */
  working: z.boolean(),
})

const FRAME_PATH = /^\/api\/v2\/captcha\/(?:widget|agent)$/

/** The vendor's hosts, but for those that its widgets ask unless they are told otherwise. */
const OTHER_HOST =
  /^(?!api\.friendlycaptcha\.com$|global\.frcapi\.com$)[a-z0-9-]+\.(?:friendlycaptcha\.(?:com|eu)|frcapi\.com)$/

/** Friendly Captcha, both versions. */
export const friendly: Widget<z.output<typeof shape>> = {
  family: 'friendly',
  shape,
  // A puzzle says for how long its answer is good, in steps of five minutes; no less than one.
  tokenLifetimeMs: 300_000,
  read({ version, sitekey, endpoint, script, visible, answered, working }) {
    return {
      challenge: { variant: version, sitekey, apiHost: otherHost(endpoint), scriptUrl: script },
      visible,
      answered,
      executed: working,
      // One that the page set off is waited for wherever it stands.
      due: !answered && (visible || working),
    }
  },
  isVendorFrame: (url) => FRAME_PATH.test(url.pathname),
  // It works its answer out by itself, once it was set off; at rest it waits for somebody to use the form.
  interaction: ({ executed }) => (executed ? 'may-pass' : 'interactive'),
}

function otherHost(endpoint: string | undefined): string | undefined {
  const first = endpoint?.split(',')[0]?.trim() ?? ''
  const host = URL.canParse(first) ? new URL(first).hostname : first === 'eu' ? 'eu.frcapi.com' : ''
  return OTHER_HOST.test(host) ? host : undefined
}
