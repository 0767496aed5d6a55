import type { ChainHead } from '../base/chain.js'
import type { BookedAlert } from './budget-state.js'
import { JournalError } from './database-file.js'
import type { AttachedTask, Owner, PauseReason } from './ledger.js'
import type { LedgerState } from './state.js'
import type { Doubt } from './time.js'

/**
 * The entries of a journal: one for each thing that was decided, with the time at which it was. Entries are written as
 * JSON arrays, so that a journal can be read with any SQLite shell. The meaning of an entry may never change: processes
 * of different versions may share a file. A change of meaning is another kind of entry, and another schema.
 */
export type Entry =
  | readonly [
      kind: 'reserve',
      at: number,
      id: string,
      ownerId: string,
      amount: number,
      deadline: number,
      path: readonly string[],
      alerts: readonly BookedAlert[],
    ]
  | readonly [kind: 'task', id: string, task: AttachedTask]
  | readonly [kind: 'settle', at: number, id: string, cost: number, unsure?: boolean]
  | readonly [kind: 'claim', at: number, ownerId: string, ids: readonly string[]]
  | readonly [kind: 'register', at: number, owner: Owner]
  | readonly [kind: 'heartbeat', at: number, ownerId: string]
  | readonly [kind: 'unregister', ownerId: string]
  | readonly [kind: 'pause', budgetId: string, reason: PauseReason]
  | readonly [kind: 'resume', budgetId: string]
  | readonly [kind: 'fact', at: number, scope: string, name: string, value: string, until: number]
  | readonly [kind: 'head', file: string, seq: number, hash: string, end?: ChainHead['end']]
  | readonly [kind: 'time', at: number, ahead: number, doubt: Doubt | null]

/** Applies one entry to a state. */
export function applyEntry(state: LedgerState, entry: Entry): void {
  if (entry[0] === 'time') {
    const [, at, ahead, doubt] = entry
    state.correct({ at, ahead, doubt: doubt ?? undefined })
    return
  }
  // The state's time is never behind what was already written.
  if (typeof entry[1] === 'number') state.record(entry[1])
  switch (entry[0]) {
    case 'reserve': {
      const [, at, id, ownerId, amount, deadline, path, alerts] = entry
      state.addReservation(id, ownerId, amount, deadline, path, alerts, at)
      break
    }
    case 'task':
      state.attachTask(entry[1], entry[2])
      break
    case 'settle':
      state.settle(entry[2], entry[3], entry[1], entry[4])
      break
    case 'claim':
      state.claim(entry[2], entry[3], entry[1])
      break
    case 'register':
      state.register(entry[2], entry[1])
      break
    case 'heartbeat':
      state.heartbeat(entry[2], entry[1])
      break
    case 'unregister':
      state.unregister(entry[1])
      break
    case 'pause':
      state.pause(entry[1], entry[2])
      break
    case 'resume':
      state.resume(entry[1])
      break
    case 'fact':
      state.facts.set(entry[2], entry[3], entry[4], entry[5], entry[1])
      break
    case 'head':
      state.saveHead({ file: entry[1], seq: entry[2], hash: entry[3], end: entry[4] })
      break
    default:
      // A newer version wrote this: what it spent would be missing from our sums.
      throw new JournalError('NEWER', 'The journal has an entry of a kind that this version does not know.')
  }
}
