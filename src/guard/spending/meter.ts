import { randomUUID } from 'node:crypto'
import type { Clock } from '../../base/clock.js'
import type { Ledger } from '../../ledger/ledger.js'
import { type Money, micros } from '../../policy/money.js'
import { withLedgerTimeout } from '../ledger-timeout.js'
import { Budget } from './budgets.js'

/**
 * Counts what the solves of one guard object spend, whichever grant or token they run under. The ledger counts: each
 * solve draws on one budget more, which has no limits and which no other process uses.
 */
export class SpendingMeter {
  #name = ''
  #source: { readonly ledger: Pick<Ledger, 'usage'>; readonly clock: Clock } | undefined
  #budget: Budget | undefined

  /** Called once, when the guard has opened its ledger. */
  open(name: string, ledger: Pick<Ledger, 'usage'>, clock: Clock): void {
    this.#name = name
    this.#source = { ledger, clock }
  }

  /** What the next reservation draws on. */
  get budget(): Budget {
    this.#budget ??= new Budget(`${this.#name}/process-${process.pid}.${randomUUID().slice(0, 8)}`, {})
    return this.#budget
  }

  /**
   * Ends the count, and begins a new one. A solve that is under way stays in the count that it began in.
   *
   * @returns what was spent, or is reserved still, in micro-dollars; undefined if the ledger does not answer
   */
  async next(): Promise<Money | undefined> {
    const budget = this.#budget
    this.#budget = undefined
    if (!budget || !this.#source) return micros(0)
    const { ledger, clock } = this.#source
    try {
      const usage = Promise.resolve(ledger.usage(budget.id, clock.now()))
      const { spent, reserved } = await withLedgerTimeout(clock, usage)
      return micros(spent + reserved)
    } catch {
      return undefined
    }
  }
}
