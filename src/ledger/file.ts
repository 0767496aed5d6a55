import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MaybePromise } from '../base/async.js'
import type { ChainHead } from '../base/chain.js'
import { DeniedError, messageOf, SolveguardError } from '../base/errors.js'
import { takenAlerts } from './account.js'
import { checkSettlement, deadlineOf } from './checks.js'
import { book, type Entry } from './entries.js'
import { type Connect, type Durability, Journal, JournalError } from './journal.js'
import type {
  AttachedTask,
  CalendarCap,
  ClaimedTask,
  ClaimRequest,
  Fact,
  Ledger,
  NewFact,
  Owner,
  PauseReason,
  RegisterResult,
  ReserveRequest,
  ReserveResult,
  Settlement,
  SettleResult,
  Usage,
} from './ledger.js'
import { type BooksState, LedgerState } from './state.js'

/** Where a `fileLedger` lies, and what it survives. */
export interface FileLedgerOptions {
  /** The database file. Default: `ledger.db` in `dir`. */
  readonly file?: string | undefined
  /** The folder, made with mode 0700 if it is not there. Default: `.solveguard`. */
  readonly dir?: string | undefined
  /**
   * `process` (default): what was answered survives the end of any process, by `kill -9` too; if the machine itself loses
   * power, the last moments may be lost (never the file). `power`: they survive that too; each write waits for the disk.
   */
  readonly durability?: Durability | undefined
}

/** How long a write is tried for while other processes hold the file. */
const PATIENCE_MS = 5_000
/** The journal is folded into its snapshot when it is this long, or twice as long as what there is to write. */
const FOLD_AFTER = 2_000

/** What was decided: what to write down, if anything, and what to answer. */
interface Decision<T> {
  readonly entries?: readonly Entry[] | undefined
  readonly result: T
}

/**
 * A ledger in a file that any number of processes of one machine share. Survives `kill -9` at any moment. The file must
 * lie on a local disk.
 *
 * Each process keeps the books in memory and the file holds the journal that they all are booked from: an operation is
 * decided on the books, and is valid once it stands in the journal, which takes it only if the books were up to date.
 *
 * @throws DeniedError `LEDGER_UNAVAILABLE` from every method, when the file cannot be read or written; the message says
 *   what to do
 * @example
 * const guard = await createGuard({ ledger: fileLedger({ dir: '/var/lib/my-tests' }), … })
 */
export function fileLedger(options: FileLedgerOptions = {}): Ledger {
  const file = resolve(options.file ?? resolve(options.dir ?? '.solveguard', 'ledger.db'))
  return new FileLedger(file, options.durability ?? 'process')
}

class FileLedger implements Ledger {
  readonly kind = 'file'
  readonly place: string
  readonly #durability: Durability
  #journal: Journal | undefined
  #books = new LedgerState()
  /** The last row of the journal that the books hold. */
  #seq = 0
  #foldAt = FOLD_AFTER
  /** Notes that are not in the journal yet. They go with whatever is appended next, or soon by themselves. */
  #pending: Entry[] = []
  #flushing: NodeJS.Immediate | undefined
  /** The file may no longer be in its place: each sign of life has that looked at. */
  #displaced = false
  /** Who joined by this instance, to join again after a sleep longer than the ledger remembers. */
  readonly #joined = new Map<string, Owner>()

  constructor(place: string, durability: Durability) {
    this.place = place
    this.#durability = durability
  }

  async open(): Promise<void> {
    const Database = await loadDriver()
    const empty = JSON.stringify(new LedgerState().state())
    await this.#patiently(0, () => {
      const held = this.#journal
      this.#journal ??= new Journal(Database, this.place, this.#durability, empty)
      try {
        this.#reload()
      } catch (error) {
        // Nobody closes what could not be opened.
        if (held === undefined) {
          this.#journal.close()
          this.#journal = undefined
        }
        throw error
      }
    })
  }

  register(owner: Owner, now: number): MaybePromise<RegisterResult> {
    this.#joined.set(owner.id, owner)
    const joined = this.#decide(now, (at) => ({ entries: [['join', at, owner]], result: at }))
    return then(joined, (at) => this.#books.differing(owner, at))
  }

  heartbeat(ownerId: string, now: number): MaybePromise<void> {
    return this.#decide(now, (at) => {
      this.#displaced = true
      this.#opened()
      if (this.#books.isLive(ownerId, at)) return { entries: [['beat', at, ownerId]], result: undefined }
      const owner = this.#joined.get(ownerId)
      return { entries: owner && [['join', at, owner]], result: undefined }
    })
  }

  unregister(ownerId: string, now: number): MaybePromise<void> {
    this.#joined.delete(ownerId)
    return this.#decide(now, () => ({ entries: [['leave', ownerId]], result: undefined }))
  }

  reserve(request: ReserveRequest, now: number): MaybePromise<ReserveResult> {
    return this.#decide<ReserveResult>(now, (at) => {
      const result = this.#books.reserve(request, at)
      if (!result.ok) return { result }
      const { id, ownerId, amount } = request
      const deadline = deadlineOf(request, now, at)
      const path = request.path.map((claim) => claim.id)
      return {
        entries: [['take', at, id, ownerId, amount, deadline, path, takenAlerts(result.alerts)]],
        result,
      }
    })
  }

  attachTask(reservationId: string, task: AttachedTask): void {
    this.#pending.push(['note', reservationId, task])
    // A note that cannot be written now goes with the next write; until then the task is only not to be taken over.
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined
      Promise.resolve()
        .then(() => this.#flush())
        .catch(() => {})
    })
  }

  settle(settlement: Settlement, now: number): MaybePromise<SettleResult> {
    checkSettlement(settlement)
    const { reservationId, cost, head, unsure } = settlement
    return this.#decide(now, (at) => {
      const result = this.#books.settleable(reservationId, at)
      if (!result.settled) return { result }
      const settled: Entry = unsure ? ['settle', at, reservationId, cost, true] : ['settle', at, reservationId, cost]
      return { entries: head === undefined ? [settled] : [settled, headEntry(head)], result }
    })
  }

  claim(request: ClaimRequest, now: number): MaybePromise<readonly ClaimedTask[]> {
    return then(this.#flush(), () =>
      this.#decide(now, (at) => {
        const result = this.#books.claimable(request, at)
        const ids = result.map(({ reservationId }) => reservationId)
        return { entries: ids.length > 0 ? [['claim', at, request.ownerId, ids]] : undefined, result }
      }),
    )
  }

  pause(budgetId: string, reason: PauseReason): MaybePromise<boolean> {
    return this.#decide<boolean>(0, () =>
      this.#books.isPaused(budgetId) ? { result: false } : { entries: [['pause', budgetId, reason]], result: true },
    )
  }

  resume(budgetId: string): MaybePromise<void> {
    return this.#decide(0, () => ({
      entries: this.#books.isPaused(budgetId) ? [['resume', budgetId]] : undefined,
      result: undefined,
    }))
  }

  usage(budgetId: string, now: number, days?: readonly CalendarCap[]): MaybePromise<Usage> {
    return this.#decide(now, (at) => ({ result: this.#books.usage(budgetId, at, days) }))
  }

  setFact(fact: NewFact, now: number): MaybePromise<string> {
    return this.#decide<string>(now, (at) => {
      const { value, until } = this.#books.facts.decide(fact, at)
      return { entries: [['fact', at, fact.scope, fact.name, value, until]], result: value }
    })
  }

  listFacts(scope: string, now: number): MaybePromise<readonly Fact[]> {
    return this.#decide(now, (at) => ({ result: this.#books.facts.recall(scope, at) }))
  }

  saveHead(head: ChainHead): MaybePromise<void> {
    return this.#decide(0, () => ({ entries: [headEntry(head)], result: undefined }))
  }

  heads(): MaybePromise<readonly ChainHead[]> {
    return this.#patiently(0, () => {
      const journal = this.#opened()
      this.#catchUp()
      const known = new Map(journal.heads().map((head) => [head.file, head]))
      for (const head of this.#books.heads()) {
        if ((known.get(head.file)?.seq ?? 0) < head.seq) known.set(head.file, head)
      }
      return [...known.values()]
    })
  }

  async close(): Promise<void> {
    if (this.#journal === undefined) return
    try {
      await this.#flush()
    } finally {
      clearImmediate(this.#flushing)
      this.#journal?.close()
      this.#journal = undefined
    }
  }

  #flush(): MaybePromise<void> {
    if (this.#pending.length === 0) return
    return this.#decide(0, () => ({ entries: [], result: undefined }))
  }

  #opened(): Journal {
    if (this.#journal === undefined) throw new JournalError('CLOSED', 'It is not open.')
    // Others would count in another file: nothing more is booked in this one, until it is back in its place.
    if (this.#displaced) this.#journal.checkInPlace()
    this.#displaced = false
    return this.#journal
  }

  /** Decides, and writes down what was decided: at once on what is known here, or else with the file to ourselves. */
  #decide<T>(now: number, decide: (at: number) => Decision<T>): MaybePromise<T> {
    return this.#patiently(now, (current) => {
      const journal = this.#opened()
      const hoped = decide(this.#books.advance(current))
      if (hoped.entries === undefined) {
        if (journal.last() === this.#seq) return hoped.result
      } else if (this.#write(journal, hoped.entries)) {
        return hoped.result
      }
      this.#catchUp()
      // Others are writing too. Once more without the lock, which costs them nothing; then with it, which cannot fail.
      const again = decide(this.#books.advance(current))
      if (again.entries !== undefined && this.#write(journal, again.entries)) return again.result
      return this.#decideLocked(journal, current, decide)
    })
  }

  #write(journal: Journal, decided: readonly Entry[]): boolean {
    const entries = this.#withNotes(decided)
    if (!journal.append(this.#seq, JSON.stringify(entries))) return false
    this.#booked(entries)
    this.#foldIfLong(journal)
    return true
  }

  #decideLocked<T>(journal: Journal, now: number, decide: (at: number) => Decision<T>): T {
    let written: readonly Entry[] | undefined
    const result = journal.locked(() => {
      this.#catchUp()
      const sure = decide(this.#books.advance(now))
      if (sure.entries !== undefined) {
        written = this.#withNotes(sure.entries)
        if (!journal.append(this.#seq, JSON.stringify(written)))
          throw new JournalError('REPLACED', 'The journal went back.')
      }
      return sure.result
    })
    if (written !== undefined) this.#booked(written)
    return result
  }

  /** What is to be written, with the notes that wait: but for one whose reservation ends here, which nobody needs now. */
  #withNotes(decided: readonly Entry[]): readonly Entry[] {
    if (this.#pending.length === 0) return decided
    const [first] = decided
    const settled = first?.[0] === 'settle' ? first[2] : undefined
    return [...this.#pending.filter(([, id]) => id !== settled), ...decided]
  }

  /** Books what this process has just appended, pending notes included. */
  #booked(entries: readonly Entry[]): void {
    this.#seq++
    for (const entry of entries) book(this.#books, entry)
    if (this.#pending.length > 0) this.#pending = []
  }

  /** Books what others have appended. */
  #catchUp(): void {
    const journal = this.#opened()
    for (const [seq, entries] of journal.after(this.#seq)) {
      // Whoever slept while the journal was folded begins again from the snapshot.
      if (seq !== this.#seq + 1) {
        this.#reload()
        return
      }
      for (const entry of parse<Entry[]>(entries)) book(this.#books, entry)
      this.#seq = seq
    }
  }

  #reload(): void {
    const journal = this.#opened()
    for (let tries = 0; tries < 10; tries++) {
      const [seq, state] = journal.snapshot()
      const rows = journal.after(seq)
      // Another process may fold between the two reads.
      if (rows.length > 0 && rows[0]?.[0] !== seq + 1) continue
      this.#books = new LedgerState(parse<BooksState>(state))
      this.#seq = seq
      this.#foldAt = seq + FOLD_AFTER
      for (const [number, entries] of rows) {
        for (const entry of parse<Entry[]>(entries)) book(this.#books, entry)
        this.#seq = number
      }
      return
    }
    throw new JournalError('SQLITE_BUSY', 'The journal was folded again and again while it was read.')
  }

  #foldIfLong(journal: Journal): void {
    if (this.#seq < this.#foldAt) return
    this.#foldAt = this.#seq + Math.max(FOLD_AFTER, 2 * this.#books.size)
    try {
      journal.locked(() => {
        this.#catchUp()
        const [folded] = journal.snapshot()
        if (this.#seq - folded < FOLD_AFTER) return
        journal.fold(this.#seq, JSON.stringify(this.#books.state()), this.#books.heads())
      })
    } catch {
      // What the caller asked for is done. If the file is in trouble, the next call will say so.
    }
  }

  /**
   * Does `work`; if another process holds the file, tries again without blocking this one. `now` moves on with the time
   * that the waiting took.
   */
  #patiently<T>(now: number, work: (now: number) => T): MaybePromise<T> {
    try {
      return work(now)
    } catch (error) {
      if (!isBusy(error)) throw this.#unavailable(error)
      return this.#retry(now, work)
    }
  }

  async #retry<T>(now: number, work: (now: number) => T): Promise<T> {
    const began = performance.now()
    for (let pause = 2; ; pause = Math.min(2 * pause, 100)) {
      await sleep(pause * (0.5 + Math.random()))
      const waited = Math.ceil(performance.now() - began)
      try {
        return work(now === 0 ? 0 : now + waited)
      } catch (error) {
        if (!isBusy(error) || waited > PATIENCE_MS) throw this.#unavailable(error)
      }
    }
  }

  #unavailable(error: unknown): unknown {
    if (error instanceof SolveguardError) return error
    const code = String((error as { code?: unknown }).code ?? '')
    return new DeniedError('LEDGER_UNAVAILABLE', `${whatToDo(code, this.place)} (${messageOf(error)})`, {
      cause: error,
      details: { place: this.place, error: code },
    })
  }
}

function headEntry({ file, seq, hash }: ChainHead): Entry {
  return ['head', file, seq, hash]
}

function then<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text) as T
  } catch {
    throw new JournalError('SQLITE_CORRUPT', 'A row of the journal cannot be read.')
  }
}

function isBusy(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
}

async function loadDriver(): Promise<Connect> {
  try {
    const { default: Database } = await import('libsql')
    return Database as unknown as Connect
  } catch (cause) {
    throw new DeniedError(
      'LEDGER_UNAVAILABLE',
      'The file ledger needs the package `libsql`, which could not be loaded on this machine: install it (npm install libsql), or use another ledger.',
      { cause },
    )
  }
}

/** What a person can do about an error of SQLite or of the file system. */
function whatToDo(code: string, place: string): string {
  if (isBusy({ code })) {
    return `The ledger ${place} stayed locked by another process for ${PATIENCE_MS / 1000} s: find the process that has it open and hangs.`
  }
  if (code === 'NEWER') return `The ledger ${place} was written by a newer solveguard: use that version here too.`
  if (code === 'CLOSED') return `The ledger ${place} was closed, or never opened: call open() first and close() last.`
  if (code === 'REPLACED') return `The ledger ${place} is no longer the file that was opened: restart this process.`
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
    return `The ledger ${place} is damaged, or is not a ledger: restore it, or move it away with its -wal and -shm files (a new one knows of nothing that was spent in the last 24 hours).`
  }
  if (/^(SQLITE_FULL|SQLITE_IOERR|ENOSPC|EIO|EFBIG|EDQUOT)/.test(code)) {
    return `The ledger ${place} could not be written: free space on its disk, and look whether the disk is in order.`
  }
  if (/^(SQLITE_READONLY|SQLITE_CANTOPEN|SQLITE_PERM|EACCES|EPERM|EROFS|ENOTDIR|EISDIR|ENOENT|EEXIST)/.test(code)) {
    return `The ledger ${place} cannot be opened for writing: give this user leave to read and write the file and its folder, on a local disk.`
  }
  return `The ledger ${place} could not be read or written.`
}
