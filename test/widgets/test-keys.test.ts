import { expect, test } from 'vitest'
import { startHcaptcha } from '../../src/testing/vendors/hcaptcha/index.js'
import { startRecaptcha, TEST_SITEKEY } from '../../src/testing/vendors/recaptcha/index.js'
import { startTurnstile } from '../../src/testing/vendors/turnstile/index.js'
import { isBlockingTestKey, testAnswer } from '../../src/widgets/test-keys.js'

test('answers reCAPTCHA’s test key with a token that its secret accepts', async () => {
  await using recaptcha = await startRecaptcha()
  const answer = testAnswer({ family: 'recaptcha', sitekey: TEST_SITEKEY })
  const reply = await fetch(recaptcha.verifyUrl, {
    method: 'POST',
    body: new URLSearchParams({ secret: recaptcha.secretFor(TEST_SITEKEY), response: answer?.token ?? '' }),
  })
  expect(await reply.json()).toMatchObject({ success: true })
})

test.each(['', 'another', 'toString', '__proto__', `${TEST_SITEKEY} `])('%j is no test key', (sitekey) => {
  expect(testAnswer({ family: 'recaptcha', sitekey })).toBeUndefined()
})

test.each(['1x00000000000000000000AA', '1x00000000000000000000BB', '3x00000000000000000000FF'])(
  'answers Turnstile’s test key %s with the dummy token that its secret accepts',
  async (sitekey) => {
    await using turnstile = await startTurnstile()
    const answer = testAnswer({ family: 'turnstile', sitekey })
    const reply = await fetch(turnstile.verifyUrl, {
      method: 'POST',
      body: new URLSearchParams({ secret: turnstile.secretFor(sitekey), response: answer?.token ?? '' }),
    })
    expect(await reply.json()).toMatchObject({ success: true })
    expect(isBlockingTestKey({ family: 'turnstile', sitekey })).toBe(false)
  },
)

test.each(['2x00000000000000000000AB', '2x00000000000000000000BB'])(
  'has no answer for %s, which is published to fail',
  (key) => {
    expect(testAnswer({ family: 'turnstile', sitekey: key })).toBeUndefined()
    expect(isBlockingTestKey({ family: 'turnstile', sitekey: key })).toBe(true)
    expect(isBlockingTestKey({ family: 'recaptcha', sitekey: key })).toBe(false)
  },
)

test.each([1, 2, 3])('answers hCaptcha’s test key %s with the token that its secret accepts', async (n) => {
  await using hcaptcha = await startHcaptcha()
  const sitekey = `${n}0000000-ffff-ffff-ffff-00000000000${n}`
  const answer = testAnswer({ family: 'hcaptcha', sitekey })
  expect(answer?.token).toBe(`${n}0000000-aaaa-bbbb-cccc-00000000000${n}`)
  const reply = await fetch(hcaptcha.verifyUrl, {
    method: 'POST',
    body: new URLSearchParams({ secret: hcaptcha.secretFor(sitekey), response: answer?.token ?? '' }),
  })
  expect(await reply.json()).toMatchObject({ success: true })
})
