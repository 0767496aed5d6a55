import { takenAlerts } from './account.js'
import { checkSettlement, deadlineOf } from './checks.js'
import type { Ledger } from './ledger.js'
import { LedgerState } from './state.js'

/** A ledger in this process's memory. Answers at once, never with a promise, but for what its interface allows. */
export type MemoryLedger = {
  [K in keyof Ledger]: Ledger[K] extends (...args: infer A) => infer R ? (...args: A) => Awaited<R> : Ledger[K]
}

/**
 * A ledger in this process's memory: for tests, and for one process whose spending may be forgotten when it ends. Guards
 * that are to share budgets must be given the same one.
 *
 * @example
 * const guard = await createGuard({ ledger: memoryLedger(), … })
 */
export function memoryLedger(): MemoryLedger {
  const books = new LedgerState()
  return {
    kind: 'memory',
    open() {},
    register(owner, now) {
      const at = books.advance(now)
      books.join(owner, at)
      return books.differing(owner, at)
    },
    heartbeat(ownerId, now) {
      books.beat(ownerId, books.advance(now))
    },
    unregister(ownerId, now) {
      books.advance(now)
      books.leave(ownerId)
    },
    reserve(request, now) {
      const at = books.advance(now)
      const result = books.reserve(request, at)
      if (result.ok) {
        const path = request.path.map(({ id }) => id)
        const { id, ownerId, amount } = request
        books.take(id, ownerId, amount, deadlineOf(request, now, at), path, takenAlerts(result.alerts), at)
      }
      return result
    },
    attachTask(reservationId, task) {
      books.note(reservationId, task)
    },
    settle(settlement, now) {
      checkSettlement(settlement)
      const at = books.advance(now)
      const result = books.settleable(settlement.reservationId, at)
      books.settle(settlement.reservationId, settlement.cost, at, settlement.unsure)
      if (result.settled && settlement.head !== undefined) books.saveHead(settlement.head)
      return result
    },
    claim(request, now) {
      const at = books.advance(now)
      const tasks = books.claimable(request, at)
      books.claim(
        request.ownerId,
        tasks.map(({ reservationId }) => reservationId),
        at,
      )
      return tasks
    },
    pause(budgetId, reason) {
      const first = !books.isPaused(budgetId)
      books.pause(budgetId, reason)
      return first
    },
    resume(budgetId) {
      books.resume(budgetId)
    },
    usage(budgetId, now, days) {
      return books.usage(budgetId, books.advance(now), days)
    },
    setFact(fact, now) {
      const { scope, name } = fact
      const { value, until, at } = books.facts.decide(fact, books.advance(now))
      books.facts.book(scope, name, value, until, at)
      return value
    },
    listFacts(scope, now) {
      return books.facts.recall(scope, books.advance(now))
    },
    saveHead(head) {
      books.saveHead(head)
    },
    heads() {
      return books.heads()
    },
    close() {},
  }
}
