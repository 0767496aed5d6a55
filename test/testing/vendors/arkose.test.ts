import { expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInArkose, startArkose } from '../../../src/testing/vendors/arkose/index.js'

const KEY = '5A1C0000-0000-4000-8000-0000000000A1'

const asked = async (url: string, fields: Record<string, string>): Promise<{ token?: string }> =>
  (await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })).json()

const verify = (arkose: StandInArkose, session_token: string, private_key = arkose.secretFor(KEY)) =>
  asked(arkose.verifyUrl, { private_key, session_token })

test('a token is valid for one verification within five minutes', async () => {
  const clock = manualClock()
  await using arkose = await startArkose({ clock })
  const [first, second] = [arkose.issue({ sitekey: KEY }), arkose.issue({ sitekey: KEY, hostname: 'a.example' })]
  expect(first).toMatch(/^[\da-f]{17}\.\d{10}\|r=.*\|pk=5A1C0000-.*\|surl=http%3A%2F%2Flocalhost/)
  expect(await verify(arkose, first, arkose.secretFor('another'))).toMatchObject({ error: 'invalid-input-response' })
  expect(await verify(arkose, first)).toMatchObject({ session_details: { solved: true, session: first } })
  expect(await verify(arkose, first)).toMatchObject({ error: 'timeout-or-duplicate' })
  await clock.advance(300_001)
  expect(await verify(arkose, second)).toMatchObject({ error: 'timeout-or-duplicate' })
})

test('a session is valid only after its challenge, unless it has none', async () => {
  await using arkose = await startArkose()
  const begin = () => asked(`${arkose.url}/fc/gt2/public_key/${KEY}`, { host: 'a.example', blob: 'b' })
  const { token = '' } = await begin()
  expect(await verify(arkose, token)).toMatchObject({ error: 'invalid-input-response' })
  expect(await asked(`${arkose.url}/fc/ca/`, { session_token: token })).toMatchObject({ solved: true })
  expect(await asked(`${arkose.url}/fc/ca/`, { session_token: token })).toMatchObject({ solved: false })
  expect(await verify(arkose, token)).toMatchObject({ session_details: { hostname: 'a.example' } })
  arkose.setBehavior(KEY, { suppresses: true })
  const suppressed = await begin()
  expect(suppressed).toMatchObject({ suppressed: true })
  expect(await verify(arkose, suppressed.token ?? '')).toMatchObject({ session_details: { solved: true } })
  expect([arkose.blobs, arkose.issued.length]).toEqual([['b', 'b'], 2])
})

test('replies 404 to unknown paths', async () => {
  await using arkose = await startArkose()
  for (const path of ['/elsewhere', '/fc/none.js', '/v2/x/elsewhere']) {
    expect((await fetch(arkose.url + path)).status).toBe(404)
  }
})

test('the site accepts a token once', async () => {
  await using arkose = await startArkose()
  await using site = await startSite({ arkose })
  const token = arkose.issue({ sitekey: site.sitekeys.arkose })
  const send = () => fetch(`${site.url}/arkose/login`, { method: 'POST', body: new URLSearchParams({ token }) })
  expect(await (await send()).text()).toContain(WELCOME)
  expect((await send()).status).toBe(403)
})
