import type { TakenAlert } from './account.js'
import { JournalError } from './journal.js'
import type { AttachedTask, Owner, PauseReason } from './ledger.js'
import type { LedgerState } from './state.js'

/**
 * What stands in a journal: one entry for each thing that was decided, with the moment at which it was. Entries are
 * written as JSON arrays, so that a journal can be read with any SQLite shell. What an entry means may never change:
 * processes of different versions may share a file. A change of meaning is another kind of entry, and another schema.
 */
export type Entry =
  | readonly [
      kind: 'take',
      at: number,
      id: string,
      ownerId: string,
      amount: number,
      deadline: number,
      path: readonly string[],
      alerts: readonly TakenAlert[],
    ]
  | readonly [kind: 'note', id: string, task: AttachedTask]
  | readonly [kind: 'settle', at: number, id: string, cost: number, unsure?: boolean]
  | readonly [kind: 'claim', at: number, ownerId: string, ids: readonly string[]]
  | readonly [kind: 'join', at: number, owner: Owner]
  | readonly [kind: 'beat', at: number, ownerId: string]
  | readonly [kind: 'leave', ownerId: string]
  | readonly [kind: 'pause', budgetId: string, reason: PauseReason]
  | readonly [kind: 'resume', budgetId: string]
  | readonly [kind: 'fact', at: number, scope: string, name: string, value: string, until: number]
  | readonly [kind: 'head', file: string, seq: number, hash: string]

/** Books one entry. */
export function book(books: LedgerState, entry: Entry): void {
  // Nobody's clock is behind what was already written.
  if (typeof entry[1] === 'number') books.advance(entry[1])
  switch (entry[0]) {
    case 'take': {
      const [, at, id, ownerId, amount, deadline, path, alerts] = entry
      books.take(id, ownerId, amount, deadline, path, alerts, at)
      break
    }
    case 'note':
      books.note(entry[1], entry[2])
      break
    case 'settle':
      books.settle(entry[2], entry[3], entry[1], entry[4])
      break
    case 'claim':
      books.claim(entry[2], entry[3], entry[1])
      break
    case 'join':
      books.join(entry[2], entry[1])
      break
    case 'beat':
      books.beat(entry[2], entry[1])
      break
    case 'leave':
      books.leave(entry[1])
      break
    case 'pause':
      books.pause(entry[1], entry[2])
      break
    case 'resume':
      books.resume(entry[1])
      break
    case 'fact':
      books.facts.book(entry[2], entry[3], entry[4], entry[5], entry[1])
      break
    case 'head':
      books.saveHead({ file: entry[1], seq: entry[2], hash: entry[3] })
      break
    default:
      // Whoever wrote this knows more than we do: what it spent would be missing from our sums.
      throw new JournalError('NEWER', 'The journal has an entry of a kind that this version does not know.')
  }
}
