import { createHash } from 'node:crypto'
import type { BackgroundTasks, GuardContext } from '../ports.js'
import type { Refusal } from './wait-queue.js'

/** Whoever has waited longer by this much in another process goes first. Less is within the ledger's own order of asking. */
const MIN_LEAD_MS = 1_000
/** How often it is said that somebody waits, and asked who else does, while somebody does. */
const REFRESH_MS = 1_000
/** For how long it holds once it was said. */
const ANNOUNCEMENT_TTL_MS = 3_000

/** Who waits in another process, as far as it was last said. */
interface RemoteHead {
  readonly budgetId: string
  /** Since when, and until when that is believed, by our wall clock. */
  readonly since: number
  readonly until: number
  readonly reason: 'perMinute' | 'concurrent'
  readonly limit: number
}

/** What it takes of the guard. */
export interface RemoteQueuesDeps extends GuardContext, BackgroundTasks {}

/**
 * The lines of a guard's other processes. The first of a line that has waited for a while says so, as a fact of the ledger; the
 * others read that with each sign of life, and from then on every second for as long as somebody waits. Whoever came later then holds
 * back in each of them. A process in which nobody waits, and that knows of nobody who does, asks nothing.
 */
export class RemoteQueues {
  readonly #deps: RemoteQueuesDeps
  readonly #scope: string
  #heads: readonly RemoteHead[] = []
  #readAt = Number.NEGATIVE_INFINITY
  #cancelRead: (() => void) | undefined
  /** When it was last said that somebody waits here, by budget. */
  readonly #announcedAt = new Map<string, number>()

  constructor(deps: RemoteQueuesDeps) {
    this.#deps = deps
    this.#scope = `wait-queues/${deps.name}`
  }

  /** Whether nobody is known to wait in another process. */
  get isEmpty(): boolean {
    return this.#heads.length === 0
  }

  /** Why somebody who has waited for so long must not ask now: others have waited longer, elsewhere. */
  blockedBy(path: readonly string[], waitedMs: number): Refusal | undefined {
    const now = this.#deps.clock.now()
    for (const { budgetId, since, until, reason, limit } of this.#heads) {
      if (until <= now || now - since <= waitedMs + MIN_LEAD_MS || !path.includes(budgetId)) continue
      return { ok: false, budgetId, reason, limit, used: limit, retryAt: now + REFRESH_MS }
    }
    return undefined
  }

  /** Has it read who waits elsewhere, unless that was just done. Nothing waits for that: the order in which solves ask is to be theirs. */
  refresh(): void {
    const { clock } = this.#deps
    if (clock.monotonic() - this.#readAt < REFRESH_MS) return
    this.#deps.background(() => this.read(), 'LEDGER_UNAVAILABLE')
  }

  /** Reads who waits elsewhere; again in a while, if somebody does. */
  async read(): Promise<void> {
    const { clock, ledger, ownerId } = this.#deps
    this.#readAt = clock.monotonic()
    const facts = await ledger.listFacts(this.#scope, clock.now())
    this.#heads = facts.flatMap(({ name, value, at }) => (name.endsWith(` ${ownerId}`) ? [] : parse(value, at)))
    this.#cancelRead?.()
    this.#cancelRead = undefined
    if (this.#heads.length === 0 || this.#deps.closed) return
    this.#cancelRead = clock.after(
      REFRESH_MS,
      () => this.#deps.background(() => this.read(), 'LEDGER_UNAVAILABLE'),
      false,
    )
  }

  /** Says that somebody has waited here for so long, now and then. */
  announce({ budgetId, reason, limit = 0 }: Refusal, waitedMs: number): void {
    const { clock } = this.#deps
    const last = this.#announcedAt.get(budgetId)
    if (last !== undefined && clock.monotonic() - last < REFRESH_MS) return
    this.#announcedAt.set(budgetId, clock.monotonic())
    this.#setFact(budgetId, JSON.stringify([budgetId, waitedMs, reason, limit]), ANNOUNCEMENT_TTL_MS)
  }

  /** Says that nobody waits here any more. */
  withdraw(budgetId: string): void {
    if (this.#announcedAt.delete(budgetId)) this.#setFact(budgetId, '', 0)
  }

  close(): void {
    this.#cancelRead?.()
  }

  #setFact(budgetId: string, value: string, ttlMs: number): void {
    const { clock, ledger, ownerId } = this.#deps
    // Budgets' names may be longer than a fact's.
    const name = `${createHash('sha256').update(budgetId).digest('hex').slice(0, 32)} ${ownerId}`
    if (value.length > 2_000) return
    this.#deps.background(
      () => ledger.setFact({ scope: this.#scope, name, value, ttlMs: ttlMs }, clock.now()),
      'LEDGER_UNAVAILABLE',
    )
  }
}

/** What another process said, at a moment of ours. */
function parse(value: string, at: number): RemoteHead[] {
  try {
    const [budgetId, waitedMs, reason, limit] = JSON.parse(value) as unknown[]
    if (typeof budgetId !== 'string' || typeof waitedMs !== 'number' || typeof limit !== 'number') return []
    if (reason !== 'perMinute' && reason !== 'concurrent') return []
    return [{ budgetId, since: at - waitedMs, until: at + ANNOUNCEMENT_TTL_MS, reason, limit }]
  } catch {
    return []
  }
}
