import { describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { manualClock } from '../../src/testing/clock.js'
import { narrowToken } from '../../src/tokens/index.js'
import { settleWith } from '../guard/support.js'
import { advanceUntil } from '../support/wait.js'
import { brokerRig, PAGE, SITEKEY, send, untilDone } from './support.js'

const FORM = { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE, json: '1' }

/** A broker that takes the tokens of its guard. */
function rigWithTokens(options: Parameters<typeof brokerRig>[0] = {}) {
  return brokerRig({ ...options, byTokens: true })
}

describe('a token of the guard, where a key would be', () => {
  it("solves, by itself or by its handle, and a task is the same token's either way", async () => {
    const { guard, form, service } = await rigWithTokens()
    const { token, handle = '' } = await guard.issueToken({}, { handle: true })
    expect(handle).toHaveLength(32)
    const { request: id } = JSON.parse(await form('/in.php', FORM, { token }))
    const poll = () => form('/res.php', { action: 'get', id, json: '1' }, { token: handle })
    const reply = await untilDone(poll, (text) => text.includes('CAPCHA_NOT_READY'))
    expect(JSON.parse(reply)).toEqual({ status: 1, request: service.tasks[0]?.answer })
    const other = await guard.issueToken({})
    for (const stranger of [other.token, await narrowToken(token, {})]) {
      expect(await form('/res.php', { action: 'get', id }, { token: stranger })).toBe('ERROR_WRONG_CAPTCHA_ID')
    }
  })

  it('draws on its own budget, and a narrower one on that too', async () => {
    const { guard, form, service } = await rigWithTokens()
    const { token } = await guard.issueToken({ budget: { perDay: usd(0.002) } })
    const narrower = await narrowToken(token, { budget: { perDay: usd(0.001) } })
    const submit = async (credential: string) => JSON.parse(await form('/in.php', FORM, { token: credential }))
    expect((await submit(narrower)).status).toBe(1)
    expect(await submit(narrower)).toMatchObject({ status: 0, request: 'ERROR_ZERO_BALANCE' })
    expect((await submit(token)).status).toBe(1)
    expect(await submit(token)).toMatchObject({ status: 0, request: 'ERROR_ZERO_BALANCE' })
    await expect.poll(() => service.tasks.length).toBe(2)
    expect(await form('/res.php', { action: 'getbalance' }, { token: narrower })).toBe('0')
  })

  it('is refused altered, revoked, expired and of another guard, as a key that does not exist', async () => {
    const clock = manualClock()
    const { guard, form, service } = await rigWithTokens({ clock })
    const other = await rigWithTokens({ clock, guardOptions: { name: 'another' } })
    const { token, id } = await guard.issueToken({}, { ttl: '1m' })
    const bad = [
      `${token.slice(0, -2)}xx`,
      token.slice(0, 40),
      `${token}.`,
      (await other.guard.issueToken({})).token,
      'f'.repeat(32),
      'x',
    ]
    for (const credential of bad) {
      const reply = await settleWith(clock, form('/in.php', FORM, { token: credential }), 1)
      expect(JSON.parse(reply)).toMatchObject({ status: 0, request: 'ERROR_KEY_DOES_NOT_EXIST' })
      expect(reply).not.toContain(token)
    }
    await guard.revokeToken(id)
    const revoked = await settleWith(clock, form('/in.php', FORM, { token }), 1)
    expect(JSON.parse(revoked)).toMatchObject({
      request: 'ERROR_KEY_DOES_NOT_EXIST',
      error_text: expect.stringContaining('revoked'),
    })
    await clock.advance(61_000)
    const expired = await settleWith(clock, form('/in.php', FORM, { token }), 1)
    expect(JSON.parse(expired)).toMatchObject({ request: 'ERROR_KEY_DOES_NOT_EXIST' })
    expect(service.tasks).toEqual([])
  })

  it('that expires while a task is under way still fetches what it paid for, and submits nothing more', async () => {
    const clock = manualClock()
    const rig = await rigWithTokens({ clock, serviceOptions: { clock, solveMs: 50_000 } })
    const { token } = await rig.guard.issueToken({}, { ttl: '30s' })
    const submitted = await settleWith(clock, rig.form('/in.php', FORM, { token }), 1)
    const { request: id } = JSON.parse(submitted)
    await advanceUntil(clock, () => rig.tasks.counts.solved > 0, 100, 90_000)
    const fetched = await settleWith(clock, rig.form('/res.php', { action: 'get', id, json: '1' }, { token }), 1)
    expect(JSON.parse(fetched)).toEqual({ status: 1, request: rig.service.tasks[0]?.answer })
    const more = await settleWith(clock, rig.form('/in.php', FORM, { token }), 1)
    expect(JSON.parse(more)).toMatchObject({ request: 'ERROR_KEY_DOES_NOT_EXIST' })
  })

  it('that is revoked while a task is under way gets its answer by no way in', async () => {
    const { guard, form, handler, service, tasks } = await rigWithTokens({ serviceOptions: { solveMs: 300 } })
    const { token, id } = await guard.issueToken({})
    const challenge = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: SITEKEY, pageUrl: PAGE }
    const body = JSON.stringify({ challenge })
    const reply = await send(handler, 'POST', '/v1/solve', body, { authorization: `Bearer ${token}` })
    const { request: task } = JSON.parse(await form('/in.php', FORM, { token }))
    await guard.revokeToken(id)
    let events = ''
    for await (const part of reply.body) events += part
    expect(events).toMatch(/^event: accepted\n[\s\S]*event: failed\ndata: \{"code":"TOKEN_REVOKED"/)
    const poll = () => form('/res.php', { action: 'get', id: task, json: '1' }, { token })
    expect(JSON.parse(await poll())).toMatchObject({ request: 'ERROR_KEY_DOES_NOT_EXIST' })
    await expect.poll(() => tasks.counts.solved).toBe(2)
    for (const { answer } of service.tasks) expect(events).not.toContain(answer)
    expect(tasks.counts.fetched).toBe(0)
  })

  it('that is paused by its subject is answered so', async () => {
    const { guard, form } = await rigWithTokens()
    const { token } = await guard.issueToken({}, { subject: 'ci-4711' })
    await guard.pause('It loops.', { subject: 'ci-4711' })
    expect(JSON.parse(await form('/in.php', FORM, { token }))).toMatchObject({
      request: 'ERROR_ACCOUNT_SUSPENDED',
      error_text: expect.stringContaining('It loops.'),
    })
  })
})

describe('unknown handles', () => {
  it('make the ledger be asked a hundred times a second at most, and make others wait', async () => {
    const clock = manualClock()
    const ledger = memoryLedger()
    let asked = 0
    const counting = new Proxy(ledger, {
      get: (target, name: keyof Ledger) => {
        const value = target[name]
        if (typeof value !== 'function') return value
        if (name !== 'listFacts') return value.bind(target)
        return (scope: string, now: number) => {
          if (scope.startsWith('handle/')) asked++
          return ledger.listFacts(scope, now)
        }
      },
    })
    const { form, guard } = await rigWithTokens({ ledger: counting, clock })
    const { handle = '' } = await guard.issueToken({}, { handle: true })
    const balance = (token: string) => form('/res.php', { action: 'getbalance' }, { token })
    const replies: string[] = []
    for (let i = 0; i < 300; i++) replies.push(await balance(i.toString(16).padStart(32, '0')))
    expect(asked).toBe(100)
    expect(replies.map((reply) => reply === 'ERROR_KEY_DOES_NOT_EXIST')).toEqual(replies.map((_, i) => i < 100))
    // A good one that this broker does not know yet is not answered that it is none.
    expect(new Set(replies.slice(100))).toEqual(new Set(['ERROR_NO_SLOT_AVAILABLE']))
    expect(await balance(handle)).toBe('1')
    await clock.advance(1_000)
    expect(await balance('f'.repeat(32))).toBe('ERROR_KEY_DOES_NOT_EXIST')
  })
})
