import { z } from 'zod'
import { printableText, sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { CaptchafoxFacts } from './page/facts.js'

const shape = z.object({
  sitekey,
  waits: z.boolean(),
  visible: z.boolean(),
  answered: z.boolean(),
  executed: z.boolean(),
  userAgent: printableText(512),
} satisfies Shape<CaptchafoxFacts>)

/**
 * CaptchaFox.
 *
 * @see https://docs.captchafox.com
 */
export const captchafox: Widget<z.output<typeof shape>> = {
  family: 'captchafox',
  shape,
  // The vendor publishes no time; its widget expires its answers, and this is the shortest time of other vendors.
  tokenLifetimeMs: 120_000,
  read({ sitekey, waits, visible, answered, executed, userAgent }) {
    return {
      challenge: { variant: 'captchafox', sitekey, userAgent },
      visible,
      answered,
      executed,
      due: !answered && (waits ? executed : visible),
    }
  },
  // It draws into the page itself.
  isVendorFrame: () => false,
  // Most people see no challenge, once it has been executed.
  interaction: ({ executed }) => (executed ? 'may-pass' : 'interactive'),
}
