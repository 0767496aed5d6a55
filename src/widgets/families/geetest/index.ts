import { z } from 'zod'
import { host, sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { GeetestFacts } from './page/facts.js'

const shape = z.object({
  v4: z.boolean(),
  sitekey,
  // If one is invalid it alone is dropped: a fresh challenge can be requested, and the default host mostly works.
  challenge: z
    .string()
    .regex(/^[\w-]{1,256}$/)
    .optional()
    .catch(undefined),
  host,
  bound: z.boolean(),
  visible: z.boolean(),
  answered: z.boolean(),
  executed: z.boolean(),
} satisfies Shape<GeetestFacts>)

const USUAL_HOST = 'api.geetest.com'

/**
 * GeeTest v3 and v4.
 *
 * @see https://docs.geetest.com/install/apirefer/api/web (v3)
 * @see https://docs.geetest.com/BehaviorVerification/apirefer/api/web (v4)
 */
export const geetest: Widget<z.output<typeof shape>> = {
  family: 'geetest',
  shape,
  // An answer is valid for as long as its challenge, about ten minutes.
  tokenLifetimeMs: 600_000,
  fields: [
    ['geetest_challenge', 'geetest_validate', 'geetest_seccode'],
    ['captcha_id', 'lot_number', 'pass_token', 'gen_time', 'captcha_output'],
  ],
  read({ v4, sitekey, challenge, host, bound, visible, answered, executed }) {
    return {
      challenge: v4
        ? { variant: 'v4', sitekey }
        : { variant: 'v3', sitekey, challenge, apiHost: host === USUAL_HOST ? undefined : host },
      visible,
      answered,
      executed,
      due: !answered && (executed || (visible && !bound)),
    }
  },
  // It renders into the page itself.
  isVendorFrame: () => false,
  // Bound to a button of the page, it lets most people pass once executed.
  interaction: ({ visible = true }) => (visible ? 'interactive' : 'may-pass'),
}
