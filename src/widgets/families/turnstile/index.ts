import { z } from 'zod'
import { printableText, sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { TurnstileFacts } from './page/facts.js'

const shape = z.object({
  sitekey,
  action: printableText(32),
  cData: printableText(255),
  pageData: printableText(4_096),
  waits: z.boolean(),
  visible: z.boolean(),
  answered: z.boolean(),
  executed: z.boolean(),
} satisfies Shape<Omit<TurnstileFacts, 'hinted'>>)

const FRAME_PATH = /^\/cdn-cgi\/challenge-platform\/.*\/turnstile\//

/**
 * Cloudflare Turnstile. A token is valid for 300 seconds.
 *
 * @see https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
 */
export const turnstile: Widget<z.output<typeof shape>> = {
  family: 'turnstile',
  shape,
  tokenLifetimeMs: 300_000,
  read({ sitekey, action, cData, pageData, waits, visible, answered, executed }) {
    return {
      challenge: { variant: 'turnstile', sitekey, action, cData, pageData },
      visible,
      answered,
      // Unless it waits for `execute`, it starts as soon as it is rendered.
      executed: executed || !waits,
      // An executed widget is due even where it is not visible.
      due: !answered && (executed || (!waits && visible)),
    }
  },
  isVendorFrame: (url) => FRAME_PATH.test(url.pathname),
  interaction: () => 'may-pass',
}
