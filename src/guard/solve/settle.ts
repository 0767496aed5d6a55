import { isPromise, type MaybePromise } from '../../base/async.js'
import { messageOf } from '../../base/errors.js'
import type { Money } from '../../policy/money.js'
import type { Recorder } from '../observability/recorder.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { WaitQueue } from '../spending/wait-queue.js'
import type { Job } from './job.js'

/** What settling needs from the guard. */
export interface SettleDeps extends Pick<GuardContext, 'clock' | 'ledger'>, Pick<Notifier, 'alert'> {
  readonly recorder: Pick<Recorder, 'head'>
  readonly waitQueue: Pick<WaitQueue, 'wakeHeads'>
}

/**
 * Settles a job's reservation at the cost of the solve, and wakes the solves that wait for capacity. If the ledger
 * fails, the reservation expires by itself and counts as spent. Never throws.
 * @param unsure whether the service may have charged less, or nothing
 */
export function settle(deps: SettleDeps, job: Job, cost: Money, unsure = false): MaybePromise<void> {
  const { ledger, clock, recorder, waitQueue } = deps
  if (cost > 0) job.spent = true
  const failed = (error: unknown): void => {
    job.spent = true
    deps.alert('LEDGER_UNAVAILABLE', `A solve could not be settled and will count as spent: ${messageOf(error)}`)
  }
  try {
    const settled = ledger.settle({ reservationId: job.reservationId, cost, unsure, head: recorder.head }, clock.now())
    if (isPromise(settled)) return settled.then(() => waitQueue.wakeHeads(), failed)
    waitQueue.wakeHeads()
  } catch (error) {
    failed(error)
  }
}
