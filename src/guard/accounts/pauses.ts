import type { Code } from '../../base/errors.js'
import type { PauseReason, Usage } from '../../ledger/ledger.js'
import { withLedgerTimeout } from '../ledger-timeout.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { Account } from './account.js'

/** What it takes of the guard. */
export interface PausesDeps extends Pick<GuardContext, 'name' | 'clock' | 'ledger'>, Pick<Notifier, 'emit'> {
  readonly accounts: readonly Account[]
  /** Every pause was lifted by another process. */
  onResumedElsewhere(): void
}

/** Pauses an account in every process; everything under the guard's budget where there is no other account. */
export interface AccountPauser {
  /** @param isAlerted whether an alert has already said why */
  pause(account: Account, code: Code, message: string, isAlerted?: boolean): void
}

/**
 * Which budgets are paused, as far as this process knows. A pause takes effect in every process with its next reserve; what is done here has
 * each of them hear of it: at a denial that it brings, and else within a beat.
 */
export class Pauses {
  readonly #deps: PausesDeps
  readonly #known = new Map<string, PauseReason>()
  /** So that what was asked for before a change is not taken for news after it. */
  #changes = 0

  constructor(deps: PausesDeps) {
    this.#deps = deps
  }

  /** Looks how the root budget and those of the accounts stand. To be called at every beat. */
  async refresh(): Promise<ReadonlyMap<string, Usage>> {
    const { ledger, name, accounts, clock } = this.#deps
    const ids = [...new Set([name, ...accounts.map((account) => pausedBudgetOf(account, name))])]
    const usages = new Map<string, Usage>()
    for (const id of ids) {
      const changes = this.#changes
      const usage = await withLedgerTimeout(clock, Promise.resolve(ledger.usage(id, clock.now())))
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
      const account = this.#deps.accounts.find((one) => pausedBudgetOf(one, this.#deps.name) === budgetId)
      const solver = account?.name ?? ''
      this.#deps.emit('paused', { reason, solver, at: new Date(reason.at) }, reason.message)
      return
    }
    this.#known.delete(budgetId)
    if (this.#known.size === 0) this.#deps.onResumedElsewhere()
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
