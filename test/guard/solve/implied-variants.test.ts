import { expect, it } from 'vitest'
import {
  type AnyChallenge,
  type ChallengeInput,
  type Family,
  impliedVariant,
  VARIANTS,
} from '../../../src/base/challenge.js'
import { parseChallenge } from '../../../src/guard/admission/parse-challenge.js'
import { rig } from '../support.js'

const pageUrl = 'https://staging.example.com/login'
const TURNSTILE: ChallengeInput = { family: 'turnstile', sitekey: '0x4AAAAAAA', pageUrl }
const HCAPTCHA: ChallengeInput = { family: 'hcaptcha', sitekey: '5a1c0000-0000-4000-8000-00000000cafe', pageUrl }
const PICTURE = new Uint8Array(200)
PICTURE.set([0x89, 0x50, 0x4e, 0x47])
const PARTS = { sitekey: 'key', pageUrl, image: PICTURE, images: Array(9).fill(PICTURE), instruction: '667' }

it('a challenge may leave the variant out where its family has one, or a checkbox', () => {
  for (const [family, variants] of Object.entries(VARIANTS)) {
    const whole = { ...PARTS, family }
    const implied = impliedVariant(family)
    if (implied === undefined) {
      expect(variants.length).toBeGreaterThan(1)
      const refused = expect.objectContaining({ code: 'CHALLENGE_INVALID' })
      expect(() => parseChallenge(whole as ChallengeInput)).toThrow(refused)
      continue
    }
    expect(variants).toContain(implied)
    const parsed = parseChallenge(whole as ChallengeInput)
    expect(parsed).toEqual(parseChallenge({ ...whole, variant: implied } as AnyChallenge))
  }
  expect(Object.keys(VARIANTS).filter((family) => VARIANTS[family as Family].length === 1)).toEqual(
    expect.arrayContaining(['turnstile', 'mtcaptcha', 'arkose', 'captchafox', 'altcha', 'cap', 'image', 'bls']),
  )
})

it('guard.solve and guard.stream solve them, and report them with their variant', async () => {
  const { guard, service, audit } = await rig()
  const { token } = await guard.solve(TURNSTILE)
  expect(token).toBe(service.tasks[0]?.answer)
  async function* later(): AsyncIterable<ChallengeInput> {
    yield TURNSTILE
  }
  for (const challenges of [[TURNSTILE], new Set([TURNSTILE]), later()]) {
    const results: unknown[] = []
    for await (const result of guard.stream(challenges)) results.push(result)
    expect(results).toMatchObject([{ ok: true, challenge: { family: 'turnstile', variant: 'turnstile' } }])
  }
  expect(service.tasks.map(({ family }) => family)).toEqual(Array(4).fill('turnstile'))
  expect(new Set(audit.events.flatMap(({ variant }) => variant ?? []))).toEqual(new Set(['turnstile']))
})

it('an hCaptcha is a checkbox unless it says otherwise, and a reCAPTCHA has to say what it is', async () => {
  const { guard } = await rig()
  // The service of this guard has no hCaptcha: it is refused for that, and not for its variant.
  await expect(guard.solve(HCAPTCHA)).rejects.toMatchObject({ code: 'FAMILY_UNSUPPORTED' })
  const recaptcha = { family: 'recaptcha', sitekey: '6Lc', pageUrl } as AnyChallenge
  await expect(guard.solve(recaptcha)).rejects.toMatchObject({ code: 'CHALLENGE_INVALID' })
})
