import { z } from 'zod'
import { VARIANTS } from '../../base/challenge.js'
import type { Account, PollKind } from '../accounts/account.js'
import type { LearnedTimes } from '../accounts/poll-schedule.js'
import type { GuardContext } from '../ports.js'

/** Learned times expire after a week. */
const TTL_MS = 7 * 86_400_000

/** A ledger is shared, so its values are checked. No value makes the guard poll faster than a service allows. */
const LEARNED_TIMES = z.object({
  mu: z.number().min(0).max(16),
  sigma: z.number().min(0.05).max(2),
  seen: z.number().min(1).max(1_000),
})

/** What the shared timings need from the guard. */
export interface SharedTimingsDeps extends Pick<GuardContext, 'name' | 'clock' | 'ledger'> {
  readonly accounts: readonly Account[]
}

/**
 * Shares how long tasks take, by account and kind of task, as facts of the ledger. A process that has not seen a task
 * begins with the times that other processes have learned.
 */
export class SharedTimings {
  readonly #deps: SharedTimingsDeps
  /** The values published last, by fact name. */
  readonly #published = new Map<string, string>()

  constructor(deps: SharedTimingsDeps) {
    this.#deps = deps
  }

  /** Loads the times of other processes, and publishes the new times of this one. */
  async sync(): Promise<void> {
    await this.load()
    await this.publish()
  }

  async load(): Promise<void> {
    const { accounts, clock, ledger } = this.#deps
    for (const { name, value } of await ledger.listFacts(this.#scope, clock.now())) {
      const [account = '', family = '', variant] = name.split('/')
      const learned = read(value)
      if (!learned || !Object.hasOwn(VARIANTS, family)) continue
      const kind = variant === undefined ? family : `${family}/${variant}`
      accounts.find((one) => one.name === account)?.seedPollSchedule(kind as PollKind, learned)
    }
  }

  async publish(): Promise<void> {
    const { accounts, clock, ledger } = this.#deps
    for (const { name: account, pollSchedules } of accounts) {
      for (const [kind, { learned }] of pollSchedules) {
        const name = `${account}/${kind}`
        const value = JSON.stringify(learned)
        if (!learned || value === this.#published.get(name)) continue
        this.#published.set(name, value)
        await ledger.setFact({ scope: this.#scope, name, value, ttlMs: TTL_MS }, clock.now())
      }
    }
  }

  get #scope(): string {
    return `solve-times:${this.#deps.name}`
  }
}

function read(value: string): LearnedTimes | undefined {
  try {
    return LEARNED_TIMES.parse(JSON.parse(value))
  } catch {
    return undefined
  }
}
