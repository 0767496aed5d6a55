import { z } from 'zod'
import { printableText, sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { MtcaptchaFacts } from './page/facts.js'

const shape = z.object({
  sitekey,
  action: printableText(30),
  visible: z.boolean(),
  answered: z.boolean(),
} satisfies Shape<MtcaptchaFacts>)

const FRAME_PATH = /^\/mtcv1\/client\/iframe\.html$/

/**
 * MTCaptcha.
 *
 * @see https://docs.mtcaptcha.com/dev-guide
 */
export const mtcaptcha: Widget<z.output<typeof shape>> = {
  family: 'mtcaptcha',
  shape,
  // "A few minutes", of which the widget leaves the site at least 50 seconds:
  // https://mtcaptcha.com/dev-guide-validate-token
  tokenLifetimeMs: 120_000,
  read({ sitekey, action, visible, answered }) {
    return {
      challenge: { variant: 'mtcaptcha', sitekey, action },
      visible,
      answered,
      executed: false,
      // The vendor verifies some widgets invisibly, and shows those that it does not pass.
      due: !answered && visible,
    }
  },
  isVendorFrame: (url) => FRAME_PATH.test(url.pathname),
  interaction: () => 'interactive',
}
