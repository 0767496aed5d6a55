import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGuard } from '../../src/guard/create.js'
import type { Guard } from '../../src/guard/types.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import type { NarrowingInput, PolicyInput } from '../../src/policy/schema.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { type SolverService, startSolverService } from '../../src/testing/service/index.js'
import { challenge, fixedSecret, settleWith } from './support.js'

const NOON = Date.UTC(2026, 10, 25, 12)
const NAMED = 'https://staging.example.com'
const OTHER = 'https://other.example'

/** Objects of the language itself, which all code of a process shares. */
const builtIns = new Set<unknown>(
  [Object, Function, Array, Date, Promise, Map, Set, Symbol, Error, RegExp, String, Number, Boolean, async () => {}]
    .flatMap((one) => [one, (one as { prototype?: unknown }).prototype, Object.getPrototypeOf(one)])
    .flatMap((one) => [one, ...(one ? methodsOf(one) : [])]),
)

function methodsOf(one: object): unknown[] {
  return Object.values(Object.getOwnPropertyDescriptors(one)).flatMap(({ value, get, set }) => [value, get, set])
}

/** Every object that is reachable from some objects: own properties, getters' values, prototypes and methods. */
function reachable(roots: readonly unknown[]): Map<object, string> {
  const found = new Map<object, string>()
  const visit = (value: unknown, path: string): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return
    if (builtIns.has(value) || found.has(value)) return
    found.set(value, path)
    for (const key of Reflect.ownKeys(value)) {
      const { value: own, get, set } = Object.getOwnPropertyDescriptor(value, key) ?? {}
      const name = `${path}.${String(key)}`
      for (const part of [own, get, set]) visit(part, name)
      if (!get) continue
      try {
        visit(Reflect.get(value, key), name)
      } catch {
        // A getter of a prototype, without an instance.
      }
    }
    visit(Object.getPrototypeOf(value), `${path}.__proto__`)
  }
  for (const [index, root] of roots.entries()) visit(root, `root${index}`)
  return found
}

/** A value that would allow more. */
function wider(value: unknown): unknown {
  if (typeof value === 'number') return 1e12
  if (typeof value === 'string') return value.startsWith('http') ? OTHER : `${value}x`
  if (typeof value === 'boolean') return !value
  if (typeof value === 'function') return () => ({ open: true, origin: OTHER, page: OTHER })
  return undefined
}

/** Tries every operation of the language that changes an object, and returns those that did. */
function attack(target: object, path: string): string[] {
  const done: string[] = []
  const attempt = (what: string, change: () => unknown): void => {
    try {
      if (change() !== false) done.push(`${what} ${path}`)
    } catch {
      // A TypeError: frozen.
    }
  }
  if (Array.isArray(target)) {
    for (const change of ['push', 'unshift', 'splice', 'fill', 'sort', 'reverse', 'pop'] as const) {
      // The others change nothing in a list that has no two values.
      if (target.length < 2 && change !== 'push' && change !== 'unshift') continue
      attempt(change, () => (target[change] as (...values: unknown[]) => unknown)(OTHER))
    }
  }
  // All names that code may look up on the object, those of its prototypes included.
  const names = new Set<PropertyKey>(['added'])
  for (let one: object | null = target; one && !builtIns.has(one); one = Object.getPrototypeOf(one)) {
    for (const key of Reflect.ownKeys(one)) names.add(key)
  }
  for (const key of names) {
    const what = `of ${String(key)} of`
    const value = wider(Object.getOwnPropertyDescriptor(target, key)?.value)
    attempt(`define ${what}`, () => Reflect.defineProperty(target, key, { value, configurable: true, writable: true }))
    attempt(`write ${what}`, () => Reflect.set(target, key, value))
    if (Object.hasOwn(target, key)) attempt(`delete ${what}`, () => Reflect.deleteProperty(target, key))
  }
  attempt('set the prototype of', () => Reflect.setPrototypeOf(target, { admit: wider(() => {}) }))
  return done
}

/** The public surface of a guard and a grant, and what a grant's methods return without a call to the ledger. */
function surfaceOf(guard: Guard, narrowed: ReturnType<Guard['narrow']>): unknown[] {
  const inner = (grant: unknown) => {
    const { gate, claims, egressRoute, pageProxy, pathFor } = grant as Record<string, never> & {
      gate: { schedule(now: number): unknown }
      claims(origin: string, now: number): unknown
      egressRoute(): unknown
      pageProxy(): unknown
      pathFor(origin: string): unknown
    }
    return [
      gate.schedule(NOON),
      claims.call(grant, NAMED, NOON),
      egressRoute.call(grant),
      pageProxy.call(grant),
      pathFor.call(grant, NAMED),
    ]
  }
  return [narrowed, ...inner(narrowed), guard, ...inner(guard)]
}

const POLICIES: readonly (readonly [name: string, policy: Partial<PolicyInput>, denied: readonly string[]])[] = [
  ['origins', {}, ['solved', 'solved', 'solved']],
  ['a daily amount', { budget: { perDay: usd(0.002) } }, ['solved', 'solved', 'BUDGET_EXHAUSTED']],
  [
    'an amount of a calendar day',
    { budget: { perDay: { amount: usd(0.001), resets: 'calendar', timeZone: 'Asia/Tokyo' } } },
    ['solved', 'BUDGET_EXHAUSTED', 'BUDGET_EXHAUSTED'],
  ],
  ['an amount of an origin', { budget: { perOrigin: usd(0.001) } }, ['solved', 'BUDGET_EXHAUSTED', 'BUDGET_EXHAUSTED']],
  ['a rate', { budget: { perMinute: 1 } }, ['solved', 'RATE_EXCEEDED', 'RATE_EXCEEDED']],
  ['a price', { budget: { perSolve: usd(0.0009) } }, ['PRICE_TOO_HIGH', 'PRICE_TOO_HIGH', 'PRICE_TOO_HIGH']],
  [
    'working hours',
    { schedule: { timeZone: 'UTC', windows: [{ days: 'Mon-Sun', from: '13:00', to: '14:00' }] } },
    ['OUTSIDE_SCHEDULE', 'OUTSIDE_SCHEDULE', 'OUTSIDE_SCHEDULE'],
  ],
  ['the age of the key', { key: { expireAfter: '30d' } }, ['KEY_TOO_OLD', 'KEY_TOO_OLD', 'KEY_TOO_OLD']],
]

describe('who holds a narrowed grant', () => {
  let service: SolverService
  beforeAll(async () => {
    service = await startSolverService()
  })
  afterAll(() => service.close())

  const guardOf = (policy: PolicyInput, clock = manualClock(NOON)) =>
    createGuard({
      name: 'tests',
      solver: captchaAI({
        baseUrl: service.url,
        polling: { firstPollMs: 0, everyMs: 5 },
        pricing: { per: 'solve', usd: 0.001 },
      }),
      secret: fixedSecret(service.key, { createdAt: NOON - 40 * 86_400_000 }),
      policy,
      ledger: memoryLedger(),
      audit: memoryAudit(),
      clock,
    })

  /** What a guard decides about a page that is not named, and then about three solves on a page that is. */
  async function decisionsOf(guard: Guard, clock: ManualClock): Promise<string[]> {
    const decisions: string[] = []
    for (const pageUrl of [`${OTHER}/`, `${NAMED}/`, `${NAMED}/`, `${NAMED}/`]) {
      const solved = guard.solve({ ...challenge, pageUrl }).then(
        () => 'solved',
        (error: { code: string }) => error.code,
      )
      decisions.push(await settleWith(clock, solved, 5))
    }
    return decisions
  }

  it.each(POLICIES)('cannot change what a guard with %s allows', async (_, policy, expected) => {
    const clock = manualClock(NOON)
    const guard = await guardOf({ origins: [NAMED], ...policy }, clock)
    const narrowed = guard.narrow({ origins: [NAMED], pageProxy: 'http://user:word@203.0.113.9:3128' })
    const changes = [...reachable(surfaceOf(guard, narrowed))].flatMap(([target, path]) => attack(target, path))
    expect(changes).toEqual([])
    for (const status of [await guard.status(), await narrowed.status(), await guard.recommendConcurrency()]) {
      // Made for the caller: it may be changed, without an effect.
      for (const [target, path] of reachable([status])) attack(target, path)
    }
    expect(await decisionsOf(guard, clock)).toEqual(['ORIGIN_NOT_NAMED', ...expected])
    await guard.close()
  })

  it('cannot change the reason of a pause through a status', async () => {
    const ledger = memoryLedger()
    await ledger.open()
    await ledger.pause('tests', { code: 'BALANCE_EMPTY', message: 'no money', at: NOON })
    const guard = await createGuard({ name: 'tests', policy: { origins: [NAMED] }, ledger, audit: memoryAudit() })
    const { paused } = await guard.status()
    for (const [target, path] of reachable([paused])) attack(target, path)
    expect((await guard.status()).paused).toEqual({ code: 'BALANCE_EMPTY', message: 'no money', at: NOON })
    await guard.close()
  })

  it('changes nothing through the objects that it passed to createGuard and to narrow', async () => {
    const change = (input: PolicyInput | NarrowingInput): void => {
      input.origins?.push(OTHER)
      Object.assign(input.budget ?? {}, { perDay: usd(900), perSolve: usd(9) })
      input.schedule?.windows.push({ days: 'Mon-Sun', from: '00:00', to: '24:00' })
    }
    const input = () => ({
      origins: [NAMED],
      budget: { perDay: usd(0.5), perSolve: usd(0.1) },
      schedule: { timeZone: 'UTC', windows: [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }] },
    })
    const own = input()
    const created = guardOf(own)
    // While createGuard is still at work.
    change(own)
    const guard = await created
    change(own)
    const narrowing = input()
    const grant = guard.narrow(narrowing)
    change(narrowing)
    for (const { policy } of [guard, grant]) {
      expect(policy).toMatchObject({ origins: [NAMED], budget: { perDay: usd(0.5), perSolve: usd(0.1) } })
      expect(policy.schedules.map(({ windows }) => windows.length)).toEqual([1])
    }
    await guard.close()
  })
})
