import { bookedAlerts } from './budget-state.js'
import { checkSettlement, deadlineOf } from './checks.js'
import type { Ledger } from './ledger.js'
import { LedgerState } from './state.js'
import { LedgerTime } from './time.js'

/** A ledger in this process's memory. Its methods return results, never promises. */
export type MemoryLedger = {
  [K in keyof Ledger]: Ledger[K] extends (...args: infer A) => infer R ? (...args: A) => Awaited<R> : Ledger[K]
}

/**
 * A ledger in this process's memory: for tests, and for a process whose spending may be forgotten when it ends. Guards
 * share budgets only if they are given the same ledger.
 *
 * @example
 * const guard = await createGuard({ ledger: memoryLedger(), policy: { origins: ['https://staging.example.com'] } })
 */
export function memoryLedger(): MemoryLedger {
  return createMemoryLedger(new LedgerTime())
}

/** `memoryLedger`, in tests also with a second clock. */
export function createMemoryLedger(time: LedgerTime): MemoryLedger {
  const state = new LedgerState()
  /** The time that counts when the caller's clock shows `now`. */
  const advance = (now: number): number => {
    const at = time.at(now, state)
    if (time.correction !== undefined) state.correct(time.correction)
    return state.record(at)
  }
  return {
    kind: 'memory',
    open() {},
    register(owner, now) {
      const at = advance(now)
      state.register(owner, at)
      return { ...state.differing(owner, at), clocks: time.clocks }
    },
    heartbeat(ownerId, now, head) {
      state.heartbeat(ownerId, advance(now))
      if (head !== undefined) state.saveHead(head)
    },
    unregister(ownerId, now) {
      advance(now)
      state.unregister(ownerId)
    },
    reserve(request, now) {
      const at = advance(now)
      const result = state.reserve(request, at)
      if (result.ok) {
        if (time.doubt !== undefined) state.correct(time.doubt)
        const path = request.path.map(({ id }) => id)
        const { id, ownerId, amount, head } = request
        state.addReservation(id, ownerId, amount, deadlineOf(request, now, at), path, bookedAlerts(result.alerts), at)
        if (head !== undefined) state.saveHead(head)
      }
      return result
    },
    preview(request, now) {
      return state.preview(request, advance(now))
    },
    attachTask(reservationId, task) {
      return state.attachTask(reservationId, task)
    },
    settle(settlement, now) {
      checkSettlement(settlement)
      const at = advance(now)
      const result = state.settleable(settlement.reservationId, at)
      if (result.settled && time.doubt !== undefined) state.correct(time.doubt)
      state.settle(settlement.reservationId, settlement.cost, at, settlement.unsure)
      if (result.settled && settlement.head !== undefined) state.saveHead(settlement.head)
      return result
    },
    claim(request, now) {
      const at = advance(now)
      const tasks = state.claimable(request, at)
      state.claim(
        request.ownerId,
        tasks.map(({ reservationId }) => reservationId),
        at,
      )
      return tasks
    },
    pause(budgetId, reason) {
      const first = !state.isPaused(budgetId)
      state.pause(budgetId, reason)
      return first
    },
    resume(budgetId) {
      state.resume(budgetId)
    },
    usage(budgetId, now, days) {
      return { ...state.usage(budgetId, advance(now), days), clocks: time.clocks }
    },
    setFact(fact, now) {
      const { scope, name } = fact
      const { value, until, at } = state.facts.decide(fact, advance(now))
      state.facts.set(scope, name, value, until, at)
      return value
    },
    listFacts(scope, now) {
      return state.listFacts(scope, advance(now))
    },
    saveHead(head) {
      state.saveHead(head)
    },
    heads() {
      return state.heads()
    },
    close() {},
  }
}
