import { z } from 'zod'
import { address, encryptedKey } from '../../bounds.js'
import type { Widget } from '../../widget.js'

const shape = z.object({
  sitekey: encryptedKey,
  script: address,
  visible: z.boolean(),
  answered: z.boolean(),
})

/** Amazon WAF's CAPTCHA, where a page draws it by the JavaScript API. */
export const awsWaf: Widget<z.output<typeof shape>> = {
  family: 'aws-waf',
  shape,
  // The "immunity time" of a token, as it is unless the site's owner says otherwise.
  tokenLifetimeMs: 300_000,
  read({ sitekey, script, visible, answered }) {
    return {
      challenge: { variant: 'widget', sitekey, scriptUrl: script },
      visible,
      answered,
      executed: false,
      due: !answered && visible,
    }
  },
  // It has no frames: it stands in an open shadow root in the page itself.
  isVendorFrame: () => false,
  interaction: () => 'interactive',
}
