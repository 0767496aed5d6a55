import { z } from 'zod'
import { address, printableText, sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { FriendlyFacts } from './page/facts.js'

const shape = z.object({
  version: z.enum(['v1', 'v2']),
  sitekey,
  endpoint: printableText(2_048),
  script: address,
  visible: z.boolean(),
  answered: z.boolean(),
  working: z.boolean(),
} satisfies Shape<FriendlyFacts>)

const FRAME_PATH = /^\/api\/v2\/captcha\/(?:widget|agent)$/

/** The vendor's hosts, except for the two defaults. */
const OTHER_HOST =
  /^(?!api\.friendlycaptcha\.com$|global\.frcapi\.com$)[a-z0-9-]+\.(?:friendlycaptcha\.(?:com|eu)|frcapi\.com)$/

/**
 * Friendly Captcha, versions 1 and 2.
 *
 * @see https://developer.friendlycaptcha.com/docs/v2/sdk/configuration
 */
export const friendly: Widget<z.output<typeof shape>> = {
  family: 'friendly',
  shape,
  // Each puzzle contains the validity of its answer in steps of five minutes; at least one step.
  tokenLifetimeMs: 300_000,
  read({ version, sitekey, endpoint, script, visible, answered, working }) {
    return {
      challenge: { variant: version, sitekey, apiHost: otherHost(endpoint), scriptUrl: script },
      visible,
      answered,
      executed: working,
      // An executed widget is due even where it is not visible.
      due: !answered && (visible || working),
    }
  },
  isVendorFrame: (url) => FRAME_PATH.test(url.pathname),
  // Once started it computes its answer by itself; until then it waits for a person to use the form.
  interaction: ({ executed }) => (executed ? 'may-pass' : 'interactive'),
}

function otherHost(endpoint: string | undefined): string | undefined {
  const first = endpoint?.split(',')[0]?.trim() ?? ''
  const host = URL.canParse(first) ? new URL(first).hostname : first === 'eu' ? 'eu.frcapi.com' : ''
  return OTHER_HOST.test(host) ? host : undefined
}
