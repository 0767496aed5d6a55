import { resolve } from 'node:path'
import type { MaybePromise } from '../base/async.js'
import { type ChainHead, isNewerHead } from '../base/chain.js'
import { type Clock, systemClock } from '../base/clock.js'
import { DeniedError, messageOf, SolveguardError } from '../base/errors.js'
import { defaultStateDir } from '../base/state-dir.js'
import { bookedAlerts } from './budget-state.js'
import { checkSettlement, deadlineOf } from './checks.js'
import { JournalError } from './database-file.js'
import { applyEntry, type Entry } from './entries.js'
import { type Durability, fileSystemTime, Journal, replaced } from './journal.js'
import type {
  AttachedTask,
  CalendarCap,
  ClaimedTask,
  ClaimRequest,
  Fact,
  Ledger,
  NewFact,
  OpenOptions,
  Owner,
  PauseReason,
  PreviewRequest,
  RegisterResult,
  ReserveRequest,
  ReserveResult,
  Settlement,
  SettleResult,
  Usage,
} from './ledger.js'
import { loadSqlite } from './sqlite/load.js'
import { LedgerState, type SavedState } from './state.js'
import { LedgerTime, type TimeCorrection } from './time.js'

/** Where a `fileLedger` is stored, and what it survives. */
export interface FileLedgerOptions {
  /**
   * The database file.
   * @default `ledger.db` in `dir`
   */
  readonly file?: string | undefined
  /**
   * The folder. It is created with mode 0700 if it does not exist.
   * @default `SOLVEGUARD_STATE_DIR`, or `.solveguard` in the project's folder
   */
  readonly dir?: string | undefined
  /**
   * `process`: a result that was returned survives the end of any process, by `kill -9` too. If the machine loses
   * power, the last moments may be lost, but never the file. `power`: they survive that too; each write waits for the
   * disk.
   * @default 'process'
   */
  readonly durability?: Durability | undefined
  /**
   * Measures how long a call waits for other processes. One that is not the machine's (in tests) also stands for the
   * clock of the file system, with which the callers' clocks are compared.
   * @default systemClock
   */
  readonly clock?: Clock | undefined
}

/** How long a call is retried while other processes hold the file. */
const BUSY_TIMEOUT_MS = 5_000
/**
 * How long calls are denied at once after the locks of the file failed: SQLite tries such a lock for up to 10 s, and
 * blocks the event loop meanwhile. Twice as long after each further failure, so that the process is blocked for ever
 * less of its time. A thread for the file would block nothing, and each call would wait for it.
 */
const LOCKS_FAILED_MS = 60_000
const MAX_LOCKS_FAILED_MS = 16 * LOCKS_FAILED_MS
/** The journal is folded into its snapshot when it has this many rows, or twice as many as the state has parts. */
const FOLD_AFTER = 2_000

/** What was decided: the entries to write, if any, and the result to return. */
interface Decision<T> {
  readonly entries?: readonly Entry[] | undefined
  readonly result: T
}

/** Something that could not be appended, or perhaps was. */
interface Unsure<T> extends Decision<T> {
  readonly entries: readonly Entry[]
  /** Its number, if it was appended. */
  readonly seq: number
  /** Its text. No other process writes the same: it has the id of a reservation or of an owner. */
  readonly text: string
}

/**
 * A ledger in a SQLite file that any number of processes on one machine share. Survives `kill -9` at any moment. The
 * file must be on a local disk.
 *
 * Each process keeps the ledger's state in memory; the file holds the journal that all of them apply. An operation is
 * decided on the state in memory, and is valid once it is in the journal, which accepts it only if that state was up to
 * date.
 *
 * Every method throws `DeniedError` `LEDGER_UNAVAILABLE` when the file cannot be read or written; the message states
 * what to do.
 *
 * @example
 * const ledger = fileLedger({ dir: '/var/lib/my-tests' })
 * const guard = await createGuard({ ledger, policy: { origins: ['https://staging.example.com'] } })
 */
export function fileLedger(options: FileLedgerOptions = {}): Ledger {
  const file = resolve(options.file ?? resolve(options.dir ?? defaultStateDir(), 'ledger.db'))
  return new FileLedger(file, options.durability ?? 'process', options.clock ?? systemClock)
}

class FileLedger implements Ledger {
  readonly kind = 'file'
  readonly place: string
  isNew = false
  readonly #durability: Durability
  readonly #clock: Clock
  #journal: Journal | undefined
  /** Opens the file; absent while the ledger is not open. */
  #openFile: (() => Journal) | undefined
  /** What identifies the file that was opened first. */
  #identity: string | undefined
  /** What the last append left unsure, for the call that made it. */
  #unsure: Unsure<unknown> | undefined
  /** Until when the file is not asked for a lock, monotonic ms. */
  #locksFailUntil = Number.NEGATIVE_INFINITY
  /** How long it is not asked after the next failure, ms. */
  #locksFailedMs = LOCKS_FAILED_MS
  readonly #time: LedgerTime
  #state = new LedgerState()
  /** The last row of the journal that was applied to the state. */
  #seq = 0
  #foldAt = FOLD_AFTER
  /** Attached tasks that are not in the journal yet. They are written with the next entries, or soon on their own. */
  #pending: Entry[] = []
  /** Resolves when that has been tried. */
  #flushing: Promise<void> | undefined
  /**
   * The owners that this instance registered, to register them again if the process slept until the ledger forgot them.
   */
  readonly #owners = new Map<string, Owner>()

  constructor(place: string, durability: Durability, clock: Clock) {
    this.place = place
    this.#durability = durability
    this.#clock = clock
    this.#time = new LedgerTime(clock === systemClock ? () => fileSystemTime(place) : () => clock.now())
  }

  async open({ create = true }: OpenOptions = {}): Promise<void> {
    const driver = await loadSqlite()
    const empty = JSON.stringify(new LedgerState().state())
    const openFile = (): Journal => new Journal(driver, this.place, this.#durability, create ? empty : undefined)
    await this.#withRetries(0, () => {
      this.#openFile ??= openFile
      try {
        this.#withReopening(() => this.#openJournal())
      } catch (error) {
        // The caller does not close a ledger that could not be opened.
        this.#openFile = undefined
        throw error
      }
    })
  }

  register(owner: Owner, now: number): MaybePromise<RegisterResult> {
    this.#owners.set(owner.id, owner)
    const registered = this.#decide(now, (at) => ({ entries: [['register', at, owner]], result: at }))
    return then(registered, (at) => ({ ...this.#state.differing(owner, at), clocks: this.#time.clocks }))
  }

  heartbeat(ownerId: string, now: number, head?: ChainHead): MaybePromise<void> {
    return this.#decide(now, (at) => {
      this.#openJournal().checkInPlace()
      if (this.#state.isLive(ownerId, at)) {
        return { entries: withHead(['heartbeat', at, ownerId], head), result: undefined }
      }
      const owner = this.#owners.get(ownerId)
      if (owner) return { entries: withHead(['register', at, owner], head), result: undefined }
      return { entries: head && [headEntry(head)], result: undefined }
    })
  }

  unregister(ownerId: string, now: number): MaybePromise<void> {
    this.#owners.delete(ownerId)
    return this.#decide(now, () => ({ entries: [['unregister', ownerId]], result: undefined }))
  }

  reserve(request: ReserveRequest, now: number): MaybePromise<ReserveResult> {
    return this.#decide<ReserveResult>(now, (at) => {
      this.#openJournal().checkInPlace()
      const result = this.#state.reserve(request, at)
      if (!result.ok) return { result }
      const { id, ownerId, amount, head } = request
      const deadline = deadlineOf(request, now, at)
      const path = request.path.map((claim) => claim.id)
      const entry: Entry = ['reserve', at, id, ownerId, amount, deadline, path, bookedAlerts(result.alerts)]
      return { entries: withHead(entry, head), result }
    })
  }

  preview(request: PreviewRequest, now: number): MaybePromise<ReserveResult> {
    return this.#look(now, (state, at) => {
      this.#openJournal().checkInPlace()
      return state.preview(request, at)
    })
  }

  attachTask(reservationId: string, task: AttachedTask): Promise<boolean> {
    this.#pending.push(['task', reservationId, task])
    // If it cannot be written now, it is written with the next entries; until then the task can only not be claimed.
    this.#flushing ??= new Promise<void>((resolve) => void setImmediate(resolve))
      .then(() => {
        this.#flushing = undefined
        return this.#flush()
      })
      .catch(() => {})
    return this.#flushing.then(() => this.#state.hasRepeatedTask(reservationId))
  }

  settle(settlement: Settlement, now: number): MaybePromise<SettleResult> {
    checkSettlement(settlement)
    const { reservationId, cost, head, unsure } = settlement
    return this.#decide(now, (at) => {
      const result = this.#state.settleable(reservationId, at)
      if (!result.settled) return { result }
      const settled: Entry = unsure ? ['settle', at, reservationId, cost, true] : ['settle', at, reservationId, cost]
      return { entries: withHead(settled, head), result }
    })
  }

  claim(request: ClaimRequest, now: number): MaybePromise<readonly ClaimedTask[]> {
    return then(this.#flush(), () =>
      this.#decide(now, (at) => {
        const result = this.#state.claimable(request, at)
        const ids = result.map(({ reservationId }) => reservationId)
        return { entries: ids.length > 0 ? [['claim', at, request.ownerId, ids]] : undefined, result }
      }),
    )
  }

  pause(budgetId: string, reason: PauseReason): MaybePromise<boolean> {
    return this.#decide<boolean>(0, () =>
      this.#state.isPaused(budgetId) ? { result: false } : { entries: [['pause', budgetId, reason]], result: true },
    )
  }

  resume(budgetId: string): MaybePromise<void> {
    return this.#decide(0, () => ({
      entries: this.#state.isPaused(budgetId) ? [['resume', budgetId]] : undefined,
      result: undefined,
    }))
  }

  usage(budgetId: string, now: number, days?: readonly CalendarCap[]): MaybePromise<Usage> {
    return this.#look(now, (state, at) => ({ ...state.usage(budgetId, at, days), clocks: this.#time.clocks }))
  }

  setFact(fact: NewFact, now: number): MaybePromise<string> {
    return this.#decide<string>(now, (at) => {
      const { value, until } = this.#state.facts.decide(fact, at)
      return { entries: [['fact', at, fact.scope, fact.name, value, until]], result: value }
    })
  }

  listFacts(scope: string, now: number): MaybePromise<readonly Fact[]> {
    return this.#look(now, (state, at) => state.listFacts(scope, at))
  }

  saveHead(head: ChainHead): MaybePromise<void> {
    return this.#decide(0, () => ({ entries: [headEntry(head)], result: undefined }))
  }

  heads(): MaybePromise<readonly ChainHead[]> {
    return this.#withRetries(0, () =>
      this.#withReopening(() => {
        const journal = this.#openJournal()
        this.#catchUp()
        const known = new Map(journal.heads().map((head) => [head.file, head]))
        for (const head of this.#state.heads()) {
          if (isNewerHead(head, known.get(head.file))) known.set(head.file, head)
        }
        return [...known.values()]
      }),
    )
  }

  async close(): Promise<void> {
    if (this.#openFile === undefined) return
    try {
      await this.#flush()
    } finally {
      this.#openFile = undefined
      this.#closeJournal()
      this.#identity = undefined
      this.#seq = 0
    }
  }

  #flush(): MaybePromise<void> {
    if (this.#pending.length === 0) return
    return this.#decide(0, () => ({ entries: [], result: undefined }))
  }

  /** The journal, opened if it is not open, with its state read. */
  #openJournal(): Journal {
    if (this.#journal !== undefined) return this.#journal
    if (this.#openFile === undefined) throw new JournalError('CLOSED', 'It is not open.')
    const journal = this.#openFile()
    this.#journal = journal
    try {
      // Other processes would count in another file: nothing is written to this one.
      if (journal.identity !== (this.#identity ?? journal.identity)) throw replaced('It was replaced.')
      const known = this.#seq
      this.#reload()
      if (this.#seq < known) throw replaced('An older copy was put in its place.')
      this.#identity = journal.identity
      if (journal.isNew) this.isNew = true
    } catch (error) {
      this.#closeJournal()
      throw error
    }
    return journal
  }

  #closeJournal(): void {
    this.#journal?.close()
    this.#journal = undefined
  }

  /**
   * Decides, and writes what was decided. Where that fails, whether it was written is known only once the file was
   * opened anew.
   */
  #decide<T>(now: number, decide: (at: number) => Decision<T>): MaybePromise<T> {
    let unsure: Unsure<T> | undefined
    return this.#withRetries(now, (current) =>
      this.#withReopening(() => {
        if (unsure !== undefined) {
          const journal = this.#openJournal()
          this.#catchUp()
          if (journal.row(unsure.seq) === unsure.text) return this.#written(unsure)
        }
        try {
          return this.#decideOnce(current, decide)
        } catch (error) {
          unsure = this.#unsure as Unsure<T> | undefined
          this.#unsure = undefined
          throw error
        }
      }),
    )
  }

  /** The result of what was written, and has been applied since, although its append failed. */
  #written<T>({ entries, result }: Unsure<T>): T {
    this.#pending = this.#pending.filter((entry) => !entries.includes(entry))
    return result
  }

  /** Does `work`. After a failure that may be one of the connection alone, opens the file anew and tries once more. */
  #withReopening<T>(work: () => T): T {
    if (this.#clock.monotonic() < this.#locksFailUntil) throw new JournalError('LOCKS_FAIL', 'They failed before.')
    try {
      const result = work()
      this.#locksFailedMs = LOCKS_FAILED_MS
      return result
    } catch (error) {
      const again = mayHelpToReopen(error)
      if (!again && !isLockFailure(error)) throw error
      this.#closeJournal()
      if (again) return work()
      this.#locksFailUntil = this.#clock.monotonic() + this.#locksFailedMs
      this.#locksFailedMs = Math.min(2 * this.#locksFailedMs, MAX_LOCKS_FAILED_MS)
      throw error
    }
  }

  /** Decides first on the state in memory, and if need be with the file locked. */
  #decideOnce<T>(current: number, decide: (at: number) => Decision<T>): T {
    const journal = this.#openJournal()
    this.#recordTime(journal, current)
    const first = decide(this.#timeAt(current))
    if (first.entries === undefined) {
      if (journal.last() === this.#seq) return first.result
    } else if (this.#write(journal, first.entries, first.result)) {
      return first.result
    }
    this.#catchUp()
    // Other processes are writing too. Once more without the lock, which costs them nothing; then with it, which
    // cannot fail.
    const again = decide(this.#timeAt(current))
    if (again.entries !== undefined && this.#write(journal, again.entries, again.result)) return again.result
    return this.#decideLocked(journal, current, decide)
  }

  /** Reads, and writes nothing: what the clocks agree on is recorded by the next call that writes. */
  #look<T>(now: number, look: (state: LedgerState, at: number) => T): MaybePromise<T> {
    return this.#withRetries(now, (current) =>
      this.#withReopening(() => {
        if (this.#openJournal().last() !== this.#seq) this.#catchUp()
        const at = this.#timeAt(current)
        const { correction } = this.#time
        if (correction === undefined) return look(this.#state, at)
        const corrected = new LedgerState(this.#state.state())
        corrected.correct(correction)
        return look(corrected, corrected.now)
      }),
    )
  }

  /** The time that counts when the caller's clock shows `now`; the latest for a call that needs none. */
  #timeAt(now: number): number {
    if (now === 0) return this.#state.now
    if (this.#time.compares(now) && this.#openJournal().last() !== this.#seq) this.#catchUp()
    return this.#state.advance(this.#time.at(now, this.#state))
  }

  /** Records what the clocks say of each other, if that is new, before anything is decided by it. */
  #recordTime(journal: Journal, now: number): void {
    this.#timeAt(now)
    const found = this.#time.correction
    if (now === 0 || found === undefined) return
    try {
      if (this.#write(journal, [timeEntry(found)], undefined)) return
      this.#decideLocked(journal, now, () => {
        const { correction } = this.#time
        return { entries: correction && [timeEntry(correction)], result: undefined }
      })
    } catch (error) {
      // It is no decision of the call: whether it was written does not matter to it.
      this.#unsure = undefined
      throw error
    }
  }

  #write(journal: Journal, decided: readonly Entry[], result: unknown): boolean {
    const entries = this.#withPending(decided)
    const text = JSON.stringify(entries)
    try {
      if (!journal.append(this.#seq, text)) return false
    } catch (error) {
      this.#unsure = { entries, seq: this.#seq + 1, text, result }
      throw error
    }
    this.#apply(entries)
    this.#foldIfLong(journal)
    return true
  }

  #decideLocked<T>(journal: Journal, now: number, decide: (at: number) => Decision<T>): T {
    let written: Unsure<T> | undefined
    try {
      const result = journal.locked(() => {
        this.#catchUp()
        const { entries: decided, result } = decide(this.#timeAt(now))
        if (decided !== undefined) {
          const entries = this.#withPending(decided)
          written = { entries, seq: this.#seq + 1, text: JSON.stringify(entries), result }
          if (!journal.append(this.#seq, written.text)) throw replaced('The journal went back.')
        }
        return result
      })
      if (written !== undefined) this.#apply(written.entries)
      return result
    } catch (error) {
      this.#unsure = written
      throw error
    }
  }

  /**
   * The entries to write, with the pending tasks; without a task whose reservation ends here: no process needs it. What
   * is counted while a clock shows a later time is marked.
   */
  #withPending(decided: readonly Entry[]): readonly Entry[] {
    const [first] = decided
    const settled = first?.[0] === 'settle' ? first[2] : undefined
    const { doubt } = this.#time
    const counts = settled !== undefined || first?.[0] === 'reserve'
    const marked = doubt !== undefined && counts ? [timeEntry(doubt), ...decided] : decided
    if (this.#pending.length === 0) return marked
    return [...this.#pending.filter(([, id]) => id !== settled), ...marked]
  }

  /** Applies what this process has just appended, pending tasks included. */
  #apply(entries: readonly Entry[]): void {
    this.#seq++
    for (const entry of entries) applyEntry(this.#state, entry)
    if (this.#pending.length > 0) this.#pending = []
  }

  /** Applies what other processes have appended. */
  #catchUp(): void {
    const journal = this.#openJournal()
    const rows = journal.after(this.#seq)
    // The last row is never deleted. A call that is denied appends nothing, which would show it.
    if (rows.length === 0 && journal.last() < this.#seq) throw replaced('An older copy was put in its place.')
    for (const [seq, entries] of rows) {
      // The journal was folded since this process last read it: begin again from the snapshot.
      if (seq !== this.#seq + 1) {
        this.#reload()
        return
      }
      for (const entry of parse<Entry[]>(entries)) applyEntry(this.#state, entry)
      this.#seq = seq
    }
  }

  #reload(): void {
    const journal = this.#openJournal()
    let previous = Number.NaN
    for (let tries = 0; tries < 10; tries++) {
      const [seq, state] = journal.snapshot()
      const rows = journal.after(seq)
      if (rows.some(([number], i) => number !== seq + 1 + i)) {
        // Another process may fold between the two reads.
        if (seq === previous) throw new JournalError('SQLITE_CORRUPT', 'Rows of the journal are missing.')
        previous = seq
        continue
      }
      this.#state = new LedgerState(parse<SavedState>(state))
      this.#seq = seq
      this.#foldAt = seq + FOLD_AFTER
      for (const [number, entries] of rows) {
        for (const entry of parse<Entry[]>(entries)) applyEntry(this.#state, entry)
        this.#seq = number
      }
      return
    }
    throw new JournalError('SQLITE_BUSY', 'The journal was folded again and again while it was read.')
  }

  #foldIfLong(journal: Journal): void {
    if (this.#seq < this.#foldAt) return
    this.#foldAt = this.#seq + Math.max(FOLD_AFTER, 2 * this.#state.size)
    try {
      journal.locked(() => {
        this.#catchUp()
        const [folded] = journal.snapshot()
        if (this.#seq - folded < FOLD_AFTER) return
        journal.fold(this.#seq, JSON.stringify(this.#state.state()), this.#state.heads())
      })
    } catch {
      // The caller's operation is done. If the file cannot be written, the next call throws.
    }
  }

  /**
   * Does `work`. If another process holds the file, retries without blocking the event loop; `now` is then later by the
   * time spent waiting.
   */
  #withRetries<T>(now: number, work: (now: number) => T): MaybePromise<T> {
    try {
      return work(now)
    } catch (error) {
      if (!isBusy(error)) throw this.#unavailable(error)
      return this.#retry(now, work)
    }
  }

  async #retry<T>(now: number, work: (now: number) => T): Promise<T> {
    const clock = this.#clock
    const began = clock.monotonic()
    for (let pauseMs = 2; ; pauseMs = Math.min(2 * pauseMs, 100)) {
      await new Promise<void>((resolve) => void clock.after(pauseMs * (0.5 + Math.random()), resolve))
      const waitedMs = Math.ceil(clock.monotonic() - began)
      try {
        return work(now === 0 ? 0 : now + waitedMs)
      } catch (error) {
        if (!isBusy(error) || waitedMs > BUSY_TIMEOUT_MS) throw this.#unavailable(error)
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

function timeEntry({ at, ahead, doubt }: TimeCorrection): Entry {
  return ['time', at, ahead, doubt ?? null]
}

function withHead(entry: Entry, head: ChainHead | undefined): readonly Entry[] {
  return head === undefined ? [entry] : [entry, headEntry(head)]
}

function headEntry({ file, seq, hash, end }: ChainHead): Entry {
  return end === undefined ? ['head', file, seq, hash] : ['head', file, seq, hash, end]
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

/** Whether SQLite gave up after it had tried for some seconds to get a lock that no process holds. */
function isLockFailure(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'SQLITE_PROTOCOL'
}

/** Whether the error may be one of this connection, and not of the file. */
function mayHelpToReopen(error: unknown): boolean {
  const code = String((error as { code?: unknown }).code ?? '')
  return /^SQLITE_(CORRUPT|NOTADB|IOERR|CANTOPEN|READONLY|ERROR|MISUSE|INTERNAL|SCHEMA|NOMEM)/.test(code)
}

/** What the user can do about an error of SQLite or of the file system. */
function whatToDo(code: string, place: string): string {
  if (code === 'SQLITE_BUSY_JOURNAL') {
    return (
      `The ledger ${place} has a rollback journal beside it, left by a process that could not delete it, which would ` +
      `undo all that was spent: stop every process that uses the ledger, and delete ${place}-journal (only that).`
    )
  }
  if (isBusy({ code })) {
    const seconds = BUSY_TIMEOUT_MS / 1000
    return `The ledger ${place} stayed locked for ${seconds} s: find the process that has it open and hangs.`
  }
  if (code === 'NEWER') return `The ledger ${place} was written by a newer solveguard: use that version here too.`
  if (code === 'OLDER') {
    return (
      `The ledger ${place} was written by an earlier version of solveguard, which this one cannot read: 24 hours after ` +
      'its last solve, when nothing in it counts any more, move it away with its -wal and -shm files.'
    )
  }
  if (code === 'NONE') return `There is no ledger ${place}: name the one that your guards use.`
  if (code === 'CLOSED') return `The ledger ${place} was closed, or never opened: call open() first and close() last.`
  if (code === 'REPLACED') {
    return (
      `The ledger ${place} is no longer the file that was opened: put that file back, or restart this process if the ` +
      'other one is right.'
    )
  }
  if (code === 'WAL_GONE') {
    return (
      `The ledger ${place} is not whole: restart every process that uses it, and never remove, copy or restore a ` +
      'ledger without its -wal and -shm files while it is in use.'
    )
  }
  if (code === 'LOCKS_FAIL' || code === 'SQLITE_PROTOCOL') {
    return (
      `The ledger ${place} cannot be locked, and is not asked again for ${LOCKS_FAILED_MS / 60_000} to ` +
      `${MAX_LOCKS_FAILED_MS / 60_000} minutes: put it on a local disk, whose file system has locks that work.`
    )
  }
  if (code === 'EMFILE') {
    return `This process may open no more files, and the ledger ${place} needs some: raise its limit (ulimit -n).`
  }
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
    return (
      `The ledger ${place} is damaged, or is not a ledger, also when it is opened anew: check its disk, and restore ` +
      'the file with its -wal and -shm files. A new ledger would know of nothing that was spent in the last 24 hours.'
    )
  }
  if (/^(SQLITE_FULL|SQLITE_IOERR|ENOSPC|EIO|EFBIG|EDQUOT)/.test(code)) {
    return `The ledger ${place} could not be written: free space on its disk, and check the disk.`
  }
  if (code === 'EROFS') {
    return (
      `The file system of the ledger ${place} is read-only: mount a folder there that may be written, or set another ` +
      'one (`stateDir`, or the environment variable SOLVEGUARD_STATE_DIR).'
    )
  }
  if (/^(SQLITE_READONLY|SQLITE_CANTOPEN|SQLITE_PERM|EACCES|EPERM|ENOTDIR|EISDIR|ENOENT|EEXIST)/.test(code)) {
    return (
      `The ledger ${place} cannot be opened for writing: give this user permission to read and write the file and ` +
      'its folder, on a local disk.'
    )
  }
  return `The ledger ${place} could not be read or written.`
}
