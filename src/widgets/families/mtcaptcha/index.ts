import { z } from 'zod'
import { printable, sitekey } from '../../bounds.js'
import type { Widget } from '../../widget.js'

const shape = z.object({
  sitekey,
  action: printable(30),
  visible: z.boolean(),
  answered: z.boolean(),
})

const FRAME_PATH = /^\/mtcv1\/client\/iframe\.html$/

/** MTCaptcha. */
export const mtcaptcha: Widget<z.output<typeof shape>> = {
  family: 'mtcaptcha',
  shape,
  // "A few minutes"; the vendor promises a minute less than that after the widget has it.
  tokenLifetimeMs: 120_000,
  read({ sitekey, action, visible, answered }) {
    return {
      challenge: { variant: 'mtcaptcha', sitekey, action },
      visible,
      answered,
      executed: false,
      // The vendor verifies some unseen; those that it is not content with it shows.
      due: !answered && visible,
    }
  },
  isVendorFrame: (url) => FRAME_PATH.test(url.pathname),
  interaction: () => 'interactive',
}
