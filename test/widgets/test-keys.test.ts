import { expect, test } from 'vitest'
import { startRecaptcha, TEST_SITEKEY } from '../../src/testing/recaptcha.js'
import { testAnswer } from '../../src/widgets/test-keys.js'

test('the vendor’s test key has an answer that its own secret accepts', async () => {
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
