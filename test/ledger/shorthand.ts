import type { BudgetClaim, ClaimRequest, FactName, Ledger } from '../../src/ledger/ledger.js'
import { micros } from '../../src/policy/money.js'

/** Short forms, so that a test reads as what happens. */
export function shorthand(ledger: Ledger) {
  let made = 0
  return {
    reserve(
      path: readonly BudgetClaim[],
      amount: number,
      now: number,
      more: { id?: string; owner?: string; for?: number; unless?: readonly FactName[] } = {},
    ) {
      const id = more.id ?? `unnamed-${made++}-${Math.random()}`
      const deadline = now + (more.for ?? 120_000)
      const { owner: ownerId = 'me', unless } = more
      return ledger.reserve({ id, ownerId, path, amount: micros(amount), deadline, unless }, now)
    },
    settle: (id: string, cost: number, now: number) => ledger.settle({ reservationId: id, cost: micros(cost) }, now),
    claim: (ownerId: string, now: number, more: Partial<ClaimRequest> = {}) =>
      ledger.claim({ ownerId, solver: 'captchaai', budgetId: 'a', limit: 10, ...more }, now),
  }
}
