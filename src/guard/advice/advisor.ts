import { z } from 'zod'
import { type Family, VARIANTS } from '../../base/challenge.js'
import { SolveguardError } from '../../base/errors.js'
import { type Money, micros } from '../../policy/money.js'
import { check } from '../../policy/schema.js'
import type { Account } from '../accounts/account.js'
import type { GrantContext } from '../admission/grant-context.js'
import { balanceTransport, queryBalance } from '../balance/query.js'
import { asLedgerError, closed } from '../errors.js'
import type { KeyRegistry } from '../keys/registry.js'
import type { GuardContext, KeyClock } from '../ports.js'
import type { SharedTimings } from '../service/shared-timings.js'
import type { WaitQueue } from '../spending/wait-queue.js'
import type { Advice, AdviceOptions, SolverStatus, Status } from '../types.js'
import { type AdvisedAccount, advise, type Situation } from './advise.js'

const queued = 'expected a whole number, 0 or more'
const shape = z.strictObject({
  queued: z.number({ error: queued }).int(queued).min(0, queued).optional(),
  family: z.enum(Object.keys(VARIANTS) as [Family, ...Family[]]).optional(),
})

/** How long a balance that was read counts as current. Services ask for at least 30 s between two balance queries. */
const BALANCE_FRESH_MS = 60_000
const BALANCE_TIMEOUT_MS = 10_000
/** The TTL of a process's queue length: a little longer than the interval between two publications. */
const QUEUE_TTL_MS = 25_000

/** What the advisor needs from the guard. */
export interface AdvisorDeps extends GuardContext, KeyClock {
  readonly accounts: readonly Account[]
  readonly keyRegistry: Pick<KeyRegistry, 'admit' | 'markUsed'>
  readonly waitQueue: Pick<WaitQueue, 'waiting'>
  /** Items that streams have not started yet. */
  readonly pendingItems: ReadonlySet<{ readonly left: number }>
}

/** The grant that the advice is for. */
export type AdvisedGrant = GrantContext & { status(): Promise<Status> }

/** Collects the input of `advise`, and publishes this process's queue length for the advice of other processes. */
export class Advisor {
  readonly #deps: AdvisorDeps
  readonly #timings: Pick<SharedTimings, 'load'>
  readonly #balances = new Map<Account, { readonly amount: Money | undefined; readonly at: number }>()
  #publishedWaiting = 0

  constructor(deps: AdvisorDeps, timings: Pick<SharedTimings, 'load'>) {
    this.#deps = deps
    this.#timings = timings
  }

  /** Called at every heartbeat. Publishes this process's queue length while the queue is not empty. */
  async heartbeat(): Promise<void> {
    const { clock, ledger, ownerId, name } = this.#deps
    const waiting = this.#waiting()
    if (waiting > 0 || this.#publishedWaiting > 0) {
      this.#publishedWaiting = waiting
      const ttlMs = waiting > 0 ? QUEUE_TTL_MS : 0
      await ledger.setFact({ scope: `queue:${name}`, name: ownerId, value: String(waiting), ttlMs }, clock.now())
    }
  }

  /** @throws SolveguardError `CONFIG_INVALID`, `GUARD_CLOSED`; DeniedError `LEDGER_UNAVAILABLE` */
  async recommend(grant: AdvisedGrant, options: AdviceOptions = {}): Promise<Advice> {
    const { queued = 0, family = this.#usualFamily() } = check(shape, options, 'advice')
    if (this.#deps.closed) throw closed()
    const status = await grant.status()
    try {
      await this.#timings.load()
      return advise(await this.#situation(grant, status, queued, family))
    } catch (error) {
      throw asLedgerError(error)
    }
  }

  async #situation(grant: AdvisedGrant, status: Status, queued: number, family: Family): Promise<Situation> {
    const { accounts } = this.#deps
    const able = accounts.flatMap((account, index) => {
      const price = priceOf(account, family)
      return price === undefined ? [] : [{ account, price, of: status.solvers[index] as SolverStatus }]
    })
    if (able.length === 0) {
      throw new SolveguardError('FAMILY_UNSUPPORTED', `None of the guard's solvers has a price for ${family}.`)
    }
    const usable = able.filter(({ of }) => !of.paused)
    const [first] = (usable.length > 0 ? usable : able) as [(typeof able)[number]]
    const stopped = stoppedBy(status, usable.length === 0 ? first.of : undefined)
    const advised = stopped
      ? able.map(({ account, price }) => ({ name: account.name, price }))
      : await this.#accounts(grant, usable)
    const { day, minute, slots, schedule } = status
    const closesAt = schedule.open ? schedule.changesAt : undefined
    const dearest = Math.max(...advised.map(({ price }) => price))
    return {
      queued: queued + this.#waiting() + (await this.#waitingElsewhere()),
      underWay: slots.used,
      solveMs: first.account.pollSchedule(family).meanMs,
      stopped,
      closesAt,
      closesInMs: closesAt && closesAt.getTime() - this.#deps.clock.now(),
      left: day.left,
      refilledAt:
        day.left < dearest ? (day.resetsAt ?? (await this.#fundsAvailableAt(grant, micros(dearest)))) : undefined,
      concurrent: slots.cap,
      perMinute: minute.cap,
      accounts: advised,
    }
  }

  async #accounts(
    grant: AdvisedGrant,
    able: readonly { account: Account; price: Money; of: SolverStatus }[],
  ): Promise<AdvisedAccount[]> {
    return Promise.all(
      able.map(async ({ account, price, of }) => ({
        name: account.name,
        price,
        concurrent: of.slots?.cap,
        perMinute: of.minute?.cap,
        left: of.day?.cap === undefined ? undefined : micros(Math.max(0, of.day.cap - of.day.spent - of.day.reserved)),
        threads: account.solver.threads,
        // With paid threads an account can solve whatever its balance is.
        balance: account.solver.threads === undefined ? await this.#balance(grant, account, of.balance) : undefined,
      })),
    )
  }

  /** The service's balance in micro-dollars, at most one minute old; undefined if the service does not report one. */
  async #balance(grant: AdvisedGrant, account: Account, seen: SolverStatus['balance']): Promise<Money | undefined> {
    // The balance monitor read it lately.
    if (seen && this.#deps.clock.now() - seen.at.getTime() < BALANCE_FRESH_MS) return seen.amount
    const now = this.#deps.clock.monotonic()
    const known = this.#balances.get(account)
    if (known && now - known.at < BALANCE_FRESH_MS) return known.amount
    const amount = await this.#queryBalance(grant, account).catch(() => undefined)
    this.#balances.set(account, { amount, at: now })
    return amount
  }

  async #queryBalance(grant: AdvisedGrant, account: Account): Promise<Money | undefined> {
    const { clock, keyRegistry } = this.#deps
    const key = account.keys.choose(await account.secrets.get(), clock.monotonic())
    const transport = await balanceTransport(this.#deps, account, key, grant.gate, grant.egressRoute())
    keyRegistry.markUsed(account, key)
    return queryBalance(account, key, transport, BALANCE_TIMEOUT_MS)
  }

  #waiting(): number {
    let waiting = this.#deps.waitQueue.waiting
    for (const { left } of this.#deps.pendingItems) waiting += left
    return waiting
  }

  async #waitingElsewhere(): Promise<number> {
    const { clock, ledger, ownerId, name } = this.#deps
    const facts = await ledger.listFacts(`queue:${name}`, clock.now())
    return facts.reduce(
      (sum, fact) => sum + (fact.name === ownerId ? 0 : Math.max(0, Math.floor(Number(fact.value)) || 0)),
      0,
    )
  }

  /** When the budget has money again: a trial reservation is denied, and the denial carries the time. */
  async #fundsAvailableAt(grant: AdvisedGrant, amount: Money): Promise<Date | undefined> {
    const { clock, ledger, ownerId } = this.#deps
    const now = clock.now()
    const id = `advice-${ownerId}-${now}`
    // Without thresholds: if the trial reservation succeeds, it must raise no alert.
    const path = grant.claims('', now).map((claim) => ({ ...claim, alertsAt: undefined }))
    const answer = await ledger.reserve({ id, ownerId, path, amount, deadline: now + 1_000 }, now)
    if (!answer.ok) return answer.retryAt === undefined ? undefined : new Date(answer.retryAt)
    // Money was released in the meantime: give the trial reservation back.
    await ledger.settle({ reservationId: id, cost: micros(0) }, now)
    return undefined
  }

  #usualFamily(): Family {
    let usual: Family = 'recaptcha'
    let maxCount = 0
    for (const { pollSchedules } of this.#deps.accounts) {
      for (const [kind, { count }] of pollSchedules) {
        if (count <= maxCount) continue
        maxCount = count
        usual = kind.replace(/\/.*/, '') as Family
      }
    }
    return usual
  }
}

/** The account's price for a solve of the family, in micro-dollars; undefined if it has none. */
function priceOf({ solver }: Account, family: Family): Money | undefined {
  try {
    return solver.price({ family, variant: VARIANTS[family][0] }).amount
  } catch {
    return undefined
  }
}

function stoppedBy({ paused, schedule }: Status, pausedSolver: SolverStatus | undefined): Situation['stopped'] {
  const reason = paused ?? pausedSolver?.paused
  if (reason) {
    return { code: 'paused', message: `Paused since ${new Date(reason.at).toISOString()}: ${reason.message}` }
  }
  if (schedule.open) return undefined
  const retryAt = schedule.changesAt
  const when = retryAt ? `; they start at ${retryAt.toISOString()}` : ''
  return { code: 'schedule', message: `It is outside the working hours${when}.`, retryAt }
}
