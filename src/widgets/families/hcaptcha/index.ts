import { z } from 'zod'
import { sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { HcaptchaFacts } from './page/facts.js'

const shape = z.object({
  kind: z.enum(['checkbox', 'invisible']),
  sitekey,
  // If it is invalid it alone is dropped: the widget can still be solved.
  rqdata: z
    .string()
    .regex(/^[\x21-\x7e]{1,4096}$/)
    .optional()
    .catch(undefined),
  visible: z.boolean(),
  answered: z.boolean(),
  executed: z.boolean(),
  challenged: z.boolean(),
} satisfies Shape<Omit<HcaptchaFacts, 'hinted'>>)

const FRAME_PATH = /^\/captcha\/v1\/[\w.-]+\/static\/hcaptcha(?:-[a-z-]+)?\.html$/

/**
 * hCaptcha, Enterprise too.
 *
 * @see https://docs.hcaptcha.com/
 */
export const hcaptcha: Widget<z.output<typeof shape>> = {
  family: 'hcaptcha',
  shape,
  tokenLifetimeMs: 120_000,
  read({ kind, sitekey, rqdata, visible, answered, executed, challenged }) {
    const asked = kind === 'checkbox' ? visible || executed || challenged : executed || challenged
    return {
      challenge: { variant: kind, sitekey, rqdata },
      visible,
      answered,
      executed: executed || challenged,
      due: !answered && asked,
    }
  },
  isVendorFrame: (url) => FRAME_PATH.test(url.pathname),
  interaction: ({ variant }) => (variant === 'invisible' ? 'may-pass' : 'interactive'),
}
