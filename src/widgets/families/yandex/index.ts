import { z } from 'zod'
import { sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { YandexFacts } from './page/facts.js'

const shape = z.object({
  sitekey,
  waits: z.boolean(),
  visible: z.boolean(),
  answered: z.boolean(),
  executed: z.boolean(),
} satisfies Shape<YandexFacts>)

const HOSTS = /^(smartcaptcha\.yandexcloud\.net|smartcaptcha\.cloud\.yandex\.ru|captcha-api\.yandex\.ru)$/
const FRAME_PATH = /^\/(checkbox|advanced|shield)(\.\w+)?(\.html)?$/

/**
 * Yandex SmartCaptcha.
 *
 * @see https://yandex.cloud/en/docs/smartcaptcha/
 */
export const yandex: Widget<z.output<typeof shape>> = {
  family: 'yandex',
  shape,
  // https://yandex.cloud/en/docs/smartcaptcha/concepts/validation
  tokenLifetimeMs: 300_000,
  read({ sitekey, waits, visible, answered, executed }) {
    return {
      challenge: { variant: waits ? 'invisible' : 'checkbox', sitekey },
      visible,
      answered,
      executed,
      due: !answered && (waits ? executed : visible),
    }
  },
  isVendorFrame: (url) =>
    HOSTS.test(url.hostname) || (FRAME_PATH.test(url.pathname) && url.searchParams.has('sitekey')),
  // An invisible one shows a challenge only to whom the vendor suspects.
  interaction: ({ variant }) => (variant === 'invisible' ? 'may-pass' : 'interactive'),
}
