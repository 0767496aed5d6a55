import type { Clock } from '../base/clock.js'
import { denied as denial } from './admission/gate.js'
import type { GuardRuntime } from './runtime.js'
import type { Solving } from './solve/pipeline.js'
import type { Status } from './types.js'

/** What this process has in hand, and how its records fare: the part of a status that no ledger is asked for. */
export function inHand(
  { turnstile, denied, denials, recorder, sink, wireLog }: GuardRuntime,
  { underWay, recovery }: Solving,
): Pick<Status, 'process' | 'audit' | 'trace'> {
  const { head, trouble } = recorder
  return {
    process: {
      solving: underWay,
      waiting: turnstile.waiting,
      recovering: recovery.following,
      denied: Object.fromEntries(denied),
    },
    audit: {
      kind: sink.kind,
      place: sink.place,
      head: head && { file: head.file, seq: head.seq },
      pending: recorder.pending + denials.pending,
      lastError: trouble && { message: trouble.message, since: new Date(trouble.since) },
    },
    trace: wireLog?.place,
  }
}

/** How long a ledger may take to say how things stand. */
const PATIENCE_MS = 5_000

/** Settles as `work` does, or is denied once the ledger has had its time. */
export function inTime<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(PATIENCE_MS, () =>
      reject(denial('LEDGER_UNAVAILABLE', `The ledger has not answered within ${PATIENCE_MS / 1000} s.`)),
    )
    work.finally(cancel).then(resolve, reject)
  })
}
