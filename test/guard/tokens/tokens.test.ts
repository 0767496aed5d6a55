import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import type { NarrowingInput } from '../../../src/policy/schema.js'
import { manualClock } from '../../../src/testing/clock.js'
import { describeToken } from '../../../src/tokens/describe.js'
import { narrowToken } from '../../../src/tokens/narrow.js'
import { append, encode } from '../../tokens/support.js'
import { challenge, errorOf, fixedSecret, type RigOptions, rig } from '../support.js'

const NOON = Date.UTC(2026, 10, 25, 12)
const KEY = 'a'.repeat(64)

function tokenRig(options: RigOptions & { key?: string } = {}) {
  const keys = fixedSecret(options.key ?? KEY)
  return rig({ ...options, guardOptions: { tokens: { keys }, ...options.guardOptions } }).then((made) => ({
    ...made,
    keys,
  }))
}

describe('a token', () => {
  it('is a narrowed grant: its solves draw on a budget of its own and on the guard', async () => {
    const { guard, ledger } = await tokenRig()
    const { token, id, handle, expiresAt } = await guard.issueToken(
      { budget: { perDay: usd(0.001) } },
      { ttl: '15m', subject: 'ci-4711' },
    )
    expect(handle).toBeUndefined()
    expect(expiresAt.getTime() - Date.now()).toBeGreaterThan(14 * 60_000)
    const grant = await guard.verifyToken(token)
    expect(grant.path).toEqual(['tests', `tests/~${id}`])
    await grant.solve(challenge)
    for (const budget of grant.path) expect((await ledger.usage(budget, Date.now())).spent).toBe(usd(0.001))
    expect(await errorOf(grant.solve(challenge))).toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    await guard.solve(challenge)
  })

  it('that is replayed meets its own budget, in every process', async () => {
    const ledger = memoryLedger()
    const one = await tokenRig({ ledger })
    const two = await tokenRig({ ledger, service: one.service })
    const { token } = await one.guard.issueToken({ budget: { perDay: usd(0.002) } })
    const grants = await Promise.all([one, two, one, two].map(({ guard }) => guard.verifyToken(token)))
    const ends = await Promise.allSettled(grants.map((grant) => grant.solve(challenge)))
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  })

  it('is narrowed by its holder, offline, and every link of the path has its own budget', async () => {
    const { guard, ledger } = await tokenRig()
    const { token, id } = await guard.issueToken({ budget: { perDay: usd(0.01) } })
    const children = await Promise.all([1, 2].map(() => narrowToken(token, { budget: { perDay: usd(0.002) } })))
    for (const child of children) {
      const grant = await guard.verifyToken(child)
      expect(grant.path).toEqual(['tests', `tests/~${id}`, `tests/~${id}/~${describeToken(child).links[1]?.id}`])
      for (const _ of [1, 2]) await grant.solve(challenge)
      expect(await errorOf(grant.solve(challenge))).toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    }
    expect((await ledger.usage(`tests/~${id}`, Date.now())).spent).toBe(usd(0.004))
  })

  it('whose holder takes the id of another token for its link draws on nothing of the other', async () => {
    const { guard, ledger } = await tokenRig()
    const { token: victim, id } = await guard.issueToken({ budget: { perDay: usd(0.001) } })
    const { token } = await guard.issueToken({})
    const grant = await guard.verifyToken(append(token, encode(JSON.stringify({ jti: id, pol: {} }))))
    await grant.solve(challenge)
    expect((await ledger.usage(`tests/~${id}`, Date.now())).spent).toBe(0)
    await (await guard.verifyToken(victim)).solve(challenge)
  })

  it('never allows what the guard denies, whatever its policy names', async () => {
    const { guard } = await tokenRig({ policy: { budget: { perDay: usd(0.001) } } })
    const { token } = await guard.issueToken({ origins: ['https://elsewhere.example'], budget: { perDay: usd(100) } })
    const grant = await guard.verifyToken(token)
    expect(grant.policy.origins).toEqual([])
    expect(grant.policy.budget.perDay).toBe(usd(0.001))
    expect(await errorOf(grant.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }))).toMatchObject({
      code: 'ORIGIN_NOT_NAMED',
    })
  })

  it('is explained as its solves are: its expiry, a revocation, a pause', async () => {
    const clock = manualClock(NOON)
    const { guard } = await tokenRig({ clock })
    const { token, id } = await guard.issueToken({}, { ttl: '1h', subject: 'ci-4711' })
    const grant = await guard.verifyToken(token)
    const explained = async (at?: Date) => (await grant.explain(challenge, { at })).code
    expect(await explained()).toBeUndefined()
    expect(await explained(new Date(NOON + 3_600_000))).toBe('TOKEN_EXPIRED')
    await guard.pause('It loops.', { subject: 'ci-4711' })
    expect(await explained()).toBe('GUARD_PAUSED')
    await guard.resume({ subject: 'ci-4711' })
    await guard.revokeToken(id)
    expect(await explained()).toBe('TOKEN_REVOKED')
  })

  it('has whole links on the record and in the status, with their subjects', async () => {
    const { guard, audit } = await tokenRig()
    const { token, id } = await guard.issueToken({}, { subject: 'team-a' })
    const narrower = await narrowToken(token, {}, { subject: 'ci-4711', ttl: '1m' })
    const grant = await guard.verifyToken(narrower)
    await grant.solve(challenge)
    const solved = audit.events.find(({ action }) => action === 'solved')
    expect(solved).toMatchObject({ subject: 'ci-4711', subjects: ['team-a', 'ci-4711'] })
    expect(solved?.path?.slice(0, 2)).toEqual(['tests', `tests/~${id}`])
    const status = await grant.status()
    expect(status.subjects).toEqual(['team-a', 'ci-4711'])
    expect(status.links).toMatchObject([
      { id, subject: 'team-a', spent: usd(0.001), reserved: 0 },
      { subject: 'ci-4711', spent: usd(0.001), reserved: 0 },
    ])
    expect(status.links[1]?.expiresAt.getTime()).toBeLessThan(status.links[0]?.expiresAt.getTime() ?? 0)
    expect(await guard.status()).toMatchObject({ subjects: [], links: [] })
  })

  it('is on the record when it is issued and revoked, by its id alone', async () => {
    const { guard, audit } = await tokenRig()
    const { token, handle = '', id } = await guard.issueToken({}, { subject: 'ci-4711', handle: true })
    await guard.verifyToken(handle)
    await guard.revokeToken(id)
    const events = audit.events.filter(({ action }) => action === 'issued' || action === 'revoked')
    expect(events).toMatchObject([
      { action: 'issued', subject: 'ci-4711', path: ['tests', `tests/~${id}`] },
      { action: 'revoked', message: expect.stringContaining(id) },
    ])
    const [, payload = '', signature = ''] = token.split('.')
    for (const part of [token, handle, payload, signature]) expect(JSON.stringify(audit.events)).not.toContain(part)
  })

  it('does not show itself, nor its handle, when it is printed or serialized', async () => {
    const { guard } = await tokenRig()
    const issued = await guard.issueToken({}, { handle: true })
    for (const text of [JSON.stringify(issued), inspect(issued), inspect({ issued }), `${JSON.stringify([issued])}`]) {
      expect(text).not.toContain(issued.token)
      expect(text).not.toContain(issued.handle)
    }
    expect(JSON.parse(JSON.stringify(issued))).toMatchObject({ token: '[token]', handle: '[handle]', id: issued.id })
    const without = await guard.issueToken({})
    expect(Object.keys(JSON.parse(JSON.stringify(without)))).toEqual(['token', 'id', 'expiresAt'])
    expect(inspect(without)).toMatch(/^IssuedToken \{\s+token: '\[token\]',\s+id: '/)
  })

  it('is valid for a second at least, and an error names the option that is wrong', async () => {
    const clock = manualClock(NOON)
    const { guard } = await tokenRig({ clock })
    expect((await guard.issueToken({}, { ttl: '1s' })).expiresAt).toEqual(new Date(NOON + 1_000))
    for (const options of [{ ttl: '999ms' }, { ttl: '31d' }, { handle: 'yes' }]) {
      const error = await errorOf(guard.issueToken({}, options as object))
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
      expect(error.message).toMatch(/^issueToken/)
    }
    expect((await errorOf(guard.revokeToken('x'))).message).toMatch(/^id/)
  })

  it('that is not recorded is not issued', async () => {
    const { guard, audit } = await tokenRig()
    audit.failWith(new Error('the disk is full'))
    expect(await errorOf(guard.issueToken({}))).toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
  })

  it.each<[string, NarrowingInput, object]>([
    ['an unknown field', { perDay: 1 } as NarrowingInput, {}],
    ['a route of its own', { egress: { proxy: 'http://evil.example:3128' } }, {}],
    ['an address to fetch', { egress: { expectIp: ['10.0.0.1'], ipCheckUrl: 'https://10.0.0.1/' } }, {}],
    ['too short a life', {}, { ttl: '0s' }],
    ['too long a life', {}, { ttl: '31d' }],
    ['a subject that is not printable', {}, { subject: 'a\nb' }],
    ['half a character', {}, { subject: '\ud800' }],
    ['an empty subject', {}, { subject: '' }],
    ['an unknown option', {}, { scope: 'all' }],
  ])('is not issued with %s', async (_, policy, options) => {
    const { guard } = await tokenRig()
    expect(await errorOf(guard.issueToken(policy, options))).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('a token is denied', () => {
  it('once it has expired, also a solve that began to wait before, and also after the clock was set back', async () => {
    const clock = manualClock(NOON)
    const { guard } = await tokenRig({ clock })
    const { token } = await guard.issueToken({}, { ttl: '60s' })
    const grant = await guard.verifyToken(token)
    await clock.advance(59_000)
    await grant.solve(challenge)
    await clock.advance(1_000)
    const expired = { code: 'TOKEN_EXPIRED', layer: 'time' }
    expect(await errorOf(grant.solve(challenge))).toMatchObject(expired)
    expect(await errorOf(guard.verifyToken(token))).toMatchObject(expired)
    clock.set(NOON)
    expect(await errorOf(grant.solve(challenge))).toMatchObject(expired)
    expect(await errorOf(guard.verifyToken(token))).toMatchObject(expired)
    const { token: next } = await guard.issueToken({}, { ttl: '60s' })
    expect(await errorOf(guard.verifyToken(next))).toMatchObject(expired)
  })

  it('as long as it is not yet valid, but for a minute between two clocks', async () => {
    const issuer = await tokenRig({ clock: manualClock(NOON) })
    const { token } = await issuer.guard.issueToken({}, { ttl: '1h' })
    const ahead = await tokenRig({ clock: manualClock(NOON - 60_001) })
    const error = await errorOf(ahead.guard.verifyToken(token))
    expect(error).toMatchObject({ code: 'TOKEN_NOT_YET_VALID', layer: 'time', retryAt: new Date(NOON) })
    const near = await tokenRig({ clock: manualClock(NOON - 60_000) })
    await near.guard.verifyToken(token)
  })

  it('once any of its links is revoked, with all below it and nothing beside it', async () => {
    const ledger = memoryLedger()
    const { guard, service } = await tokenRig({ ledger })
    const other = await tokenRig({ ledger, service })
    const { token: parent, id } = await guard.issueToken({})
    const child = await narrowToken(parent, {})
    const grandchild = await narrowToken(child, {})
    const sibling = await narrowToken(parent, {})
    const grants = await Promise.all(
      [parent, child, grandchild, sibling].map(async (token) => other.guard.verifyToken(token)),
    )
    const codes = () =>
      Promise.all(
        grants.map((grant) =>
          grant.solve(challenge).then(
            () => 'solved',
            ({ code }) => code,
          ),
        ),
      )
    await guard.revokeToken(describeToken(child).links[1]?.id ?? '')
    expect(await codes()).toEqual(['solved', 'TOKEN_REVOKED', 'TOKEN_REVOKED', 'solved'])
    expect((await grants[2]?.status())?.links.map(({ revoked }) => revoked?.code)).toEqual([
      undefined,
      'TOKEN_REVOKED',
      undefined,
    ])
    await guard.revokeToken(id)
    expect(await codes()).toEqual(Array(4).fill('TOKEN_REVOKED'))
    expect(service.requests.filter(({ path }) => path === '/in.php')).toHaveLength(2)
  })

  it('when it is revoked while the audit log is down', async () => {
    const { guard, audit } = await tokenRig()
    const { token, id } = await guard.issueToken({})
    const grant = await guard.verifyToken(token)
    audit.failWith(new Error('the disk is full'))
    await guard.revokeToken(id)
    audit.failWith(undefined)
    expect(await errorOf(grant.solve(challenge))).toMatchObject({ code: 'TOKEN_REVOKED', details: { link: id } })
  })

  it('as long as it could be valid: a revocation outlives each token, whatever the clocks show', async () => {
    const clock = manualClock(NOON)
    const { guard } = await tokenRig({ clock })
    const { token, id } = await guard.issueToken({}, { ttl: '30d' })
    const grant = await guard.verifyToken(token)
    await guard.revokeToken(id)
    for (const day of [0, 1, 29.999]) {
      clock.set(NOON + day * 86_400_000)
      expect(await errorOf(grant.solve(challenge))).toMatchObject({ code: 'TOKEN_REVOKED' })
      expect(await errorOf(guard.verifyToken(token))).toMatchObject({ code: 'TOKEN_REVOKED' })
      expect(await errorOf(guard.issueHandle(token))).toMatchObject({ code: 'TOKEN_REVOKED' })
    }
  })

  it('while the ledger cannot say whether it is revoked', async () => {
    const ledger = memoryLedger()
    const { guard } = await tokenRig({ ledger })
    guard.on('alert', () => {})
    const { token } = await guard.issueToken({})
    await guard.verifyToken(token)
    Object.assign(ledger, { listFacts: () => Promise.reject(new Error('No route to host.')) })
    expect(await errorOf(guard.verifyToken(token))).toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
  })

  it('when a guard of another name, or another key, has the same ledger', async () => {
    const ledger = memoryLedger()
    const { guard, service } = await tokenRig({ ledger })
    const { token } = await guard.issueToken({})
    const elsewhere = await tokenRig({
      ledger,
      service,
      guardOptions: { name: 'others', tokens: { keys: fixedSecret(KEY) } },
    })
    expect(await errorOf(elsewhere.guard.verifyToken(token))).toMatchObject({ code: 'TOKEN_AUDIENCE', layer: 'secret' })
    const stranger = await tokenRig({ ledger, service, key: 'b'.repeat(64) })
    const { token: foreign } = await stranger.guard.issueToken({})
    expect(await errorOf(guard.verifyToken(foreign))).toMatchObject({ code: 'TOKEN_KEY_UNKNOWN', layer: 'secret' })
  })

  it.each([undefined, null, 4711, '', 'x', {}, [], 'a.b.c', '.'.repeat(5000)])(
    'where it is none (%#)',
    async (text) => {
      const { guard } = await tokenRig()
      expect(await errorOf(guard.verifyToken(text as string))).toMatchObject({ code: 'TOKEN_INVALID', layer: 'secret' })
    },
  )

  it('on the record, and counted: many of a kind in one record, with nothing of what was tried', async () => {
    const { guard, audit } = await tokenRig()
    const { token } = await guard.issueToken({})
    const tried = [`${token.slice(0, -2)}AA`, ...Array.from({ length: 50 }, (_, i) => String(i).padStart(32, 'a'))]
    for (const text of tried) await errorOf(guard.verifyToken(text))
    expect((await guard.status()).process.denied).toMatchObject({ HANDLE_UNKNOWN: 50 })
    await guard.close()
    const denied = audit.events.filter(({ action }) => action === 'denied')
    expect(denied.length).toBeLessThanOrEqual(4)
    expect(new Set(denied.map(({ layer }) => layer))).toEqual(new Set(['secret']))
    for (const text of tried) expect(JSON.stringify(audit.events)).not.toContain(text)
  })

  it('once its guard is closed', async () => {
    const { guard } = await tokenRig()
    const { token } = await guard.issueToken({})
    await guard.close()
    for (const call of [guard.verifyToken(token), guard.issueToken({}), guard.revokeToken('x'), guard.pause()]) {
      expect(await errorOf(call)).toMatchObject({ code: 'GUARD_CLOSED' })
    }
  })
})

describe('signing keys', () => {
  it('rotate with an overlap: the previous one verifies, and what is older is unknown', async () => {
    const clock = manualClock(NOON)
    const { guard, keys } = await tokenRig({ clock })
    const { token: old } = await guard.issueToken({}, { ttl: '1d' })
    await guard.verifyToken(old)
    keys.set('b'.repeat(64), KEY)
    await clock.advance(6 * 60_000)
    await guard.verifyToken(old)
    const { token: next } = await guard.issueToken({}, { ttl: '1d' })
    expect(next.split('.')[0]).not.toBe(old.split('.')[0])
    await guard.verifyToken(next)
    keys.set('c'.repeat(64), 'b'.repeat(64))
    await clock.advance(6 * 60_000)
    await guard.verifyToken(next)
    // Also one that was verified before.
    expect(await errorOf(guard.verifyToken(old))).toMatchObject({ code: 'TOKEN_KEY_UNKNOWN' })
  })

  it('are looked up once more for a key that another process has first, and not for every made-up one', async () => {
    const clock = manualClock(NOON)
    const { guard, keys } = await tokenRig({ clock })
    const { token: own } = await guard.issueToken({})
    const ahead = await tokenRig({ clock, key: 'b'.repeat(64) })
    const { token } = await ahead.guard.issueToken({})
    keys.set('b'.repeat(64), KEY)
    await guard.verifyToken(token)
    await guard.verifyToken(own)
    const before = keys.fetches
    const stranger = await tokenRig({ clock, key: 'c'.repeat(64) })
    const { token: foreign } = await stranger.guard.issueToken({})
    for (let i = 0; i < 20; i++) await errorOf(guard.verifyToken(foreign))
    expect(keys.fetches - before).toBeLessThanOrEqual(1)
  })

  it('are watched from the beginning of a guard to its end', async () => {
    const steps: string[] = []
    const keys = {
      ...fixedSecret(KEY),
      start: () => {
        steps.push('started')
        return () => void steps.push('stopped')
      },
    }
    const { guard } = await rig({ guardOptions: { tokens: { keys } } })
    expect(steps).toEqual(['started'])
    await guard.close()
    expect(steps).toEqual(['started', 'stopped'])
  })

  it('that are short sign nothing', async () => {
    const { guard } = await tokenRig({ key: 'short-but-long-enough-for-a-key' })
    const error = await errorOf(guard.issueToken({}))
    expect(error).toMatchObject({ code: 'SECRET_INVALID' })
    expect(error.message).not.toContain('short-but-long')
  })

  it('that their store does not give stop the tokens, and nothing else', async () => {
    const { guard, keys } = await tokenRig()
    keys.fail(new Error('the store is down'))
    expect(await errorOf(guard.issueToken({}))).toMatchObject({ code: 'SECRET_UNAVAILABLE', layer: 'secret' })
    await guard.solve(challenge)
  })
})

describe('a handle, made for a token that there is', () => {
  it('stands for it in every process, also where it was narrowed, and ends with it', async () => {
    const clock = manualClock(NOON)
    const ledger = memoryLedger()
    const { guard, audit } = await tokenRig({ clock, ledger })
    const other = await tokenRig({ clock, ledger })
    const { token, id } = await guard.issueToken({}, { subject: 'ci-4711', ttl: '60s' })
    const narrower = await narrowToken(token, { budget: { perDay: usd(0.002) } }, { subject: 'sign-in', clock })
    const made = await guard.issueHandle(narrower)
    expect(made.handle).toMatch(/^[0-9a-f]{32}$/)
    expect(made).toMatchObject({ token: narrower, expiresAt: new Date(clock.now() + 60_000) })
    expect(JSON.stringify(made)).not.toContain(made.handle)
    const { path } = await other.guard.verifyToken(made.handle ?? '')
    expect(path).toEqual(['tests', `tests/~${id}`, `tests/~${id}/~${made.id}`])
    const issued = audit.events.filter(({ action }) => action === 'issued')
    expect(issued.at(-1)).toMatchObject({ subject: 'sign-in', path })
    expect(JSON.stringify(audit.events)).not.toContain(made.handle)
    await clock.advance(61_000)
    expect(await errorOf(other.guard.verifyToken(made.handle ?? ''))).toMatchObject({ code: 'TOKEN_EXPIRED' })
    expect(await errorOf(guard.issueHandle(narrower))).toMatchObject({ code: 'TOKEN_EXPIRED' })
  })

  it('is made for nothing but a token of this guard', async () => {
    const { guard } = await tokenRig()
    const { handle = '', token } = await guard.issueToken({}, { handle: true })
    expect(await errorOf(guard.issueHandle(handle))).toMatchObject({ code: 'TOKEN_INVALID' })
    expect(await errorOf(guard.issueHandle(`${token.slice(0, -4)}AAAA`))).toMatchObject({ code: 'TOKEN_ALTERED' })
    await guard.close()
    expect(await errorOf(guard.issueHandle(token))).toMatchObject({ code: 'GUARD_CLOSED' })
  })
})

describe('a handle', () => {
  it('stands for its token, in every process of the ledger, and has exactly 32 characters', async () => {
    const ledger = memoryLedger()
    const { guard, service } = await tokenRig({ ledger })
    const { handle = '', id } = await guard.issueToken({ budget: { perDay: usd(0.001) } }, { handle: true })
    expect(handle).toMatch(/^[0-9a-f]{32}$/)
    const other = await tokenRig({ ledger, service })
    const grant = await other.guard.verifyToken(handle)
    expect(grant.path).toEqual(['tests', `tests/~${id}`])
    await grant.solve(challenge)
    expect(await errorOf((await guard.verifyToken(handle)).solve(challenge))).toMatchObject({
      code: 'BUDGET_EXHAUSTED',
    })
    await guard.revokeToken(id)
    for (const each of [guard, other.guard]) {
      expect(await errorOf(each.verifyToken(handle))).toMatchObject({ code: 'TOKEN_REVOKED', details: { link: id } })
    }
    expect(await errorOf(grant.solve(challenge))).toMatchObject({ code: 'TOKEN_REVOKED' })
  })

  it('of a narrowed token is on the record with the budgets of all its links and the last subject', async () => {
    const { guard, audit } = await tokenRig()
    const { token } = await guard.issueToken({}, { subject: 'team-a' })
    const child = await narrowToken(token, {}, { subject: 'team-b' })
    const narrowed = await narrowToken(child, {}, { subject: 'ci-4711' })
    const { handle = '', id } = await guard.issueHandle(narrowed)
    const grant = await guard.verifyToken(handle)
    expect(grant.path).toHaveLength(4)
    expect(id).toBe(describeToken(narrowed).links.at(-1)?.id)
    expect(audit.events.filter(({ action }) => action === 'issued').at(-1)).toMatchObject({
      subject: 'ci-4711',
      path: grant.path,
    })
  })

  it('ends with its token', async () => {
    const clock = manualClock(NOON)
    const ledger = memoryLedger()
    const { guard } = await tokenRig({ ledger, clock })
    const { token, handle = '' } = await guard.issueToken({}, { handle: true, ttl: '60s' })
    await clock.advance(30_000)
    const { handle: later = '' } = await guard.issueHandle(token)
    const other = await tokenRig({ ledger, clock })
    await clock.advance(30_000)
    for (const one of [handle, later]) {
      expect(await errorOf(guard.verifyToken(one))).toMatchObject({ code: 'TOKEN_EXPIRED' })
      expect(await errorOf(other.guard.verifyToken(one))).toMatchObject({ code: 'HANDLE_UNKNOWN', layer: 'secret' })
    }
  })

  it('that is not known is looked up a hundred times a second at most, and one that is known without end', async () => {
    const clock = manualClock(NOON)
    const ledger = memoryLedger()
    let looked = 0
    const counting = {
      ...ledger,
      listFacts: (scope: string, now: number) => {
        if (scope.startsWith('handle/')) looked++
        return ledger.listFacts(scope, now)
      },
    }
    const { guard } = await tokenRig({ ledger: counting, clock })
    const { handle = '' } = await guard.issueToken({}, { handle: true })
    const guess = (i: number) => errorOf(guard.verifyToken(i.toString(16).padStart(32, '0')))
    for (let i = 0; i < 100; i++) expect(await guess(i)).toMatchObject({ code: 'HANDLE_UNKNOWN' })
    expect(await guess(100)).toMatchObject({ code: 'RATE_EXCEEDED', retryAt: new Date(NOON + 1_000) })
    expect(looked).toBe(100)
    await guard.verifyToken(handle)
    await clock.advance(1_000)
    expect(await guess(101)).toMatchObject({ code: 'HANDLE_UNKNOWN' })
    expect(looked).toBe(101)
    // Nor more often where all of them come at once.
    await clock.advance(1_000)
    const codes = await Promise.all(Array.from({ length: 300 }, async (_, i) => (await guess(i)).code))
    expect(looked).toBe(201)
    expect(codes.filter((code) => code === 'RATE_EXCEEDED')).toHaveLength(200)
  })

  it('cannot be made from what the ledger has, nor the token', async () => {
    const ledger = memoryLedger()
    const written: string[] = []
    const spied = {
      ...ledger,
      setFact: (...args: Parameters<typeof ledger.setFact>) => {
        written.push(JSON.stringify(args))
        return ledger.setFact(...args)
      },
    }
    const { guard } = await tokenRig({ ledger: spied })
    const { handle = '', token } = await guard.issueToken({}, { handle: true })
    const [header = '', payload = '', signature = ''] = token.split('.')
    const all = written.join('\n')
    expect(all).toContain('handle/tests/')
    for (const secret of [
      handle,
      token,
      header,
      payload,
      signature,
      Buffer.from(signature, 'base64url').toString('hex'),
    ]) {
      expect(all).not.toContain(secret)
    }
  })

  it('is of no use with a ledger whose facts were exchanged, nor for a guard of another name', async () => {
    const ledger = memoryLedger()
    const facts: Parameters<typeof ledger.setFact>[0][] = []
    const spied = {
      ...ledger,
      setFact: (...args: Parameters<typeof ledger.setFact>) => {
        if (args[0].scope.startsWith('handle/')) facts.push(args[0])
        return ledger.setFact(...args)
      },
    }
    const { guard, service } = await tokenRig({ ledger: spied })
    const { handle: narrow = '' } = await guard.issueToken({ budget: { perDay: usd(0.001) } }, { handle: true })
    const { handle: wide = '' } = await guard.issueToken({}, { handle: true })
    // A process that may write to the ledger puts the wider token under the narrower handle.
    const [first, second] = facts
    if (first && second) ledger.setFact({ ...first, value: second.value }, Date.now())
    const other = await tokenRig({ ledger, service })
    expect(await errorOf(other.guard.verifyToken(narrow))).toMatchObject({ code: 'HANDLE_UNKNOWN' })
    await other.guard.verifyToken(wide)
    const named = await tokenRig({
      ledger,
      service,
      guardOptions: { name: 'others', tokens: { keys: fixedSecret(KEY) } },
    })
    expect(await errorOf(named.guard.verifyToken(wide))).toMatchObject({ code: 'HANDLE_UNKNOWN' })
  })

  it('is not made for a token that the ledger cannot keep', async () => {
    const { guard } = await tokenRig()
    const origins = Array.from({ length: 60 }, (_, i) => `https://host-number-${i}.staging.example.com`)
    await guard.issueToken({ origins })
    expect(await errorOf(guard.issueToken({ origins }, { handle: true }))).toMatchObject({ code: 'CONFIG_INVALID' })
    const many = Array.from({ length: 200 }, (_, i) => `https://host-number-${i}.staging.example.com`)
    expect(await errorOf(guard.issueToken({ origins: many }))).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
