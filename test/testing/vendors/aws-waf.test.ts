import { expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInAwsWaf, startAwsWaf } from '../../../src/testing/vendors/aws-waf/index.js'

const KEY = 'another+key/of=AWS_0_1'

async function check(waf: StandInAwsWaf, secret: string, response: string): Promise<unknown> {
  const body = new URLSearchParams({ secret, response })
  return (await fetch(waf.verifyUrl, { method: 'POST', body })).json()
}

test('a token is valid for five minutes, for any number of verifications, for one key', async () => {
  const clock = manualClock()
  await using waf = await startAwsWaf({ clock })
  const secret = waf.secretFor(KEY)
  const token = waf.issue({ sitekey: KEY, hostname: 'a.example' })
  expect(token).toMatch(/^[0-9a-f-]{36}:[\w+/=]+:[\w+/=]+$/)
  expect(await check(waf, waf.secretFor('another'), token)).toMatchObject({ success: false })
  expect(await check(waf, secret, token)).toMatchObject({ success: true, hostname: 'a.example' })
  await clock.advance(300_000)
  expect(await check(waf, secret, token)).toMatchObject({ success: true })
  await clock.advance(1)
  expect(await check(waf, secret, token)).toMatchObject({ 'error-codes': ['timeout-or-duplicate'] })
})

test('a token that the script got in the background is not accepted', async () => {
  await using waf = await startAwsWaf()
  const ask = async (what: string) => {
    const reply = await fetch(`${waf.url}/${what}?${new URLSearchParams({ key: KEY })}`, { method: 'POST' })
    return ((await reply.json()) as { token: string }).token
  }
  expect(await check(waf, waf.secretFor(KEY), await ask('challenge'))).toMatchObject({ success: false })
  expect(await check(waf, waf.secretFor(KEY), await ask('verify'))).toMatchObject({ success: true })
})

test('replies 404 to unknown paths', async () => {
  await using waf = await startAwsWaf()
  expect((await fetch(`${waf.url}/elsewhere`)).status).toBe(404)
  expect(await (await fetch(waf.verifyUrl)).json()).toMatchObject({ 'error-codes': ['bad-request'] })
  expect(await (await fetch(`${waf.url}/jsapi.js`)).text()).toContain('AwsWafCaptcha')
})

test('the site accepts one token, in a cookie or a header, and rejects two', async () => {
  await using waf = await startAwsWaf()
  await using site = await startSite({ 'aws-waf': waf })
  const token = waf.issue({ sitekey: site.sitekeys['aws-waf'] })
  const send = (headers: Record<string, string>) =>
    fetch(`${site.url}/aws-waf/login`, { method: 'POST', headers, body: new URLSearchParams() })
  expect(await (await send({ cookie: `a=b; aws-waf-token=${token}` })).text()).toContain(WELCOME)
  expect((await send({ 'x-aws-waf-token': token })).status).toBe(200)
  expect((await send({ cookie: `aws-waf-token=${token}; aws-waf-token=${token}` })).status).toBe(403)
  expect((await send({})).status).toBe(403)
})
