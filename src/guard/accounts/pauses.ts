import type { PauseReason, Usage } from '../../ledger/ledger.js'
import type { GuardRuntime } from '../runtime.js'
import { withTimeout } from '../status.js'
import type { Account } from './account.js'

/**
 * Which budgets are paused, as far as this process knows. A pause takes effect in every process with its next reserve; what is done here has
 * each of them hear of it: at a denial that it brings, and else within a beat.
 */
export class Pauses {
  readonly #core: GuardRuntime
  readonly #known = new Map<string, PauseReason>()
  /** So that what was asked for before a change is not taken for news after it. */
  #changes = 0

  constructor(core: GuardRuntime) {
    this.#core = core
  }

  /** Looks how the root budget and those of the accounts stand. To be called at every beat. */
  async refresh(): Promise<ReadonlyMap<string, Usage>> {
    const { ledger, name, accounts, clock } = this.#core
    const ids = [...new Set([name, ...accounts.map((account) => pausedBudgetOf(account, name))])]
    const usages = new Map<string, Usage>()
    for (const id of ids) {
      const changes = this.#changes
      const usage = await withTimeout(clock, Promise.resolve(ledger.usage(id, clock.now())))
      usages.set(id, usage)
      if (changes === this.#changes) this.observe(id, usage.paused)
    }
    return usages
  }

  /** A budget was seen to be paused, or not to be. Tells of what is new, whoever has done it. */
  observe(budgetId: string, reason: PauseReason | undefined): void {
    const before = this.#known.get(budgetId)
    if (before?.at === reason?.at && before?.code === reason?.code) return
    this.#changes++
    if (reason) {
      this.#known.set(budgetId, reason)
      const account = this.#core.accounts.find((one) => pausedBudgetOf(one, this.#core.name) === budgetId)
      const solver = account?.name ?? ''
      this.#core.emit('paused', { reason, solver, at: new Date(reason.at) }, reason.message)
      return
    }
    this.#known.delete(budgetId)
    if (this.#known.size === 0) this.#core.onResumedElsewhere()
  }

  /** This process lifts all of them. */
  clear(): void {
    this.#changes++
    this.#known.clear()
  }
}

/** The budget that is paused when something is wrong with an account. */
export function pausedBudgetOf({ claim }: Account, name: string): string {
  return claim?.id ?? name
}
