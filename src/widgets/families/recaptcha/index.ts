import { z } from 'zod'
import type { Variant } from '../../../base/challenge.js'
import { printableText, sitekey } from '../../bounds.js'
import type { Shape, Widget } from '../../widget.js'
import type { RecaptchaFacts } from './page/facts.js'

/** What is only shown to callers: if it is invalid it alone is dropped. */
const shown = printableText(200)

const shape = z.object({
  kind: z.enum(['checkbox', 'invisible', 'score']),
  enterprise: z.boolean(),
  // Only a page that answers in our place leaves it out.
  ambiguous: z.boolean().default(false),
  sitekey,
  // If one is invalid it alone is dropped: the widget can still be solved.
  action: printableText(100),
  dataS: z
    .string()
    .regex(/^[\x21-\x7e]{1,4096}$/)
    .optional()
    .catch(undefined),
  host: z.string().max(300).optional().catch(undefined),
  visible: z.boolean(),
  answered: z.boolean(),
  executed: z.boolean(),
  unheld: z.boolean().default(false),
  challenged: z.boolean(),
  widgetId: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional()
    .catch(undefined),
  frameName: shown,
  callback: shown,
  size: shown,
  theme: shown,
  hasField: z.boolean().catch(false),
  hasChallengeFrame: z.boolean().catch(false),
  inViewport: z.boolean().catch(false),
} satisfies Shape<Omit<RecaptchaFacts, 'hinted'>>)

type Raw = z.output<typeof shape>

const VARIANTS: Readonly<Record<Raw['kind'], readonly [plain: Variant, enterprise: Variant]>> = {
  checkbox: ['v2-checkbox', 'enterprise-checkbox'],
  invisible: ['v2-invisible', 'enterprise-invisible'],
  score: ['v3', 'enterprise-score'],
}

/**
 * The vendor's second host of the same service, for networks that cannot reach the first
 * (https://developers.google.com/recaptcha/docs/faq).
 */
const OTHER_HOSTS: readonly (string | undefined)[] = ['www.recaptcha.net', 'recaptcha.net']

const FRAME_PATH = /^\/recaptcha\/(?:api2|enterprise)\/(?:anchor|bframe)$/

/**
 * reCAPTCHA v2, v3 and Enterprise. A token is valid for two minutes.
 *
 * @see https://developers.google.com/recaptcha/docs/verify
 */
export const recaptcha: Widget<Raw> = {
  family: 'recaptcha',
  shape,
  tokenLifetimeMs: 120_000,
  read(raw) {
    const { kind, ambiguous, visible, answered, executed, unheld, challenged } = raw
    const { widgetId, frameName, callback, size, theme, hasField, hasChallengeFrame, inViewport } = raw
    const asked = kind === 'checkbox' ? visible || challenged : executed
    return {
      challenge: {
        variant: VARIANTS[kind][raw.enterprise ? 1 : 0],
        sitekey: raw.sitekey,
        action: raw.action,
        dataS: raw.dataS,
        apiHost: OTHER_HOSTS.includes(raw.host) ? raw.host : undefined,
      },
      ambiguousWith: ambiguous ? VARIANTS.invisible[1] : undefined,
      visible,
      answered,
      executed,
      ...(unheld && { unheld }),
      due: !answered && asked,
      details: {
        challenged,
        widgetId: widgetId === undefined ? undefined : Number(widgetId),
        frameName,
        callback,
        size,
        theme,
        hasField,
        hasChallengeFrame,
        inViewport,
      },
    }
  },
  isVendorFrame: (url) => FRAME_PATH.test(url.pathname),
  interaction({ variant }) {
    if (variant === 'v3' || variant === 'enterprise-score') return 'passive'
    return variant.endsWith('invisible') ? 'may-pass' : 'interactive'
  },
}
