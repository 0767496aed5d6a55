import { accessSync, chmodSync, constants, mkdtempSync, rmdirSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ChainHead } from '../base/chain.js'
import { systemClock } from '../base/clock.js'
import { makeFolder } from '../base/folder.js'
import { DatabaseFile, JournalError } from './database-file.js'
import type { SqliteDriver, Statement } from './sqlite/driver.js'

/** What a committed entry has to survive: the end of a process, or also a power failure of the machine. */
export type Durability = 'process' | 'power'

/** "SGLG", by which `file ledger.db` and this package recognise a ledger. */
const APPLICATION_ID = 0x53474c47
/** The version of the tables, the entries and the saved state. A change of meaning is another number. */
const SCHEMA = 2
const PAGE_BYTES = 1024
/**
 * How long after a change of a folder another one may leave its time as it is, ms: file systems count in ticks of the
 * kernel's clock.
 */
const TICK_MS = 100

/*
 * journal:  what was decided, in order. The row of the highest `seq` is never deleted: an append checks it.
 * snapshot: one row, the ledger's state after entry `seq`; the journal before that is no longer needed.
 * head:     the latest head of each audit file, as of the snapshot. Apart, because it grows with the number of files.
 */
const TABLES = `
  CREATE TABLE file.journal (seq INTEGER PRIMARY KEY, entries TEXT NOT NULL);
  CREATE TABLE file.snapshot (only INTEGER PRIMARY KEY CHECK (only = 1), seq INTEGER NOT NULL, state TEXT NOT NULL);
  CREATE TABLE file.head (
    file TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL, ending TEXT NOT NULL
  ) WITHOUT ROWID;
`

type HeadRow = readonly [file: string, seq: number, hash: string, end: NonNullable<ChainHead['end']> | '']

/** A row of the journal: its number, and its entries as JSON. */
export type Row = readonly [seq: number, entries: string]

/**
 * The file under a file ledger: an append-only journal in a SQLite database, with a snapshot so that it stays short. An
 * append is one statement that writes one page, and succeeds only if no other process has appended since. So each
 * decision is made on all that was decided before it.
 */
export class Journal {
  /** Whether this process has just created it. */
  isNew = false
  readonly #file: string
  readonly #folder: string
  readonly #db: DatabaseFile
  readonly #append: Statement
  readonly #last: Statement
  readonly #after: Statement
  /** The files that were opened: their paths, and what identifies each. */
  readonly #identities: readonly (readonly [path: string, identity: string])[]
  /** When the folder was last changed, as far as its files were compared since; ms. */
  #comparedAt = Number.NaN

  /** @param empty the JSON of an empty state, for a file that is new; without it, none is created */
  constructor(driver: SqliteDriver, file: string, durability: Durability, empty: string | undefined) {
    this.#file = file
    this.#folder = dirname(file)
    if (empty === undefined && !look(file)?.size) throw new JournalError('NONE', `${file} does not exist, or is empty.`)
    makeFolder(this.#folder, 0o700)
    // The file is not opened here to look at it. When a process closes a file, POSIX releases all its locks on that
    // file, those of its SQLite connections too. Another process that then closes the database takes itself for the
    // last one and deletes the -wal file, with what the others have yet to write
    // (https://www.sqlite.org/howtocorrupt.html, 2.2).
    const isAbsent = look(file) === undefined
    accessSync(isAbsent ? this.#folder : file, constants.R_OK | constants.W_OK)
    refuseStrayJournal(file)
    this.#db = new DatabaseFile(driver, file)
    try {
      // SQLite creates its -wal and -shm files at the first read, with the permissions of the database file.
      if (isAbsent) chmodSync(file, 0o600)
      this.#prepareFile(durability, empty)
      // Three simple statements, prepared once: each costs about as much as its commit. An append is ignored if there
      // is no row `seq` (its entries are NULL then), or already one after it.
      this.#append = this.#db.prepare(
        'INSERT OR IGNORE INTO journal VALUES (? + 1, (SELECT ? FROM journal WHERE seq = ?))',
      )
      this.#last = this.#db.prepare('SELECT max(seq) FROM journal')
      this.#after = this.#db.prepare('SELECT seq, entries FROM journal WHERE seq > ? ORDER BY seq')
      this.last()
      this.#identities = ['', '-wal', '-shm'].map((suffix) => [file + suffix, identityOf(look(file + suffix))])
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** What identifies the file, as long as it exists. */
  get identity(): string {
    return this.#identities[0]?.[1] ?? ''
  }

  #prepareFile(durability: Durability, empty: string | undefined): void {
    const db = this.#db
    // Small pages: an append writes one whole page.
    db.exec(`PRAGMA file.page_size = ${PAGE_BYTES}`)
    this.#version()
    this.#setWal()
    db.exec(`PRAGMA file.synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}; PRAGMA wal_autocheckpoint = 4000`)
    this.locked(() => {
      const version = this.#version()
      if (version === SCHEMA) return
      const [tables] = db.values('SELECT count(*) FROM file.sqlite_schema')
      if (version !== 0 || tables !== 0)
        throw new JournalError('SQLITE_NOTADB', 'It is the database of something else.')
      if (empty === undefined) throw new JournalError('NONE', `${this.#file} has nothing in it yet.`)
      db.exec(TABLES)
      db.prepare("INSERT INTO journal VALUES (0, '[]')").run([])
      db.prepare('INSERT INTO snapshot VALUES (1, 0, ?)').run([empty])
      db.exec(`PRAGMA file.application_id = ${APPLICATION_ID}; PRAGMA file.user_version = ${SCHEMA}`)
      this.isNew = true
    })
  }

  /**
   * The schema of a ledger; another number for the database of something else.
   *
   * @throws JournalError `NEWER`, `OLDER` for a ledger that this version does not know
   */
  #version(): number {
    const version = Number(this.#pragma('user_version'))
    if (this.#pragma('application_id') !== APPLICATION_ID) return version === SCHEMA ? -1 : version
    if (version > SCHEMA) throw new JournalError('NEWER', `${this.#file} has schema ${version}.`)
    if (version < SCHEMA) throw new JournalError('OLDER', `${this.#file} has schema ${version}.`)
    return version
  }

  /**
   * Sets the file to WAL, unless it is. After an error SQLite may report WAL for a file that is not: only a connection
   * made anew reads what the file is. A change that failed is asked for once more.
   */
  #setWal(): void {
    for (let tries = 0; tries < 2; tries++) {
      if (this.#pragma('journal_mode') === 'wal') return
      let failed: unknown
      try {
        this.#db.values('PRAGMA file.journal_mode = WAL')
      } catch (error) {
        failed = error
      }
      this.#db.detach()
      refuseStrayJournal(this.#file)
      this.#db.attach()
      if (this.#pragma('journal_mode') === 'wal') return
      if (tries > 0 && failed !== undefined) throw failed
    }
    throw new JournalError('SQLITE_CANTOPEN', 'Its file system does not let processes share memory (a network drive?).')
  }

  #pragma(name: string): unknown {
    return this.#db.values(`PRAGMA file.${name}`)[0]
  }

  /** Appends as number `seq + 1` if `seq` is the last; otherwise changes nothing and returns false. */
  append(seq: number, entries: string): boolean {
    return this.#append.run([seq, entries, seq]) === 1
  }

  /** The number of the last row. */
  last(): number {
    return (this.#last.get([]) as readonly [number])[0]
  }

  /** The rows after number `seq`. They may begin later than that, if those between were folded into the snapshot. */
  after(seq: number): readonly Row[] {
    return this.#after.all([seq]) as Row[]
  }

  /** The entries of the row of that number, if there is one. */
  row(seq: number): string | undefined {
    const [first] = this.after(seq - 1)
    return first?.[0] === seq ? first[1] : undefined
  }

  snapshot(): Row {
    return this.#db.prepare('SELECT seq, state FROM snapshot').get([]) as Row
  }

  /** Does `work` while no other process can write; rolls back all of it if it throws. */
  locked<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      try {
        this.#db.exec('ROLLBACK')
      } catch {
        // SQLite has already rolled back, as it does when a disk is full.
      }
      throw error
    }
  }

  /** Replaces the snapshot by the state as of row `seq`, and drops the rows before that. To be called in `locked`. */
  fold(seq: number, state: string, heads: readonly ChainHead[]): void {
    this.#db.prepare('UPDATE snapshot SET seq = ?, state = ?').run([seq, state])
    this.#db.prepare('DELETE FROM journal WHERE seq < ?').run([seq])
    const keep = this.#db.prepare(`
      INSERT INTO head VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET seq = excluded.seq, hash = excluded.hash, ending = excluded.ending
      WHERE excluded.seq > seq OR excluded.seq = seq AND ending = ''
    `)
    for (const { file, seq, hash, end = '' } of heads) keep.run([file, seq, hash, end])
  }

  /** The heads as of the snapshot. */
  heads(): ChainHead[] {
    const rows = this.#db.prepare('SELECT file, seq, hash, ending FROM head').all([]) as HeadRow[]
    return rows.map(([file, seq, hash, end]) => ({ file, seq, hash, end: end === '' ? undefined : end }))
  }

  /**
   * Looks at the folder, and at the files only after a change in it: each reservation asks for this.
   *
   * @throws JournalError `REPLACED` if the file was deleted or replaced: other processes would then count in another
   *   one; `WAL_GONE` if its -wal or -shm file was, of which other processes then make a new one
   */
  checkInPlace(): void {
    const changedAt = look(this.#folder)?.mtimeMs
    if (changedAt === this.#comparedAt) return
    for (const [path, identity] of this.#identities) {
      if (identityOf(look(path)) === identity) continue
      if (path === this.#file) throw replaced('The file was removed or replaced while it was in use.')
      throw new JournalError('WAL_GONE', `${path} was removed or replaced while it was in use.`)
    }
    if (changedAt !== undefined && systemClock.now() - changedAt > TICK_MS) this.#comparedAt = changedAt
  }

  close(): void {
    this.#db.close()
  }
}

function look(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

function identityOf(stats: Stats | undefined): string {
  return stats === undefined ? '' : `${stats.dev}:${stats.ino}`
}

/**
 * A file in WAL has no rollback journal. One that was left beside it, by a process that could not delete it when it
 * created the file, would let SQLite undo all that was written since.
 *
 * @throws JournalError `SQLITE_BUSY_JOURNAL`: another process may be about to delete it
 */
function refuseStrayJournal(file: string): void {
  if (!look(`${file}-journal`)?.size) return
  // Until a file is in WAL it has one page at most, and no -wal file. Then SQLite is right to undo it.
  if (!look(`${file}-wal`)?.size && (look(file)?.size ?? 0) <= PAGE_BYTES) return
  throw new JournalError('SQLITE_BUSY_JOURNAL', `${file}-journal is beside a file that has none.`)
}

export function replaced(message: string): JournalError {
  return new JournalError('REPLACED', message)
}

/**
 * What the file system's clock shows, ms: the time of a folder that is made beside the file and removed at once.
 * Undefined where that cannot be done.
 */
export function fileSystemTime(file: string): number | undefined {
  try {
    const made = mkdtempSync(`${file}-time-`)
    try {
      return Math.floor(statSync(made).mtimeMs)
    } finally {
      rmdirSync(made)
    }
  } catch {
    return undefined
  }
}
