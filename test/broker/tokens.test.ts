import { expect, it } from 'vitest'
import { startBroker } from '../../src/broker/server.js'
import { usd } from '../../src/policy/money.js'
import { describeToken } from '../../src/tokens/describe.js'
import { narrowToken } from '../../src/tokens/narrow.js'
import { after, rig } from '../guard/support.js'
import { PAGE, SITEKEY } from './support.js'

/** A broker over a guard, and a client of the form wire with a credential in place of a key. */
async function brokered() {
  const made = await rig()
  const broker = await startBroker({ guard: made.guard })
  after(() => broker.close())
  const ask = async (key: string, fields: Record<string, string>, path = '/in.php') => {
    const body = new URLSearchParams({ key, json: '1', ...fields })
    const reply = await fetch(`${broker.url}${path}`, { method: 'POST', body })
    const { request } = (await reply.json()) as { request: string }
    return request
  }
  const submit = (key: string) => ask(key, { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE })
  const poll = (key: string, id: string) => ask(key, { action: 'get', id }, '/res.php')
  return { ...made, broker, submit, poll }
}

it('a broker takes a token, one that its holder narrowed, and a handle, each with its own budget', async () => {
  const { guard, submit, poll } = await brokered()
  const { token, handle = '' } = await guard.issueToken({ budget: { perDay: usd(0.002) } }, { handle: true })
  const narrower = await narrowToken(token, { budget: { perDay: usd(0.001) } })
  const id = await submit(narrower)
  await expect.poll(() => poll(narrower, id)).toMatch(/^03AF/)
  expect(await submit(narrower)).toBe('ERROR_ZERO_BALANCE')
  const other = await submit(handle)
  // The token and its handle are the same caller.
  await expect.poll(() => poll(token, other)).toMatch(/^03AF/)
  expect(await submit(token)).toBe('ERROR_ZERO_BALANCE')
})

it('a broker gives a task to its own token only, not to another, nor to one that was narrowed from it', async () => {
  const { guard, submit, poll } = await brokered()
  const { token } = await guard.issueToken({})
  const { token: other } = await guard.issueToken({})
  const id = await submit(token)
  expect(await poll(other, id)).toBe('ERROR_WRONG_CAPTCHA_ID')
  expect(await poll(await narrowToken(token, {}), id)).toBe('ERROR_WRONG_CAPTCHA_ID')
  await expect.poll(() => poll(token, id)).toMatch(/^03AF/)
})

it('a broker refuses a token that is altered, revoked, of another guard, or none', async () => {
  const { guard, submit, service } = await brokered()
  const { token } = await guard.issueToken({})
  const narrower = await narrowToken(token, {})
  const elsewhere = await rig({ service, guardOptions: { name: 'others' } })
  const { token: foreign } = await elsewhere.guard.issueToken({})
  for (const bad of [`${token}A`, foreign, 'a'.repeat(32), 'key', '']) {
    expect(await submit(bad)).toBe('ERROR_KEY_DOES_NOT_EXIST')
  }
  await guard.revokeToken(describeToken(token).links[0]?.id ?? '')
  for (const revoked of [token, narrower]) expect(await submit(revoked)).toBe('ERROR_KEY_DOES_NOT_EXIST')
  expect(service.tasks).toHaveLength(0)
})
