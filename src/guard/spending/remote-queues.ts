import { createHash } from 'node:crypto'
import type { BackgroundTasks, GuardContext } from '../ports.js'
import type { Refusal } from './wait-queue.js'

/**
 * A solve of another process goes first if it has waited longer by this much. Smaller differences do not count: the
 * ledger's order of calls decides.
 */
const MIN_LEAD_MS = 1_000
/** How often a waiting head is announced, and the heads of other processes are read while there are any. */
const REFRESH_MS = 1_000
/** How long an announcement is valid. */
const ANNOUNCEMENT_TTL_MS = 3_000

/** The head of a queue of another process, as announced last. */
interface RemoteHead {
  readonly budgetId: string
  /** When it began to wait; wall-clock ms of this process. */
  readonly since: number
  /** When the announcement expires; wall-clock ms of this process. */
  readonly until: number
  readonly reason: 'perMinute' | 'concurrent'
  readonly limit: number
}

/** What the remote queues need from the guard. */
export interface RemoteQueuesDeps extends GuardContext, BackgroundTasks {}

/**
 * The wait queues of the guard's other processes. The head of each queue announces how long it has waited, as a fact of
 * the ledger (TTL 3 s). Other processes read these facts at every heartbeat, and every second while any head is known;
 * a solve that arrived later does not reserve before that head. A process without waiting solves that knows of no
 * remote head makes no further ledger call.
 */
export class RemoteQueues {
  readonly #deps: RemoteQueuesDeps
  readonly #scope: string
  #heads: readonly RemoteHead[] = []
  #readAt = Number.NEGATIVE_INFINITY
  #cancelRead: (() => void) | undefined
  /** When the head of a local queue was last announced, in monotonic ms, by budget. */
  readonly #announcedAt = new Map<string, number>()

  constructor(deps: RemoteQueuesDeps) {
    this.#deps = deps
    this.#scope = `wait-queues/${deps.name}`
  }

  /** Whether no waiting solve of another process is known. */
  get isEmpty(): boolean {
    return this.#heads.length === 0
  }

  /** The refusal for a solve that must not reserve now, because a solve of another process has waited longer. */
  blockedBy(path: readonly string[], waitedMs: number): Refusal | undefined {
    const now = this.#deps.clock.now()
    for (const { budgetId, since, until, reason, limit } of this.#heads) {
      if (until <= now || now - since <= waitedMs + MIN_LEAD_MS || !path.includes(budgetId)) continue
      return { ok: false, budgetId, reason, limit, used: limit, retryAt: now + REFRESH_MS }
    }
    return undefined
  }

  /**
   * Reads the remote heads in the background, at most once a second. Not awaited: that would change the order of
   * solves.
   */
  refresh(): void {
    const { clock } = this.#deps
    if (clock.monotonic() - this.#readAt < REFRESH_MS) return
    this.#deps.background(() => this.read(), 'LEDGER_UNAVAILABLE')
  }

  /** Reads the remote heads, and schedules the next read if there are any. */
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

  /** Announces how long the head of a local queue has waited; at most once a second for each budget. */
  announce({ budgetId, reason, limit = 0 }: Refusal, waitedMs: number): void {
    const { clock } = this.#deps
    const last = this.#announcedAt.get(budgetId)
    if (last !== undefined && clock.monotonic() - last < REFRESH_MS) return
    this.#announcedAt.set(budgetId, clock.monotonic())
    this.#setFact(budgetId, JSON.stringify([budgetId, waitedMs, reason, limit]), ANNOUNCEMENT_TTL_MS)
  }

  /** Withdraws the announcement for a budget: its local queue is empty. */
  withdraw(budgetId: string): void {
    if (this.#announcedAt.delete(budgetId)) this.#setFact(budgetId, '', 0)
  }

  close(): void {
    this.#cancelRead?.()
  }

  #setFact(budgetId: string, value: string, ttlMs: number): void {
    const { clock, ledger, ownerId } = this.#deps
    // Hashed, because a budget's id may be longer than the name of a fact.
    const name = `${createHash('sha256').update(budgetId).digest('hex').slice(0, 32)} ${ownerId}`
    if (value.length > 2_000) return
    this.#deps.background(
      () => ledger.setFact({ scope: this.#scope, name, value, ttlMs }, clock.now()),
      'LEDGER_UNAVAILABLE',
    )
  }
}

/** The announcement of another process. @param at when it was written; wall-clock ms */
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
