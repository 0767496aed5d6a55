import { expect, test } from 'vitest'
import { manualClock } from '../../../src/testing/clock.js'
import { startSite, WELCOME } from '../../../src/testing/site/index.js'
import { type StandInFriendly, startFriendly } from '../../../src/testing/vendors/friendly/index.js'

const SITEKEY = 'FCMSTANDIN000002'

async function ask(url: string | URL, fields: Record<string, string>, key?: string) {
  const headers: Record<string, string> = key === undefined ? {} : { 'x-api-key': key }
  const reply = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(fields) })
  return { status: reply.status, ...((await reply.json()) as object) }
}

const v1 = (friendly: StandInFriendly, fields: Record<string, string>) =>
  ask(new URL('/api/v1/siteverify', friendly.verifyUrl), fields)
const v2 = (friendly: StandInFriendly, response: string, key?: string) => ask(friendly.verifyUrl, { response }, key)

test('version 1: a solution is valid for one verification within five minutes', async () => {
  const clock = manualClock()
  await using friendly = await startFriendly({ clock })
  const secret = friendly.secretFor(SITEKEY)
  const issue = () => friendly.issue({ sitekey: SITEKEY })
  const [first, second, third] = [issue(), issue(), issue()]
  expect(await v1(friendly, { secret: friendly.secretFor('another'), solution: first })).toMatchObject({
    success: false,
    errors: ['solution_invalid'],
  })
  expect(await v1(friendly, { secret, solution: first })).toEqual({ status: 200, success: true })
  expect(await v1(friendly, { secret, solution: first })).toMatchObject({ errors: ['solution_timeout_or_duplicate'] })
  await clock.advance(300_000)
  expect(await v1(friendly, { secret, solution: second })).toMatchObject({ success: true })
  await clock.advance(1)
  expect(await v1(friendly, { secret, solution: third })).toMatchObject({ success: false })
})

test('version 1: each missing or wrong parameter has the vendor’s code', async () => {
  await using friendly = await startFriendly()
  const secret = friendly.secretFor(SITEKEY)
  const solution = friendly.issue({ sitekey: SITEKEY })
  expect(await v1(friendly, { solution })).toMatchObject({ status: 400, errors: ['secret_missing'] })
  expect(await v1(friendly, { secret })).toMatchObject({ status: 400, errors: ['solution_missing'] })
  expect(await v1(friendly, { secret: 'stranger', solution })).toMatchObject({
    status: 401,
    errors: ['secret_invalid'],
  })
  const [signature, puzzle] = solution.split('.')
  for (const made of [`${signature}.${puzzle}`, `${signature}.${puzzle}..AgAA`, '.UNSTARTED', 'nonsense']) {
    expect(await v1(friendly, { secret, solution: made })).toMatchObject({ status: 200, errors: ['solution_invalid'] })
  }
})

test('version 2: a response is valid for one verification, with the key in a header', async () => {
  await using friendly = await startFriendly()
  const key = friendly.secretFor(SITEKEY)
  const response = friendly.issue({ sitekey: SITEKEY })
  expect(await v2(friendly, response)).toMatchObject({ status: 401, error: { error_code: 'auth_required' } })
  expect(await v2(friendly, response, 'stranger')).toMatchObject({ status: 401, error: { error_code: 'auth_invalid' } })
  expect(await v2(friendly, '', key)).toMatchObject({ status: 400, error: { error_code: 'response_missing' } })
  expect(await v2(friendly, '.EXPIRED', key)).toMatchObject({ status: 200, error: { error_code: 'response_invalid' } })
  expect(await v2(friendly, response, key)).toMatchObject({ status: 200, success: true, data: { challenge: {} } })
  expect(await v2(friendly, response, key)).toMatchObject({ error: { error_code: 'response_duplicate' } })
})

test('version 1’s own script accepts the puzzles, in pages of any origin', async () => {
  await using friendly = await startFriendly()
  const puzzle = await fetch(`${friendly.url}/api/v1/puzzle?sitekey=${SITEKEY}`)
  expect(puzzle.headers.get('access-control-allow-origin')).toBe('*')
  const { data } = (await puzzle.json()) as { data: { puzzle: string } }
  const [signature, bytes] = data.puzzle.split('.')
  expect(signature).toMatch(/^[0-9a-f]{32}$/)
  expect([...Buffer.from(bytes ?? '', 'base64').subarray(12, 16)]).toEqual([1, 1, 4, 0])
  expect((await fetch(`${friendly.url}/api/v1/puzzle`, { method: 'OPTIONS' })).status).toBe(204)
})

test('replies 404 to unknown paths', async () => {
  await using friendly = await startFriendly()
  expect((await fetch(`${friendly.url}/elsewhere`)).status).toBe(404)
  expect((await fetch(`${friendly.url}/npm/@friendlycaptcha/sdk@1.0.2/site.min.js`)).status).toBe(200)
  expect((await fetch(`${friendly.url}/npm/friendly-challenge@0.9.20/widget.min.js`)).status).toBe(200)
})

test.each(['frc-captcha-solution', 'frc-captcha-response', 'token'])(
  'the site lets in who has a token in %s, once',
  async (field) => {
    await using friendly = await startFriendly()
    await using site = await startSite({ friendly })
    const token = friendly.issue({ sitekey: site.sitekeys.friendly })
    const send = () =>
      fetch(`${site.url}/friendly/login`, { method: 'POST', body: new URLSearchParams({ [field]: token }) })
    expect(await (await send()).text()).toContain(WELCOME)
    expect((await send()).status).toBe(403)
  },
)
