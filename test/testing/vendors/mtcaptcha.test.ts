import { expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInMtcaptcha, startMtcaptcha } from '../../../src/testing/vendors/mtcaptcha/index.js'

const SITEKEY = 'MTPublic-standin02'

async function check(mtcaptcha: StandInMtcaptcha, privatekey: string, token: string): Promise<unknown> {
  return (await fetch(`${mtcaptcha.verifyUrl}?${new URLSearchParams({ privatekey, token })}`)).json()
}

test('a token is valid for one check within two minutes, and the check reports the action', async () => {
  const clock = manualClock()
  await using mtcaptcha = await startMtcaptcha({ clock })
  const key = mtcaptcha.secretFor(SITEKEY)
  const issue = () => mtcaptcha.issue({ sitekey: SITEKEY, action: 'login', hostname: 'a.example' })
  const [first, second, third] = [issue(), issue(), issue()]
  expect(first).toMatch(/^v1\([0-9a-f]{8},[0-9a-f]{32},[\w-]+\)$/)
  expect(await check(mtcaptcha, mtcaptcha.secretFor('another'), first)).toMatchObject({ fail_codes: ['invalid-token'] })
  expect(await check(mtcaptcha, key, first)).toMatchObject({
    success: true,
    tokeninfo: { action: 'login', hostname: 'a.example', codeDesc: 'valid:captcha-solved' },
  })
  expect(await check(mtcaptcha, key, first)).toEqual({ success: false, fail_codes: ['token-expired'] })
  await clock.advance(120_000)
  expect(await check(mtcaptcha, key, second)).toMatchObject({ success: true })
  await clock.advance(1)
  expect(await check(mtcaptcha, key, third)).toMatchObject({ success: false })
})

test('each missing or wrong parameter has its own code', async () => {
  await using mtcaptcha = await startMtcaptcha()
  const token = mtcaptcha.issue({ sitekey: SITEKEY })
  expect(await check(mtcaptcha, '', token)).toMatchObject({ fail_codes: ['missing-input-privatekey'] })
  expect(await check(mtcaptcha, 'stranger', token)).toMatchObject({ fail_codes: ['invalid-privatekey'] })
  expect(await check(mtcaptcha, mtcaptcha.secretFor(SITEKEY), '')).toMatchObject({
    fail_codes: ['missing-input-token'],
  })
})

test('replies 404 to unknown paths', async () => {
  await using mtcaptcha = await startMtcaptcha()
  expect((await fetch(`${mtcaptcha.url}/elsewhere`)).status).toBe(404)
  expect((await fetch(`${mtcaptcha.url}/mtcv1/client/mtcaptcha2.min.js`)).status).toBe(200)
})

test('the site accepts a token once', async () => {
  await using mtcaptcha = await startMtcaptcha()
  await using site = await startSite({ mtcaptcha })
  const token = mtcaptcha.issue({ sitekey: site.sitekeys.mtcaptcha })
  const body = () => new URLSearchParams({ 'mtcaptcha-verifiedtoken': token })
  const send = () => fetch(`${site.url}/mtcaptcha/login`, { method: 'POST', body: body() })
  expect(await (await send()).text()).toContain(WELCOME)
  expect((await send()).status).toBe(403)
})
