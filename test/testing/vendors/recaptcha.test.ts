import { expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInRecaptcha, startRecaptcha } from '../../../src/testing/vendors/recaptcha/index.js'

const SITEKEY = 'a-sitekey'

async function verify(recaptcha: StandInRecaptcha, fields: Record<string, string>): Promise<unknown> {
  const reply = await fetch(recaptcha.verifyUrl, { method: 'POST', body: new URLSearchParams(fields) })
  return reply.json()
}

test('a token is valid for one verification, with the secret of its sitekey', async () => {
  await using recaptcha = await startRecaptcha()
  const response = recaptcha.issue({ sitekey: SITEKEY, action: 'login', score: 0.9, hostname: 'staging.example.com' })
  const secret = recaptcha.secretFor(SITEKEY)
  expect(await verify(recaptcha, { secret: recaptcha.secretFor('other'), response })).toEqual({
    success: false,
    'error-codes': ['invalid-input-response'],
  })
  expect(await verify(recaptcha, { secret, response })).toMatchObject({
    success: true,
    action: 'login',
    score: 0.9,
    hostname: 'staging.example.com',
  })
  expect(await verify(recaptcha, { secret, response })).toMatchObject({ 'error-codes': ['timeout-or-duplicate'] })
})

test('rejects a token that is older than two minutes', async () => {
  const clock = manualClock()
  await using recaptcha = await startRecaptcha({ clock })
  const secret = recaptcha.secretFor(SITEKEY)
  const [young, old] = [recaptcha.issue({ sitekey: SITEKEY }), recaptcha.issue({ sitekey: SITEKEY })]
  await clock.advance(120_000)
  expect(await verify(recaptcha, { secret, response: young })).toMatchObject({ success: true })
  await clock.advance(1)
  expect(await verify(recaptcha, { secret, response: old })).toMatchObject({ 'error-codes': ['timeout-or-duplicate'] })
})

test.each([
  [{}, 'missing-input-secret'],
  [{ secret: 'secret-of-x' }, 'missing-input-response'],
  [{ secret: 'nonsense', response: 'x' }, 'invalid-input-secret'],
  [{ secret: 'secret-of-x', response: 'made up' }, 'invalid-input-response'],
])('rejects %j with %s', async (fields, code) => {
  await using recaptcha = await startRecaptcha()
  expect(await verify(recaptcha, fields as Record<string, string>)).toEqual({ success: false, 'error-codes': [code] })
})

test('rejects a request that is not a form', async () => {
  await using recaptcha = await startRecaptcha()
  expect(await (await fetch(recaptcha.verifyUrl)).json()).toMatchObject({ 'error-codes': ['bad-request'] })
})

test('issues the token that it is given', async () => {
  await using recaptcha = await startRecaptcha()
  expect(recaptcha.issue({ sitekey: SITEKEY, token: 'sold elsewhere' })).toBe('sold elsewhere')
  expect(await verify(recaptcha, { secret: recaptcha.secretFor(SITEKEY), response: 'sold elsewhere' })).toMatchObject({
    success: true,
  })
})

test('the site accepts an issued token once, and no other', async () => {
  await using recaptcha = await startRecaptcha()
  await using site = await startSite({ recaptcha })
  const send = async (token: string) => {
    const reply = await fetch(`${site.url}/login`, {
      method: 'POST',
      body: new URLSearchParams({ 'g-recaptcha-response': token }),
    })
    return { status: reply.status, text: await reply.text() }
  }
  const token = recaptcha.issue({ sitekey: site.sitekey })
  const accepted = await send(token)
  expect(accepted.status).toBe(200)
  expect(accepted.text).toContain(WELCOME)
  expect((await send(token)).status).toBe(403)
  expect((await send('')).status).toBe(403)
  expect(site.verified.map(({ success }) => success)).toEqual([true, false, false])
})
