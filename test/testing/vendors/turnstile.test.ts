import { expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInTurnstile, startTurnstile } from '../../../src/testing/vendors/turnstile/index.js'

const SITEKEY = '0x4AAAAAAAsitekey'
const DUMMY = 'XXXX.DUMMY.TOKEN.XXXX'

async function verify(turnstile: StandInTurnstile, secret: string, response: string): Promise<unknown> {
  const body = new URLSearchParams({ secret, response })
  return (await fetch(turnstile.verifyUrl, { method: 'POST', body })).json()
}

test('a token is valid for one verification within five minutes, and the reply has the page’s action and cdata', async () => {
  const clock = manualClock()
  await using turnstile = await startTurnstile({ clock })
  const secret = turnstile.secretFor(SITEKEY)
  const issue = () => turnstile.issue({ sitekey: SITEKEY, action: 'login', cdata: 'order-17', hostname: 'a.example' })
  const [first, second, third] = [issue(), issue(), issue()]
  expect(await verify(turnstile, turnstile.secretFor('0x-other'), first)).toMatchObject({ success: false })
  const verified = { success: true, action: 'login', cdata: 'order-17', hostname: 'a.example' }
  expect(await verify(turnstile, secret, first)).toMatchObject(verified)
  expect(await verify(turnstile, secret, first)).toMatchObject({ 'error-codes': ['timeout-or-duplicate'] })
  await clock.advance(300_000)
  expect(await verify(turnstile, secret, second)).toMatchObject(verified)
  await clock.advance(1)
  expect(await verify(turnstile, secret, third)).toMatchObject({ 'error-codes': ['timeout-or-duplicate'] })
})

test.each([
  ['1x0000000000000000000000000000000AA', DUMMY, true],
  ['1x0000000000000000000000000000000AA', 'another', false],
  ['2x0000000000000000000000000000000AA', DUMMY, false],
  ['3x0000000000000000000000000000000AA', DUMMY, false],
  ['secret-of-a-real-sitekey', DUMMY, false],
])('with the secret %s, verifying %s gives %s', async (secret, token, success) => {
  await using turnstile = await startTurnstile()
  expect(await verify(turnstile, secret, token)).toMatchObject({ success })
})

test('redirects to the script of its build, and replies 404 to unknown paths', async () => {
  await using turnstile = await startTurnstile()
  const reply = await fetch(`${turnstile.url}/turnstile/v0/api.js?compat=recaptcha`)
  expect(reply.redirected).toBe(true)
  expect(await reply.text()).toContain('"compat":true')
  expect((await fetch(`${turnstile.url}/turnstile/v1/api.js`)).status).toBe(404)
  expect(await (await fetch(turnstile.verifyUrl)).json()).toMatchObject({ 'error-codes': ['bad-request'] })
})

test('the site accepts a token, and none without the vendor', async () => {
  await using turnstile = await startTurnstile()
  await using site = await startSite({ turnstile })
  await using closed = await startSite({})
  const token = turnstile.issue({ sitekey: site.sitekeys.turnstile })
  const send = (url: string) =>
    fetch(`${url}/turnstile/login`, { method: 'POST', body: new URLSearchParams({ 'cf-turnstile-response': token }) })
  expect((await send(closed.url)).status).toBe(403)
  expect(await (await send(site.url)).text()).toContain(WELCOME)
})
