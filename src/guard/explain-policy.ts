import type { AnyChallenge } from '../base/challenge.js'
import type { Clock } from '../base/clock.js'
import type { Ledger } from '../ledger/ledger.js'
import { memoryLedger } from '../ledger/memory.js'
import type { Money } from '../policy/money.js'
import { type Policy, type PolicyInput, parsePolicy, zoneOf } from '../policy/schema.js'
import type { SecretProvider } from '../secrets/provider.js'
import type { Solver } from '../solvers/solver.js'
import { type AccountInput, accountsOf } from './accounts/options.js'
import { composeUnopened } from './compose.js'
import type { ExplainOptions, Verdict } from './types.js'

/** Options of `explainPolicy`. */
export interface ExplainPolicyOptions extends ExplainOptions {
  /**
   * The service, which decides what can be solved and at what price.
   *
   * @default captchaAI()
   */
  solver?: Solver | undefined
  /**
   * What was spent just before that moment, in micro-dollars.
   *
   * @default nothing
   */
  spent?: Money | undefined
}

const NAME = 'explained'

/**
 * What each layer of a policy would say to a solve: `guard.explain` without a guard, for unit tests of a policy. There
 * is no key and no egress, so those layers have `checked: false` or allow it.
 *
 * @param policy a policy as an option of `createGuard`, or a whole one of `parsePolicy` and `narrow`
 * @param challengeOrUrl a challenge; or the URL of a page, which stands for a reCAPTCHA v2 checkbox there
 * @throws SolveguardError `CONFIG_INVALID`, `CHALLENGE_INVALID`
 * @example
 * const christmas = { at: new Date('2026-12-24T10:00Z') }
 * expect(await explainPolicy(policy, 'https://staging.example.com/login', christmas)).toMatchObject({
 *   allowed: false,
 *   code: 'OUTSIDE_SCHEDULE',
 * })
 */
export async function explainPolicy(
  policy: PolicyInput | Policy,
  challengeOrUrl: AnyChallenge | string,
  { at = new Date(), solver, spent }: ExplainPolicyOptions = {},
): Promise<Verdict> {
  const parsed = isParsed(policy) ? policy : parsePolicy(policy)
  const now = at instanceof Date ? at.getTime() : Number.NaN
  const ledger = memoryLedger()
  if (spent !== undefined) {
    const path = [{ id: NAME, limits: {} }]
    ledger.reserve({ id: 'spent', ownerId: NAME, path, amount: spent, deadline: now + 1 }, now)
    ledger.settle({ reservationId: 'spent', cost: spent }, now)
  }
  const parts = { name: NAME, clock: stoppedAt(now), ledger, solver, secret: NO_SECRET }
  return explainOver(parsed, parts, challengeOrUrl, { at })
}

/** What an explanation takes of a guard: none of it is opened, called or written to. */
export interface ExplainParts extends AccountInput {
  readonly name: string
  readonly clock: Clock
  /** Only `preview` is called. */
  readonly ledger: Ledger
}

/**
 * What each layer of a guard with these parts would say, without the guard: no key, no egress, no record, no lease.
 * @throws SolveguardError `CONFIG_INVALID`, `CHALLENGE_INVALID`
 */
export async function explainOver(
  policy: Policy,
  { name, clock, ledger, ...input }: ExplainParts,
  challengeOrUrl: AnyChallenge | string,
  options: ExplainOptions,
): Promise<Verdict> {
  const accounts = accountsOf(input, {
    guard: name,
    timeZone: zoneOf(policy),
    secretCache: {},
    transport: (_, { expected }) => ({
      route: '',
      verify() {},
      known: () => (expected.length === 0 ? true : undefined),
      send: notHere,
      close: async () => {},
    }),
  })
  const sink = { kind: 'none', open() {}, write: () => undefined, close() {} }
  const parts = { name, clock, accounts, ledger, sink, tokenKeys: NO_SECRET }
  return composeUnopened(policy, parts).explain(challengeOrUrl, options)
}

function isParsed(policy: PolicyInput | Policy): policy is Policy {
  return 'schedules' in policy && 'pageProxies' in policy
}

const NO_SECRET: SecretProvider = { kind: 'none', place: 'the secrets store', fetch: notHere }

async function notHere(): Promise<never> {
  throw new Error('An explanation makes no call.')
}

function stoppedAt(now: number): Clock {
  return { now: () => now, monotonic: () => 0, after: () => () => {} }
}
