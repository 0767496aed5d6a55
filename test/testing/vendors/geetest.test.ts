import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInGeetest, startGeetest } from '../../../src/testing/vendors/geetest/index.js'

const KEY = '5a1c0000000040008000000000c0ffee'

const asked = async (url: string, fields: Record<string, string>): Promise<unknown> =>
  (await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })).json()

const validate3 = (geetest: StandInGeetest, fields: Readonly<Record<string, string>> = {}) => {
  const { geetest_challenge: challenge = '', geetest_seccode: seccode = '' } = fields
  return asked(`${geetest.url}/validate.php`, { challenge, seccode })
}

const validate4 = (
  geetest: StandInGeetest,
  fields: Readonly<Record<string, string>> = {},
  secret = geetest.secretFor(KEY),
) => {
  const sign_token = createHmac('sha256', secret)
    .update(fields.lot_number ?? '')
    .digest('hex')
  return asked(`${geetest.verifyUrl}?captcha_id=${KEY}`, { ...fields, sign_token })
}

test('a v3 challenge is valid for one answer within ten minutes, and the answer for one verification', async () => {
  const clock = manualClock()
  await using geetest = await startGeetest({ clock })
  const challenge = geetest.register(KEY)
  const { token, fields } = geetest.issue({ sitekey: KEY, challenge })
  expect(fields).toMatchObject({ geetest_validate: token, geetest_seccode: `${token}|jordan` })
  expect(() => geetest.issue({ sitekey: KEY, challenge })).toThrow('old challenge')
  expect(() => geetest.issue({ sitekey: 'another', challenge: geetest.register(KEY) })).toThrow('old challenge')
  expect(await validate3(geetest, { ...fields, geetest_seccode: 'x' })).toEqual({ seccode: 'false' })
  expect(await validate3(geetest, fields)).toEqual({ seccode: expect.stringMatching(/^[\da-f]{32}$/) })
  expect(await validate3(geetest, fields)).toEqual({ seccode: 'false' })
  const late = geetest.register(KEY)
  await clock.advance(600_001)
  expect(() => geetest.issue({ sitekey: KEY, challenge: late })).toThrow('old challenge')
})

test('with challengesLast, a challenge can be used after a widget has loaded it', async () => {
  await using geetest = await startGeetest()
  geetest.setBehavior(KEY, { challengesLast: true })
  const challenge = geetest.register(KEY)
  const load = async () => (await fetch(`${geetest.url}/get.php?gt=${KEY}&challenge=${challenge}`)).json()
  expect(await load()).toEqual({ status: 'success' })
  expect(geetest.issue({ sitekey: KEY, challenge }).fields).toBeDefined()
  geetest.setBehavior(KEY, {})
  await load()
  expect(await load()).toMatchObject({ error: 'old challenge' })
})

test('a v4 answer is valid for one verification within ten minutes, signed with the secret', async () => {
  const clock = manualClock()
  await using geetest = await startGeetest({ clock })
  const first = geetest.issue({ sitekey: KEY })
  expect(first.fields).toMatchObject({ captcha_id: KEY, pass_token: first.token })
  expect(await validate4(geetest, first.fields, 'made-up')).toMatchObject({ status: 'success', result: 'fail' })
  expect(await validate4(geetest, { ...first.fields, gen_time: '1' })).toMatchObject({ result: 'fail' })
  expect(await validate4(geetest, first.fields)).toMatchObject({ result: 'success', reason: '' })
  expect(await validate4(geetest, first.fields)).toMatchObject({ result: 'fail', reason: 'timeout-or-duplicate' })
  const second = geetest.issue({ sitekey: KEY })
  await clock.advance(600_001)
  expect(await validate4(geetest, second.fields)).toMatchObject({ result: 'fail' })
  expect(geetest.issued).toHaveLength(2)
})

test('replies 404 to unknown paths', async () => {
  await using geetest = await startGeetest()
  expect((await fetch(`${geetest.url}/elsewhere`)).status).toBe(404)
  expect(await (await fetch(`${geetest.url}/gettype.php?callback=alert(1)//`)).text()).not.toContain('alert')
})

test('the site registers a challenge, and accepts an answer once', async () => {
  await using geetest = await startGeetest()
  await using site = await startSite({ geetest })
  const registration = (await (await fetch(`${site.url}/geetest/register`)).json()) as { gt: string; challenge: string }
  expect(registration).toMatchObject({ success: 1, gt: site.sitekeys.geetest, new_captcha: true })
  const answers = [
    geetest.issue({ sitekey: registration.gt, challenge: registration.challenge }),
    geetest.issue({ sitekey: registration.gt }),
  ]
  for (const { fields } of answers) {
    const send = () => fetch(`${site.url}/geetest/login`, { method: 'POST', body: new URLSearchParams(fields) })
    expect(await (await send()).text()).toContain(WELCOME)
    expect((await send()).status).toBe(403)
  }
})
