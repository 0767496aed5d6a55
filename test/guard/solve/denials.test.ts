import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createGuard } from '../../../src/guard/create.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { memoryAudit } from '../../../src/testing/audit.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, fixedSecret, rig, settleWith } from '../support.js'

const MONDAY_NOON = Date.UTC(2025, 0, 6, 12)

describe('a solve', () => {
  it('is denied by origin, before any call, when its page is not named', async () => {
    const secret = fixedSecret('a-key-for-the-tests')
    const { guard, service } = await rig({ secret })
    for (const pageUrl of [
      'https://staging.example.com.evil.example/',
      'https://staging.example.com@evil.example/',
      'https://staging.example.com./',
      'http://staging.example.com/',
      'https://staging.example.com:444/',
    ]) {
      const error = await errorOf(guard.solve({ ...challenge, pageUrl }))
      expect(error).toMatchObject({
        name: 'DeniedError',
        code: 'ORIGIN_NOT_NAMED',
        layer: 'origin',
      })
    }
    for (const pageUrl of [
      'about:blank',
      'data:text/html,x',
      'blob:https://staging.example.com/1',
      'javascript:1',
      '',
      'x',
    ]) {
      expect((await errorOf(guard.solve({ ...challenge, pageUrl }))).code).toBe('ORIGIN_OPAQUE')
    }
    expect(secret.fetches).toBe(0)
    expect(service.requests).toHaveLength(0)
  })

  it('is denied by origin when only the frame of the widget is not named', async () => {
    const { guard } = await rig()
    const error = await errorOf(guard.solve({ ...challenge, frameUrl: 'https://ads.example/frame' }))
    expect(error.code).toBe('ORIGIN_NOT_NAMED')
    expect(error.message).toContain('https://ads.example')
  })

  it('is denied on the record in a page or frame that the policy does not name, where nothing was read', async () => {
    const sink = memoryAudit()
    const lines: string[] = []
    const line = (...words: unknown[]) => void lines.push(JSON.stringify(words))
    const logger = { debug: line, info: line, warn: line }
    const { guard, service } = await rig({ guardOptions: { audit: sink, logger } })
    const events: unknown[] = []
    guard.on('denied', (event) => events.push(event))
    const grant = guard.narrow({}, { name: 'context' })
    expect(grant.denyUnnamed(challenge.pageUrl)).toBeUndefined()
    const page = 'https://elsewhere.example/pay?session=s3cret'
    expect(grant.denyUnnamed(page)).toMatchObject({ code: 'ORIGIN_NOT_NAMED', layer: 'origin' })
    expect(grant.denyUnnamed(challenge.pageUrl, 'https://ads.example/')).toMatchObject({ code: 'ORIGIN_NOT_NAMED' })
    expect(grant.denyUnnamed('about:blank')).toMatchObject({ code: 'ORIGIN_OPAQUE' })
    expect(sink.events.filter(({ action }) => action === 'denied')).toMatchObject([
      { code: 'ORIGIN_NOT_NAMED', page: 'https://elsewhere.example/pay', family: undefined, path: grant.path },
      { code: 'ORIGIN_NOT_NAMED', frame: 'https://ads.example/' },
      { code: 'ORIGIN_OPAQUE' },
    ])
    expect(events).toMatchObject([{ pageUrl: page, challenge: undefined }, { frameUrl: 'https://ads.example/' }, {}])
    expect(lines.join()).toContain('https://elsewhere.example/pay')
    expect(lines.join()).not.toContain('s3cret')
    expect((await guard.status()).process.denied).toEqual({ ORIGIN_NOT_NAMED: 2, ORIGIN_OPAQUE: 1 })
    expect(service.requests).toHaveLength(0)
    await guard.close()
    expect(() => grant.denyUnnamed(page)).toThrow(expect.objectContaining({ code: 'GUARD_CLOSED' }))
  })

  it('is denied by time outside the working hours, with the time of the next opening', async () => {
    const clock = manualClock(MONDAY_NOON)
    const { guard } = await rig({
      clock,
      policy: { schedule: { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Fri', from: '09:00', to: '12:30' }] } },
    })
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'OUTSIDE_SCHEDULE', layer: 'time' })
    expect(error.retryAt?.toISOString()).toBe('2025-01-07T08:00:00.000Z')
    // The origin layer denies first, also outside the working hours.
    const elsewhere = { ...challenge, pageUrl: 'https://elsewhere.example/' }
    expect((await errorOf(guard.solve(elsewhere))).code).toBe('ORIGIN_NOT_NAMED')
    clock.set((error.retryAt as Date).getTime())
    await settleWith(clock, guard.solve(challenge), 10)
  })

  it('is denied by time when the key is too old or of unknown age', async () => {
    const clock = manualClock(MONDAY_NOON)
    const old = fixedSecret('a-key-for-the-tests', { createdAt: MONDAY_NOON - 91 * 86_400_000 })
    const aged = await rig({ clock, secret: old, policy: { key: { expireAfter: '90d' } } })
    expect(await errorOf(aged.guard.solve(challenge))).toMatchObject({ code: 'KEY_TOO_OLD', layer: 'time' })
    const ageless = await rig({ clock, policy: { key: { expireAfter: '90d' } } })
    expect((await errorOf(ageless.guard.solve(challenge))).code).toBe('KEY_TOO_OLD')
  })

  it('raises an alert when the key is due for rotation', async () => {
    const due = fixedSecret('a-key-for-the-tests', { createdAt: Date.now() - 61 * 86_400_000 })
    const clock = manualClock(Date.now())
    const { guard } = await rig({
      clock,
      secret: due,
      serviceOptions: { keys: { 'a-key-for-the-tests': 10 } },
      policy: { key: { rotateEvery: '60d' } },
    })
    const alerts: string[] = []
    guard.on('alert', ({ code }) => alerts.push(code))
    await settleWith(clock, guard.solve(challenge), 10)
    await clock.advance(30_000)
    expect(alerts).toEqual(['KEY_DUE'])
  })

  it('is denied by secret when the store has no key; the message names the place', async () => {
    const { guard } = await rig({ guardOptions: { secret: undefined } })
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'SECRET_MISSING', layer: 'secret' })
    expect(error.message).toContain('SOLVEGUARD_KEY')
  })

  it('is denied by secret when the store does not answer', async () => {
    const secret = fixedSecret('a-key-for-the-tests')
    secret.fail(new Error('connection refused'))
    const { guard, service } = await rig({ secret })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'SECRET_UNAVAILABLE', layer: 'secret' })
    expect(service.requests).toHaveLength(0)
  })

  it('is denied by network when two policies require different proxies', async () => {
    const { guard } = await rig({ policy: { egress: { proxy: 'http://127.0.0.1:1' } } })
    const grant = guard.narrow({ egress: { proxy: 'http://127.0.0.1:2' } })
    expect(await errorOf(grant.solve(challenge))).toMatchObject({ code: 'EGRESS_CONFLICT', layer: 'network' })
  })

  it('is denied by spending when the day’s budget is used up, with the time to retry', async () => {
    const clock = manualClock(MONDAY_NOON)
    const { guard } = await rig({ clock, policy: { budget: { perDay: usd(0.0025) } } })
    await settleWith(clock, guard.solve(challenge), 10)
    await settleWith(clock, guard.solve(challenge), 10)
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'BUDGET_EXHAUSTED', layer: 'spending' })
    const retryAt = (error.retryAt as Date).getTime()
    expect(retryAt - clock.now()).toBeGreaterThan(86_000_000)
    expect(retryAt - clock.now()).toBeLessThan(86_400_000 + 300_001)
    clock.set(retryAt)
    await settleWith(clock, guard.solve(challenge), 10)
  })

  it('is denied by spending above the rate and above the concurrent slots', async () => {
    const rate = await rig({ policy: { budget: { perDay: usd(1), perMinute: 1 } } })
    await rate.guard.solve(challenge)
    expect((await errorOf(rate.guard.solve(challenge))).code).toBe('RATE_EXCEEDED')
    const slots = await rig({ serviceOptions: { solveMs: 200 }, policy: { budget: { perDay: usd(1), concurrent: 1 } } })
    const first = slots.guard.solve(challenge)
    expect((await errorOf(slots.guard.solve(challenge))).code).toBe('SLOTS_FULL')
    await first
    await slots.guard.solve(challenge)
  })

  it('is denied by spending when it may cost more than perSolve', async () => {
    const { guard } = await rig({ policy: { budget: { perDay: usd(1), perSolve: usd(0.0009) } } })
    expect((await errorOf(guard.solve(challenge))).code).toBe('PRICE_TOO_HIGH')
  })

  it('is denied by spending above the daily amount of its origin', async () => {
    const { guard } = await rig({
      policy: { origins: ['https://*.example.com'], budget: { perDay: usd(1), perOrigin: usd(0.001) } },
    })
    await guard.solve(challenge)
    const error = await errorOf(guard.solve(challenge))
    expect(error.code).toBe('BUDGET_EXHAUSTED')
    expect(error.message).toContain('tests@https://staging.example.com')
    await guard.solve({ ...challenge, pageUrl: 'https://other.example.com/' })
  })

  it('is denied by audit when the record cannot be written; nothing is sent or spent', async () => {
    const { guard, audit, service } = await rig()
    audit.failWith(new Error('no space left on device'))
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'AUDIT_UNAVAILABLE', layer: 'audit' })
    expect(service.requests).toHaveLength(0)
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
    audit.failWith(undefined)
    await guard.solve(challenge)
  })

  it('is denied by spending when the ledger cannot answer; nothing is sent', async () => {
    const broken = { ...memoryLedger(), kind: 'broken' }
    const ledger = Object.assign(Object.create(memoryLedger()), broken, {
      open() {},
      register: () => ({ differing: [] }),
      heartbeat() {},
      unregister() {},
      claim: () => [],
      saveHead() {},
      close() {},
      reserve() {
        throw new Error('disk I/O error')
      },
    })
    const { guard, service } = await rig({ ledger })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'LEDGER_UNAVAILABLE', layer: 'spending' })
    expect(service.requests).toHaveLength(0)
  })

  it('that is denied is recorded; the first one at once, and many more like it in one record with a count', async () => {
    const clock = manualClock()
    const { guard, audit } = await rig({ clock })
    for (let i = 0; i < 50; i++)
      await errorOf(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/?secret=1' }))
    const denial = { action: 'denied', code: 'ORIGIN_NOT_NAMED', page: 'https://elsewhere.example/' }
    expect(audit.events).toMatchObject([denial])
    expect(audit.events[0]?.count).toBeUndefined()
    await clock.advance(5_000)
    expect(audit.events.slice(1)).toMatchObject([{ ...denial, count: 49 }])
  })
})

describe('an invalid challenge', () => {
  it.each([
    ['family', { family: 'constructor' }],
    ['variant', { variant: 'v9' }],
    ['sitekey', { sitekey: 'a'.repeat(1_000_000) }],
    ['sitekey', { sitekey: '"><script>' }],
    ['sitekey', { sitekey: ['6LdyC2cUAAAA'] }],
    ['action', { action: 'a\u0000b' }],
    ['dataS', { dataS: 'x'.repeat(5_000) }],
    ['pageUrl', { pageUrl: 7 }],
  ])('is refused by the name of its invalid %s', async (field, invalid) => {
    const { guard, service } = await rig()
    const error = await errorOf(guard.solve({ ...challenge, ...invalid } as never))
    expect(error.code).toBe('CHALLENGE_INVALID')
    expect(error.message).toContain(`challenge.${field}`)
    expect(service.requests).toHaveLength(0)
  })
})

describe('a grant', () => {
  it('draws on its own budget and on those above it, or on none of them when one is used up', async () => {
    const { guard } = await rig({ policy: { budget: { perDay: usd(1) } } })
    const grant = guard.narrow({ budget: { perDay: usd(0.001) } }, { name: 'one-page' })
    expect(grant.path).toEqual(['tests', 'tests/one-page'])
    await grant.solve(challenge)
    expect((await errorOf(grant.solve(challenge))).message).toContain('tests/one-page')
    expect((await guard.status()).day.spent).toBe(usd(0.001))
    expect((await grant.status()).day).toMatchObject({ cap: usd(0.001), spent: usd(0.001), left: 0 })
    await guard.solve(challenge)
  })

  it("shows its policy without the proxy's password", async () => {
    const { guard } = await rig({ policy: { egress: { proxy: 'http://egress:s3cret-word@127.0.0.1:1' } } })
    const grant = guard.narrow({ egress: { proxy: 'http://egress:s3cret-word@127.0.0.1:1' } })
    const shown =
      inspect(guard, { depth: 9, showHidden: true }) + inspect(grant, { depth: 9 }) + JSON.stringify([guard, grant])
    expect(shown).not.toContain('s3cret-word')
    expect(grant.policy.egress.proxies).toEqual(['http://***@127.0.0.1:1'])
    expect((await grant.status()).egress).toContain('127.0.0.1:1')
  })

  it('cannot be wider than the grant that it was narrowed from', async () => {
    const { guard } = await rig()
    const grant = guard.narrow({ origins: ['https://elsewhere.example'], budget: { perDay: usd(500) } })
    expect(grant.policy.origins).toEqual([])
    expect(grant.policy.budget.perDay).toBe(usd(1))
    expect((await errorOf(grant.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }))).code).toBe(
      'ORIGIN_NOT_NAMED',
    )
  })
})

describe('invalid options', () => {
  it.each([
    ['options.polcy', { polcy: {} }],
    ['policy.origins', { policy: { origins: [] } }],
    ['policy.budget.perWeek', { policy: { origins: ['https://a.example.com'], budget: { perWeek: 1 } } }],
    ['options.name', { name: 'a/b' }],
    ['options.solver', { solver: 'captchaai' }],
    ['options.ledger', { ledger: {} }],
  ])('are refused by createGuard, with %s in the message', async (field, wrong) => {
    const error = await errorOf(rig({ guardOptions: wrong as never }))
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain(field)
  })

  it('include the address of a service without TLS that is not loopback', () => {
    expect(() => captchaAI({ baseUrl: 'http://ocr.captchaai.com' })).toThrow(/https/)
  })
})

describe('a closed guard', () => {
  it('rejects each call with GUARD_CLOSED', async () => {
    const { guard } = await rig()
    await guard.close()
    for (const asked of [guard.solve(challenge), guard.status(), guard.resume()]) {
      expect((await errorOf(asked)).code).toBe('GUARD_CLOSED')
    }
  })
})

describe('mistyped arguments', () => {
  it('are refused: an unknown event, a missing listener, an option of the solver, no options', async () => {
    const { guard } = await rig()
    expect(() => guard.on('sovled' as never, () => {})).toThrow(/takes one of .*solved/)
    expect(() => guard.on('solved', undefined as never)).toThrow(/and a function/)
    expect(() => captchaAI({ baseURL: 'http://127.0.0.1' } as never)).toThrow(/no option baseURL, only baseUrl/)
    expect((await errorOf(createGuard(undefined as never))).message).toContain('expected options such as')
    expect((await errorOf(guard.solve(undefined as never))).message).toContain('solve() takes a challenge')
  })
})
