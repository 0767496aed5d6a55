import { onTestFinished } from 'vitest'
import { createGuard } from '../../src/guard/create.js'
import type { GuardOptions } from '../../src/guard/options.js'
import type { Guard } from '../../src/guard/types.js'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import type { PolicyInput } from '../../src/policy/schema.js'
import type { SecretProvider, SecretVersions } from '../../src/secrets/provider.js'
import { Secret } from '../../src/secrets/secret.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { type MemoryAudit, memoryAudit } from '../../src/testing/audit.js'
import type { ManualClock } from '../../src/testing/clock.js'
import { type ServiceOptions, type SolverService, startSolverService } from '../../src/testing/service/index.js'

export { challenge } from './challenge.js'

/** Polls at once and often: the stand-in sets no limit. */
const FAST_POLLING = { firstPollMs: 0, everyMs: 5 }

export interface Rig {
  readonly service: SolverService
  readonly guard: Guard
  readonly audit: MemoryAudit
  readonly ledger: Ledger
  /** The names of the recorded actions, in order. */
  actions(): string[]
}

export interface RigOptions {
  readonly serviceOptions?: ServiceOptions
  readonly policy?: Partial<PolicyInput>
  readonly clock?: ManualClock
  readonly ledger?: Ledger
  readonly secret?: SecretProvider
  readonly polling?: { firstPollMs: number; everyMs: number }
  readonly guardOptions?: Partial<GuardOptions>
  /** A service that is running already; the test that started it closes it. */
  readonly service?: SolverService
}

/** Runs a clean-up after the test, in reverse order of registration. */
export function after(cleanUp: () => Promise<unknown>): void {
  onTestFinished(async () => {
    await cleanUp()
  })
}

/** A guard over the stand-in service, a ledger and an audit log in memory. $0.001 a solve. */
export async function rig(options: RigOptions = {}): Promise<Rig> {
  const service = options.service ?? (await startSolverService(options.serviceOptions))
  if (!options.service) after(() => service.close())
  const audit = memoryAudit()
  const ledger = options.ledger ?? memoryLedger()
  const guard = await createGuard({
    name: 'tests',
    solver: captchaAI({
      baseUrl: service.url,
      polling: options.polling ?? FAST_POLLING,
      pricing: { per: 'solve', usd: 0.001 },
    }),
    secret: options.secret ?? fixedSecret(service.key),
    policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(1) }, ...options.policy },
    ledger,
    audit,
    // Its own would be a file in the state folder.
    tokens: { keys: fixedSecret('0123456789abcdef'.repeat(4)) },
    ...(options.clock && { clock: options.clock }),
    ...options.guardOptions,
  })
  after(() => guard.close())
  return { service, guard, audit, ledger, actions: () => audit.events.map(({ action }) => action) }
}

/** A secrets store whose content a test sets. */
export interface TestSecret extends SecretProvider {
  set(current: string, previous?: string): void
  fail(error: Error | undefined): void
  fetches: number
}

export function fixedSecret(key: string, more: { createdAt?: number } = {}): TestSecret {
  const version = (value: string) => {
    const secret = new Secret(value)
    return { value: secret, version: secret.fingerprint, ...more }
  }
  let versions: SecretVersions = { current: version(key) }
  let failure: Error | undefined
  return {
    kind: 'test',
    place: 'the test',
    fetches: 0,
    fetch() {
      this.fetches++
      if (failure) throw failure
      return versions
    },
    set(current, previous) {
      versions = { current: version(current), previous: previous === undefined ? undefined : version(previous) }
    },
    fail(error) {
      failure = error
    },
  }
}

/** Advances the clock until the promise has settled. Real connections get real time between the steps. */
export async function settleWith<T>(
  clock: ManualClock,
  promise: Promise<T>,
  stepMs = 1_000,
  steps = 2_000,
): Promise<T> {
  let settled = false
  promise.then(
    () => {
      settled = true
    },
    () => {
      settled = true
    },
  )
  for (let step = 0; step < steps && !settled; step++) {
    await new Promise((resolve) => setTimeout(resolve, 2))
    if (!settled) await clock.advance(stepMs)
  }
  if (!settled) throw new Error(`not settled after ${(stepMs * steps) / 1000} s on the clock`)
  return promise
}

/** The error that a promise rejects with. */
export async function errorOf(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; layer?: string; retryAt?: Date }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a rejection')
}
