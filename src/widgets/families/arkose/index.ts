import { z } from 'zod'
import { host, sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { ArkoseFacts } from './page/facts.js'

const shape = z.object({
  sitekey,
  host,
  // If it is invalid it alone is dropped: only a site that requires it rejects the token.
  blob: z
    .string()
    .regex(/^[\x21-\x7e]{1,4096}$/)
    .optional()
    .catch(undefined),
  visible: z.boolean(),
  answered: z.boolean(),
  executed: z.boolean(),
} satisfies Shape<Omit<ArkoseFacts, 'hinted'>>)

const USUAL_HOST = 'client-api.arkoselabs.com'

const FRAME_PATH = /^\/(?:v2\/[\w.-]+\/enforcement\.[\w.-]+\.html|fc\/(?:gc|gt2|api|assets|apps)\/.*)$/

/**
 * Arkose, formerly FunCaptcha.
 *
 * @see https://developer.arkoselabs.com/docs/client-api
 */
export const arkose: Widget<z.output<typeof shape>> = {
  family: 'arkose',
  shape,
  tokenLifetimeMs: 300_000,
  read({ sitekey, host, blob, visible, answered, executed }) {
    return {
      challenge: { variant: 'arkose', sitekey, blob, apiHost: host === USUAL_HOST ? undefined : host },
      visible,
      answered,
      executed,
      due: !answered && (visible || executed),
    }
  },
  isVendorFrame: (url) => FRAME_PATH.test(url.pathname),
  // Most sessions end without a challenge: only an open one needs a person.
  interaction: ({ visible = true }) => (visible ? 'interactive' : 'may-pass'),
}
