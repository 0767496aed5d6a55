import { expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInHcaptcha, startHcaptcha } from '../../../src/testing/vendors/hcaptcha/index.js'

const SITEKEY = '5a1c0000-0000-4000-8000-00000000cafe'

async function verify(hcaptcha: StandInHcaptcha, secret: string, response: string): Promise<unknown> {
  const body = new URLSearchParams({ secret, response })
  return (await fetch(hcaptcha.verifyUrl, { method: 'POST', body })).json()
}

test('a token is valid for one verification within two minutes', async () => {
  const clock = manualClock()
  await using hcaptcha = await startHcaptcha({ clock })
  const secret = hcaptcha.secretFor(SITEKEY)
  const issue = () => hcaptcha.issue({ sitekey: SITEKEY, hostname: 'a.example' })
  const [first, second, third] = [issue(), issue(), issue()]
  expect(await verify(hcaptcha, hcaptcha.secretFor('another'), first)).toMatchObject({ success: false })
  expect(await verify(hcaptcha, secret, first)).toMatchObject({ success: true, hostname: 'a.example' })
  expect(await verify(hcaptcha, secret, first)).toMatchObject({ 'error-codes': ['timeout-or-duplicate'] })
  await clock.advance(120_000)
  expect(await verify(hcaptcha, secret, second)).toMatchObject({ success: true })
  await clock.advance(1)
  expect(await verify(hcaptcha, secret, third)).toMatchObject({ success: false })
})

test('the published secret accepts the published tokens, and no others', async () => {
  await using hcaptcha = await startHcaptcha()
  const secret = '0x0000000000000000000000000000000000000000'
  expect(await verify(hcaptcha, secret, '10000000-aaaa-bbbb-cccc-000000000001')).toMatchObject({ success: true })
  expect(await verify(hcaptcha, secret, hcaptcha.issue({ sitekey: SITEKEY }))).toMatchObject({ success: false })
})

test('replies 404 to unknown paths', async () => {
  await using hcaptcha = await startHcaptcha()
  expect((await fetch(`${hcaptcha.url}/elsewhere`)).status).toBe(404)
  expect(await (await fetch(hcaptcha.verifyUrl)).json()).toMatchObject({ 'error-codes': ['bad-request'] })
  expect(await (await fetch(`${hcaptcha.url}/1/api.js?recaptchacompat=off`)).text()).toContain('"compat":false')
})

test('the site accepts a token once', async () => {
  await using hcaptcha = await startHcaptcha()
  await using site = await startSite({ hcaptcha })
  const token = hcaptcha.issue({ sitekey: site.sitekeys.hcaptcha })
  const send = () =>
    fetch(`${site.url}/hcaptcha/login`, { method: 'POST', body: new URLSearchParams({ 'h-captcha-response': token }) })
  expect(await (await send()).text()).toContain(WELCOME)
  expect((await send()).status).toBe(403)
})
