import type { Answer, Challenge } from '../base/challenge.js'

/**
 * The sitekeys that vendors publish for tests, and what to answer them with: no service has to be asked, and nothing is
 * spent. A key that is published to *fail* is not listed: a test that uses it wants the failure.
 */
const ANSWERS: { readonly [family in Challenge['family']]: Readonly<Record<string, Answer>> } = {
  // Its secret accepts every token; the vendor names none in particular, so ours says where it is from.
  recaptcha: { '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI': { token: 'solveguard.recaptcha.test-key.dummy-token' } },
}

/**
 * The answer to a vendor's published test key.
 * @returns undefined for any other sitekey
 * @example
 * testAnswer({ family: 'recaptcha', variant: 'v2-checkbox', sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI', pageUrl })
 */
export function testAnswer(challenge: Pick<Challenge, 'family' | 'sitekey'>): Answer | undefined {
  const answers = ANSWERS[challenge.family]
  return Object.hasOwn(answers, challenge.sitekey) ? answers[challenge.sitekey] : undefined
}
