import { z } from 'zod'
import { address, encryptedKey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { AwsWafFacts } from './page/facts.js'

const shape = z.object({
  sitekey: encryptedKey,
  script: address,
  visible: z.boolean(),
  answered: z.boolean(),
} satisfies Shape<AwsWafFacts>)

/**
 * Amazon WAF's CAPTCHA, where a page renders it through the JavaScript API.
 *
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/waf-js-captcha-api.html
 */
export const awsWaf: Widget<z.output<typeof shape>> = {
  family: 'aws-waf',
  shape,
  // The default "immunity time" of a token:
  // https://docs.aws.amazon.com/waf/latest/developerguide/waf-tokens-immunity-times.html
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
  // It has no frames: it is in an open shadow root of the page.
  isVendorFrame: () => false,
  interaction: () => 'interactive',
}
