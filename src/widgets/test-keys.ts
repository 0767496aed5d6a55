import type { Answer, Challenge, WidgetFamily } from '../base/challenge.js'

const BLOCKS = 'blocks'

const turnstileDummy: Answer = { token: 'XXXX.DUMMY.TOKEN.XXXX' }

/**
 * The sitekeys that vendors publish for tests, and their answers: no service is called, and nothing is spent. A key
 * that is published to *fail* gets no answer: a test that uses it expects the failure.
 *
 * The other vendors publish none. MTCaptcha has a test key for each site, which only the site's owner sees.
 *
 * @see https://developers.google.com/recaptcha/docs/faq
 * @see https://developers.cloudflare.com/turnstile/troubleshooting/testing/
 * @see https://docs.hcaptcha.com/#integration-testing-test-keys
 */
const KEYS: { readonly [family in WidgetFamily]?: Readonly<Record<string, Answer | typeof BLOCKS>> } = {
  // The secret of this key accepts every token and the vendor publishes none, so this text only names its origin.
  recaptcha: { '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI': { token: 'solveguard.recaptcha.test-key.dummy-token' } },
  turnstile: {
    '1x00000000000000000000AA': turnstileDummy,
    '1x00000000000000000000BB': turnstileDummy,
    '2x00000000000000000000AB': BLOCKS,
    '2x00000000000000000000BB': BLOCKS,
    '3x00000000000000000000FF': turnstileDummy,
  },
  hcaptcha: {
    '10000000-ffff-ffff-ffff-000000000001': { token: '10000000-aaaa-bbbb-cccc-000000000001' },
    '20000000-ffff-ffff-ffff-000000000002': { token: '20000000-aaaa-bbbb-cccc-000000000002' },
    '30000000-ffff-ffff-ffff-000000000003': { token: '30000000-aaaa-bbbb-cccc-000000000003' },
  },
}

/**
 * The answer to a vendor's published test key.
 *
 * @returns undefined for any other sitekey, and for keys that are published to fail
 * @example testAnswer({ family: 'recaptcha', variant: 'v2-checkbox', sitekey:
 * '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI', pageUrl })
 */
export function testAnswer(challenge: Pick<Challenge, 'family' | 'sitekey'>): Answer | undefined {
  const known = lookUp(challenge)
  return known === BLOCKS ? undefined : known
}

/** Whether the vendor publishes this sitekey to fail, whatever the answer. */
export function isBlockingTestKey(challenge: Pick<Challenge, 'family' | 'sitekey'>): boolean {
  return lookUp(challenge) === BLOCKS
}

function lookUp({ family, sitekey }: Pick<Challenge, 'family' | 'sitekey'>): Answer | typeof BLOCKS | undefined {
  const keys = KEYS[family] ?? {}
  return Object.hasOwn(keys, sitekey) ? keys[sitekey] : undefined
}
