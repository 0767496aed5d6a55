import { z } from 'zod'
import { type Family, VARIANTS, type Variant } from '../../base/challenge.js'
import { isTime } from '../../base/clock.js'
import type { Fact, Totals, Usage } from '../../ledger/ledger.js'
import { formatUsd, type Money, micros } from '../../policy/money.js'
import type { Policy } from '../../policy/schema.js'
import type { Account } from '../accounts/account.js'
import { type AccountPauser, pausedBudgetOf } from '../accounts/pauses.js'
import { Gate } from '../admission/gate.js'
import type { KeyRegistry } from '../keys/registry.js'
import { placesIn } from '../keys/report.js'
import type { GuardContext, KeyClock, Notifier } from '../ports.js'
import type { BalanceStatus } from '../types.js'
import { type BalanceReading, type BalanceState, compareBalance, type Finding, type Missing } from './compare.js'
import { balanceTransport, queryBalance } from './query.js'

interface ReadOptions {
  /** The highest price of a single solve that the account may do, in micro-dollars. */
  readonly dearest: number
  readonly policy: Policy
}

/** The facts are named by the key's fingerprint, because guards with different names may use the same key. */
const SCOPE = 'balances'
const INTERVAL_MS = 5 * 60_000
const INTERVAL_SOLVES = 50
/** Services ask for at least 30 s between two balance queries. */
const MIN_INTERVAL_MS = 30_000
/** How long a reading may take before another process may start one. */
const CLAIM_TTL_MS = 60_000
const TIMEOUT_MS = 15_000
const STATE_TTL_MS = 90 * 24 * 3_600_000

/** What the monitor needs from the guard. */
export interface BalanceMonitorDeps extends GuardContext, KeyClock, Pick<Notifier, 'alert'>, AccountPauser {
  readonly accounts: readonly Account[]
  readonly keyRegistry: Pick<KeyRegistry, 'admit' | 'listFacts'>
  /** What a suspected key leak causes besides the alert. */
  readonly onLeak: 'alert' | 'pause'
}

/**
 * Reads each account's balance every five minutes or fifty solves (sooner after a reported cost that is suspiciously
 * low), in one process for all that use its key. Raises an
 * alert when the balance dropped by more than the ledger knows of. A reading is one free call to the service, made at a
 * heartbeat, and delays no solve.
 */
export class BalanceMonitor {
  readonly #deps: BalanceMonitorDeps
  /** By fingerprint: the latest reading, and the number of solves when this process first saw it. */
  readonly #lastReading = new Map<string, { readonly at: number; readonly solves: number }>()
  readonly #reading = new Set<string>()
  /** The accounts whose next reading does not wait for the usual interval. */
  readonly #soon = new WeakSet<Account>()
  /** By account: the last fingerprint, for an account that is idle for longer than its key stays cached. */
  readonly #fingerprints = new Map<string, string>()

  constructor(deps: BalanceMonitorDeps) {
    this.#deps = deps
  }

  /**
   * Called at every heartbeat.
   * @param usages the usage of the accounts' budgets, by id
   */
  async heartbeat(policy: Policy, usages: ReadonlyMap<string, Usage>): Promise<void> {
    const watched = this.#deps.accounts.filter(
      (account) => !account.sharedKey && this.#fingerprintOf(account) !== undefined,
    )
    if (watched.length === 0) return
    const facts = await this.#listFacts()
    for (const account of watched) {
      const usage = usages.get(pausedBudgetOf(account, this.#deps.name))
      const dearest = dearestOf(account, policy)
      // While the budget is paused, a refused key is not sent again, and a known leak is not reported again.
      if (!usage || usage.paused || dearest === undefined) continue
      this.#pauseIfLeaked(account, this.#fingerprintOf(account) ?? '', stateIn(facts, this.#fingerprintOf(account)))
      await this.#readIfDue(account, { dearest, policy }, usage.totals, facts)
    }
  }

  /** What is known about an account's balance. */
  status(account: Account, facts: readonly Fact[]): BalanceStatus | undefined {
    const state = stateIn(facts, this.#fingerprintOf(account))
    if (!state || account.sharedKey) return undefined
    const { last, found } = state
    return { amount: micros(last.balance), at: new Date(last.at), missing: micros(found?.missing ?? 0) }
  }

  /** The next heartbeat that may read the account's balance does. Services ask for 30 s between two queries. */
  readSoon(account: Account): void {
    this.#soon.add(account)
  }

  /** The ledger's facts about balances, for `status`. */
  listFacts(): Promise<readonly Fact[]> {
    return this.#listFacts()
  }

  /** Called after a resume: later readings are compared with the balance of now. */
  async reset(account: Account): Promise<void> {
    const fingerprint = this.#fingerprintOf(account)
    if (fingerprint !== undefined && !account.sharedKey) await this.#setFact(`state/${fingerprint}`, '', 0)
  }

  async #readIfDue(account: Account, options: ReadOptions, { solves }: Totals, facts: readonly Fact[]): Promise<void> {
    const fingerprint = this.#fingerprintOf(account)
    const state = stateIn(facts, fingerprint)
    if (fingerprint === undefined || this.#reading.has(fingerprint)) return
    if (this.#lastReading.get(fingerprint)?.at !== (state?.last.at ?? 0))
      this.#lastReading.set(fingerprint, { at: state?.last.at ?? 0, solves })
    const solvesSince = solves - (this.#lastReading.get(fingerprint)?.solves ?? 0)
    const now = this.#deps.clock.now()
    const age = state ? now - state.last.at : Number.POSITIVE_INFINITY
    const isEarly = solvesSince >= INTERVAL_SOLVES || this.#soon.has(account)
    if (age >= 0 && age < (isEarly ? MIN_INTERVAL_MS : INTERVAL_MS)) return
    // Another process is reading the balance now, or a reading failed a short while ago.
    if (facts.some(({ name }) => name === `reading/${fingerprint}`)) return
    const { ownerId } = this.#deps
    if ((await this.#setFact(`reading/${fingerprint}`, ownerId, CLAIM_TTL_MS, true)) !== ownerId) return
    this.#reading.add(fingerprint)
    try {
      // Another process may have finished a reading between our look at the facts and our claim.
      const fresh = stateIn(await this.#listFacts(), fingerprint)
      if (fresh?.last.at !== state?.last.at) return
      const reading = await this.#read(account, options.policy, fingerprint)
      this.#soon.delete(account)
      if (!reading) return await this.#postpone(fingerprint)
      const finding = compareBalance(fresh, reading, options.dearest)
      this.#lastReading.set(fingerprint, { at: finding.state.last.at, solves })
      await this.#report(account, fingerprint, finding)
    } finally {
      this.#reading.delete(fingerprint)
    }
  }

  /** After a failed query, the next reading is due after the usual interval. */
  async #postpone(fingerprint: string): Promise<void> {
    await this.#setFact(`reading/${fingerprint}`, this.#deps.ownerId, INTERVAL_MS)
  }

  async #report(account: Account, fingerprint: string, { state, leak }: Finding): Promise<void> {
    // The alert comes first: if this process dies before the state is written, the leak is found again.
    if (leak) {
      const { dropped, ours, missing } = leak
      const from = new Date(leak.since).toISOString()
      const details = { solver: account.name, dropped, ours, missing, since: from, fingerprint }
      this.#deps.alert('KEY_LEAK_SUSPECTED', leakMessage(account, fingerprint, leak), details, { once: true })
    }
    await this.#setFact(`state/${fingerprint}`, JSON.stringify(state), STATE_TTL_MS)
    await this.#setFact(`reading/${fingerprint}`, '', 0)
    this.#pauseIfLeaked(account, fingerprint, state)
  }

  /** Applies this guard's `onLeak`, whichever process made the reading. The alert has been raised already. */
  #pauseIfLeaked(account: Account, fingerprint: string, state: BalanceState | undefined): void {
    if (this.#deps.onLeak !== 'pause' || !state?.found) return
    this.#deps.pause(account, 'KEY_LEAK_SUSPECTED', leakMessage(account, fingerprint, state.found), true)
  }

  /** Reads the ledger, the service, and the ledger again: spending during the query lies between the two totals. */
  async #read(account: Account, policy: Policy, fingerprint: string): Promise<BalanceReading | undefined> {
    const budgets = await this.#budgetsOf(account, fingerprint)
    const before = await this.#totals(budgets)
    const balance = await this.#query(account, policy, fingerprint)
    if (balance === undefined) return undefined
    const after = await this.#totals(budgets)
    return {
      at: this.#deps.clock.now(),
      balance,
      settledBefore: before.settled,
      settledAfter: after.settled,
      reserved: Math.max(before.reserved, after.reserved),
      unsure: after.unsure,
      solves: after.solves,
      budgets: budgets.join(' ').slice(0, 500),
    }
  }

  async #query(account: Account, policy: Policy, fingerprint: string): Promise<Money | undefined> {
    try {
      const { current: key } = await account.secrets.get()
      if (key.value.fingerprint !== fingerprint || this.#deps.closed) return undefined
      const transport = await balanceTransport(this.#deps, account, key, new Gate(policy), policy.egress)
      return await queryBalance(account, key, transport, TIMEOUT_MS)
    } catch {
      // The next solve reports the problem, and what to do.
      return undefined
    }
  }

  /** The budgets of all guards that use the account's key, or used it together with a key that is linked to it. */
  async #budgetsOf(account: Account, fingerprint: string): Promise<string[]> {
    const places = placesIn(await this.#deps.keyRegistry.listFacts())
    const budgets = new Set([pausedBudgetOf(account, this.#deps.name)])
    const known = new Set([fingerprint])
    for (let size = 0; size !== known.size; ) {
      size = known.size
      for (const { budget, fingerprints } of places) {
        if (!fingerprints.some((one) => known.has(one))) continue
        budgets.add(budget)
        for (const one of fingerprints) known.add(one)
      }
    }
    return [...budgets].sort()
  }

  async #totals(budgets: readonly string[]): Promise<Totals & { readonly reserved: number }> {
    const { ledger, clock } = this.#deps
    const all = await Promise.all(budgets.map(async (id) => ledger.usage(id, clock.now())))
    const sum = (of: (usage: Usage) => number) => all.reduce((total, usage) => total + of(usage), 0)
    return {
      settled: micros(sum(({ totals }) => totals.settled)),
      unsure: micros(sum(({ totals }) => totals.unsure)),
      solves: sum(({ totals }) => totals.solves),
      reserved: sum(({ reserved }) => reserved),
    }
  }

  /** The fingerprint of the key that an account uses, or used last. */
  #fingerprintOf({ name, secrets }: Account): string | undefined {
    const fingerprint = secrets.usable()?.current.value.fingerprint ?? this.#fingerprints.get(name)
    if (fingerprint !== undefined) this.#fingerprints.set(name, fingerprint)
    return fingerprint
  }

  async #listFacts(): Promise<readonly Fact[]> {
    return this.#deps.ledger.listFacts(SCOPE, this.#deps.clock.now())
  }

  async #setFact(name: string, value: string, ttlMs: number, ifAbsent = false): Promise<string> {
    return this.#deps.ledger.setFact({ scope: SCOPE, name, value, ttlMs, ifAbsent }, this.#deps.clock.now())
  }
}

function leakMessage(
  account: Account,
  fingerprint: string,
  leak: Pick<Missing, 'since' | 'dropped' | 'ours' | 'missing'>,
): string {
  const [dropped, ours, missing] = [leak.dropped, leak.ours, leak.missing].map((amount) => formatUsd(micros(amount)))
  return (
    `The balance at ${account.name} fell by ${dropped} since ${new Date(leak.since).toISOString()}, ` +
    `and at most ${ours} of that was spent by this ledger's guards: ${missing} is missing. ` +
    `Another client may be using the key (fingerprint ${fingerprint}), ` +
    'or the service charges more than `pricing` states.'
  )
}

/** The highest price of one solve of the account; undefined with paid threads, where the balance proves nothing. */
function dearestOf({ solver, perSolve }: Account, { budget }: Pick<Policy, 'budget'>): number | undefined {
  let dearest = 0
  for (const [family, variants] of Object.entries(VARIANTS) as [Family, readonly Variant[]][]) {
    for (const variant of variants) {
      try {
        const { amount, imputed } = solver.price({ family, variant })
        if (imputed) return undefined
        dearest = Math.max(dearest, amount)
      } catch {
        // The account has no price for the variant, so it never solves it.
      }
    }
  }
  return Math.min(dearest, perSolve ?? dearest, budget.perSolve ?? dearest)
}

const time = z.number().refine(isTime)
const baselineShape = {
  at: time,
  balance: z.number(),
  settled: z.number(),
  reserved: z.number(),
  unsure: z.number(),
}
const amount = z.int().nonnegative()
const stateShape: z.ZodType<BalanceState> = z.object({
  last: z.object({ ...baselineShape, balance: amount, unsureNow: z.number(), solves: z.number(), budgets: z.string() }),
  anchor: z.object(baselineShape),
  lag: z.object({ unsure: z.number(), next: z.number(), nextAt: z.number() }),
  found: z
    .object({
      since: time,
      dropped: amount,
      ours: amount,
      missing: amount,
      foundAt: time,
      reported: amount,
    })
    .optional(),
})

/** The state in a fact. Another version may have written it: a value that cannot be parsed is ignored. */
function stateIn(facts: readonly Fact[], fingerprint: string | undefined): BalanceState | undefined {
  const fact = facts.find(({ name }) => name === `state/${fingerprint}`)
  if (!fact) return undefined
  try {
    return stateShape.safeParse(JSON.parse(fact.value)).data
  } catch {
    return undefined
  }
}
