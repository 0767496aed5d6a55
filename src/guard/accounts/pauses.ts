import type { Code } from '../../base/errors.js'
import { frozenCopy } from '../../base/frozen.js'
import type { PauseReason, Usage } from '../../ledger/ledger.js'
import { withLedgerTimeout } from '../ledger-timeout.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { Account } from './account.js'

/** What `Pauses` needs from the guard. */
export interface PausesDeps extends Pick<GuardContext, 'name' | 'clock' | 'ledger'>, Pick<Notifier, 'emit'> {
  readonly accounts: readonly Account[]
  /** Called when another process has lifted every pause. */
  onResumedElsewhere(): void
}

/** Pauses an account in every process. Where the guard has one account only, this pauses the guard's whole budget. */
export interface AccountPauser {
  /**
   * @param isAlerted whether an alert with the reason has already been raised
   * @returns a promise that settles when the ledger has answered; undefined where it has already
   */
  pause(account: Account, code: Code, message: string, isAlerted?: boolean): Promise<unknown> | undefined
}

/**
 * Which budgets are paused, as far as this process knows. A pause takes effect in every process with its next reserve.
 * Each process emits `paused` for it: when a reserve is denied because of the pause, otherwise at the next heartbeat.
 */
export class Pauses {
  readonly #deps: PausesDeps
  readonly #known = new Map<string, PauseReason>()
  /** Counts changes: a ledger reply that was requested before a change is then known to be outdated. */
  #changes = 0

  constructor(deps: PausesDeps) {
    this.#deps = deps
  }

  /** Reads the usage of the root budget and of the accounts' budgets. Called at every heartbeat. */
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

  /** Takes note of whether a budget is paused. Emits an event for each change, whichever process made it. */
  observe(budgetId: string, reason: PauseReason | undefined): void {
    const known = this.#known.get(budgetId)
    if (known?.at === reason?.at && known?.code === reason?.code) return
    this.#changes++
    if (reason) {
      this.#known.set(budgetId, reason)
      const account = this.#deps.accounts.find((one) => pausedBudgetOf(one, this.#deps.name) === budgetId)
      const solver = account?.name ?? ''
      this.#deps.emit('paused', { reason: frozenCopy(reason), solver, at: new Date(reason.at) }, reason.message)
      return
    }
    this.#known.delete(budgetId)
    if (this.#known.size === 0) this.#deps.onResumedElsewhere()
  }

  /** Called when this process lifts all pauses. */
  clear(): void {
    this.#changes++
    this.#known.clear()
  }
}

/** The id of the budget that is paused when an account has a problem. */
export function pausedBudgetOf({ claim }: Account, name: string): string {
  return claim?.id ?? name
}
