import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AlertChannel } from '../../src/alerts/channel.js'
import { SolveguardError } from '../../src/base/errors.js'
import { createGuard } from '../../src/guard/create.js'
import type { GuardOptions } from '../../src/guard/options.js'
import type { Guard, GuardEvents, Solution } from '../../src/guard/types.js'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import type { Solver } from '../../src/solvers/solver.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { type SolverService, startSolverService } from '../../src/testing/service/index.js'
import { after, challenge, fixedSecret, rig, settleWith } from './support.js'

/** What code of a user may do in place of what its interface states. */
const BEHAVIORS: Readonly<Record<string, () => unknown>> = {
  'throws an error': () => {
    throw new Error('boom')
  },
  'throws what cannot be printed': () => {
    throw Object.create(null)
  },
  rejects: () => Promise.reject(new Error('boom')),
  'rejects without a reason': () => Promise.reject(),
  'rejects with a promise of another realm': runInNewContext('() => Promise.reject(new Error("boom"))'),
  'returns nothing': () => undefined,
  'returns a text': () => 'text',
  'returns an empty object': () => ({}),
  'returns a list of nothing': () => [null],
  'never answers': () => new Promise(() => {}),
  'returns a thenable that never settles': () => thenable(() => {}),
  'returns a thenable that settles twice, later': () =>
    thenable((resolve, reject) => {
      setTimeout(() => {
        resolve(undefined)
        reject(new Error('second'))
      })
    }),
  'returns a thenable that rejects twice': () =>
    thenable((_, reject) => {
      reject(new Error('first'))
      reject(new Error('second'))
    }),
  'returns a thenable that throws': () =>
    thenable(() => {
      throw new Error('boom')
    }),
  'returns what throws when it is asked for then': () =>
    Object.defineProperty({}, 'then', {
      get() {
        throw new Error('boom')
      },
    }),
}

/** It has `then`, returns nothing from it, and has no `catch`. */
function thenable(settle: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void): object {
  const one = {}
  Reflect.set(one, 'then', (yes: (value: unknown) => void, no: (error: unknown) => void = () => {}) => settle(yes, no))
  return one
}

type Behavior = () => unknown

/** The parts that a user can hand in. */
interface Parts {
  readonly clock: ManualClock
  readonly ledger: Ledger
  readonly audit: ReturnType<typeof memoryAudit>
  readonly secret: ReturnType<typeof fixedSecret>
  readonly keys: ReturnType<typeof fixedSecret>
  solver: Solver
  channel: AlertChannel | undefined
  logger: Record<'debug' | 'info' | 'warn', (fields: object, message: string) => void> | undefined
  listener: (() => void) | undefined
  batchKey: (() => string) | undefined
}

/** Replaces a function of a part, from the time on at which the parts are hostile. */
function replaced<T extends object>(part: T, name: string, behavior: Behavior, isHostile: () => boolean): void {
  const original: (...given: unknown[]) => unknown = Object(part)[name]
  const call = (...given: unknown[]): unknown => (isHostile() ? behavior() : Reflect.apply(original, part, given))
  Reflect.set(part, name, call)
}

type Target = (parts: Parts, behavior: Behavior, isHostile: () => boolean) => void

const of =
  (part: 'ledger' | 'audit' | 'secret' | 'keys', name: string): Target =>
  (parts, behavior, isHostile) =>
    replaced(parts[part], name, behavior, isHostile)

const LEDGER = [
  'open register heartbeat unregister reserve preview attachTask settle claim pause resume usage setFact listFacts',
  'saveHead heads close',
].flatMap((names) => names.split(' '))
const SOLVER = ['submit', 'readSubmit', 'poll', 'readPoll', 'price', 'polling', 'unsupported', 'report', 'readBalance']

const TARGETS: Readonly<Record<string, Target>> = {
  ...Object.fromEntries(LEDGER.map((name) => [`ledger.${name}`, of('ledger', name)])),
  ...Object.fromEntries(['open', 'write', 'close'].map((name) => [`audit.${name}`, of('audit', name)])),
  'audit.onError': ({ audit }, behavior) => void Reflect.set(audit, 'onError', behavior),
  'audit.head': ({ audit }, behavior, isHostile) =>
    void Object.defineProperty(audit, 'head', { get: () => (isHostile() ? behavior() : undefined) }),
  'secret.fetch': of('secret', 'fetch'),
  'secret.start': ({ secret }, behavior) => void Reflect.set(secret, 'start', behavior),
  'what secret.start returned': ({ secret }, behavior) => void Reflect.set(secret, 'start', () => behavior),
  'tokens.keys.fetch': of('keys', 'fetch'),
  'a channel': (parts, behavior) => {
    parts.channel = { kind: 'test', place: 'the test', id: 'test', deliver: async () => {} }
    Reflect.set(parts.channel, 'deliver', behavior)
  },
  'a logger': (parts, behavior) => {
    parts.logger = { debug: behavior, info: behavior, warn: behavior }
  },
  'a listener': (parts, behavior) => {
    parts.listener = behavior
  },
  'batch.key': (parts, behavior) => {
    parts.batchKey = () => behavior() as string
  },
  ...Object.fromEntries(
    SOLVER.map((name): [string, Target] => [
      `solver.${name}`,
      (parts, behavior, isHostile) => {
        parts.solver = { ...parts.solver }
        replaced(parts.solver, name, behavior, isHostile)
      },
    ]),
  ),
}

const EVENTS = 'authorized submitted retrying solved failed denied fallback abandoned accepted rejected item paused'

let service: SolverService
beforeAll(async () => {
  service = await startSolverService()
})
afterAll(() => service?.close())

const pages = Array.from({ length: 2 }, (_, n) => ({ ...challenge, pageUrl: `https://staging.example.com/${n}` }))

/** A third of the combinations: each part does a third of the behaviors. `HOSTILE_PARTS=all` makes a full run of it. */
const behaviorsOf = (target: string): string[] => {
  const first = Object.keys(TARGETS).indexOf(target)
  return Object.keys(BEHAVIORS).filter((_, n) => process.env.HOSTILE_PARTS === 'all' || (first + n) % 3 === 0)
}

describe.each(Object.keys(TARGETS))('where %s', (target) => {
  it.each(behaviorsOf(target))(
    '%s, every public call ends, with a code, and no rejection is unhandled',
    async (how) => {
      const unhandled: unknown[] = []
      const onUnhandled = (error: unknown): void => void unhandled.push(error)
      process.on('unhandledRejection', onUnhandled).on('uncaughtException', onUnhandled)
      after(async () => {
        process.off('unhandledRejection', onUnhandled).off('uncaughtException', onUnhandled)
      })
      // From the beginning, and once the guard has solved.
      for (const early of [true, false]) await callAll(target, BEHAVIORS[how] as Behavior, early)
      await new Promise((resolve) => setTimeout(resolve, 2))
      expect(unhandled).toEqual([])
    },
  )
})

async function callAll(target: string, behavior: Behavior, early: boolean): Promise<void> {
  let isHostile = early
  const clock = manualClock()
  const parts: Parts = {
    clock,
    ledger: memoryLedger(),
    audit: memoryAudit(),
    secret: fixedSecret(service.key),
    keys: fixedSecret('0123456789abcdef'.repeat(4)),
    solver: captchaAI({
      baseUrl: service.url,
      polling: { firstPollMs: 0, everyMs: 5 },
      pricing: { per: 'solve', usd: 0.001 },
    }),
    channel: undefined,
    logger: undefined,
    listener: undefined,
    batchKey: undefined,
  }
  TARGETS[target]?.(parts, behavior, () => isHostile)
  /** The result; undefined where the call failed, with a code. */
  const ended = async <T>(call: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await settleWith(clock, call(), 30_000)
    } catch (error) {
      expect(error).toBeInstanceOf(SolveguardError)
      return undefined
    }
  }
  const guard = await ended(() => createGuard(optionsOf(parts)))
  if (!guard) return
  const { listener = () => {} } = parts
  for (const name of EVENTS.split(' ')) guard.on(name as keyof GuardEvents, listener)
  if (!parts.channel) guard.on('alert', listener)
  const bought = await ended(() => guard.solve(challenge))
  isHostile = true
  for (const call of callsOf(guard, bought, parts)) await ended(call)
  await clock.advance(60_000)
  const pending = ended(() => guard.solve(challenge))
  await ended(() => guard.close())
  await ended(() => guard.close())
  await pending
}

function optionsOf({ clock, ledger, audit, secret, keys, solver, channel, logger }: Parts): GuardOptions {
  return {
    name: 'tests',
    clock,
    ledger,
    audit,
    secret,
    solver,
    tokens: { keys },
    policy: {
      origins: ['https://staging.example.com'],
      budget: { perDay: usd(1), alertsAt: [0.0001] },
      deadline: '2m',
    },
    ...(logger && { logger }),
    ...(channel && { alerts: [channel] }),
  }
}

function callsOf(guard: Guard, bought: Solution | undefined, { batchKey }: Parts): (() => Promise<unknown>)[] {
  const batch = { name: 'b', ...(batchKey && { key: batchKey }) }
  return [
    async () => bought?.reportGood(),
    () => guard.solve(challenge),
    () => guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }),
    () => guard.explain(challenge),
    () => guard.status(),
    () => guard.stream(pages).forEach(() => {}),
    () => guard.stream(pages, { batch }).forEach(() => {}),
    () => guard.batch('b'),
    () => guard.narrow({}, { name: 'narrower' }).status(),
    async () => {
      const { token, id } = await guard.issueToken({}, { ttl: '15m' })
      const grant = await guard.verifyToken(token)
      await grant.solve(challenge)
      await guard.revokeToken(id)
    },
    () => guard.pause('a test'),
    () => guard.resume(),
    () => guard.recommendConcurrency(),
  ]
}

it('a channel of the user that returns no promise has delivered', async () => {
  const delivered: string[] = []
  const channel: AlertChannel = { kind: 'test', place: 'the test', id: 'test', deliver: async () => {} }
  Reflect.set(channel, 'deliver', ({ code }: { code: string }) => void delivered.push(code))
  const clock = manualClock()
  const { guard } = await rig({
    clock,
    policy: { budget: { perDay: usd(1), alertsAt: [0.0001] } },
    guardOptions: { alerts: [channel] },
  })
  await settleWith(clock, guard.solve(challenge))
  await clock.advance(60_000)
  expect(delivered).toEqual(['BUDGET_THRESHOLD'])
})
