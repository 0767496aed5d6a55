import type { Clock } from '../base/clock.js'
import { denied as denial } from './admission/gate.js'
import type { GuardRuntime } from './runtime.js'
import type { SolvePipeline } from './solve/pipeline.js'
import type { Status } from './types.js'

/** What this process has in hand, and how its records fare: the part of a status that no ledger is asked for. */
export function processStatus(
  { waitQueue, denialCounts: denied, denials, recorder, sink, wireLog }: GuardRuntime,
  { underWay, recovery }: SolvePipeline,
): Pick<Status, 'process' | 'audit' | 'trace'> {
  const { head, lastError } = recorder
  return {
    process: {
      solving: underWay,
      waiting: waitQueue.waiting,
      recovering: recovery.following,
      denied: Object.fromEntries(denied),
    },
    audit: {
      kind: sink.kind,
      place: sink.place,
      head: head && { file: head.file, seq: head.seq },
      pending: recorder.pending + denials.pending,
      lastError: lastError && { message: lastError.message, since: new Date(lastError.since) },
    },
    trace: wireLog?.place,
  }
}

/** How long a ledger may take to say how things stand. */
const LEDGER_TIMEOUT_MS = 5_000

/** Settles as `work` does, or is denied once the ledger has had its time. */
export function withTimeout<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(LEDGER_TIMEOUT_MS, () =>
      reject(denial('LEDGER_UNAVAILABLE', `The ledger has not answered within ${LEDGER_TIMEOUT_MS / 1000} s.`)),
    )
    work.finally(cancel).then(resolve, reject)
  })
}
