import { accessSync, chmodSync, constants, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ChainHead } from '../base/chain.js'
import { messageOf } from '../base/errors.js'

/** What a committed entry has to survive: the end of a process, or also a power failure of the machine. */
export type Durability = 'process' | 'power'

/** The part of a SQLite connection that is used here. */
interface Connection {
  exec(sql: string): unknown
  prepare(sql: string): Statement
  close(): unknown
}

interface Statement {
  raw(): Statement
  run(parameters: readonly (string | number)[]): { readonly changes: number }
  get(parameters: readonly (string | number)[]): unknown
  all(parameters: readonly (string | number)[]): unknown[]
}

/** Opens a database file; `timeout` is how long a call may block while another process writes, ms. */
export type Connect = new (file: string, options: { readonly timeout: number }) => Connection

/** An error with a code, as SQLite's own errors have: the code decides what the user can do. */
export class JournalError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** "SGLG", by which `file ledger.db` and this package recognise a ledger. */
const APPLICATION_ID = 0x53474c47
/** The version of the tables, the entries and the saved state. A change of meaning is another number. */
const SCHEMA = 1
/**
 * How long SQLite's own busy handler may block the event loop, ms. SQLite measures it: a clock cannot be passed in. A
 * longer wait is the caller's, which retries later.
 */
const SQLITE_BUSY_MS = 10

/*
 * journal:  what was decided, in order. The row of the highest `seq` is never deleted: an append checks it.
 * snapshot: one row, the ledger's state after entry `seq`; the journal before that is no longer needed.
 * head:     the latest head of each audit file, as of the snapshot. Apart, because it grows with the number of files.
 */
const TABLES = `
  CREATE TABLE journal (seq INTEGER PRIMARY KEY, entries TEXT NOT NULL);
  CREATE TABLE snapshot (only INTEGER PRIMARY KEY CHECK (only = 1), seq INTEGER NOT NULL, state TEXT NOT NULL);
  CREATE TABLE head (
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
  readonly #file: string
  readonly #inode: number
  readonly #db: Connection
  readonly #append: Statement
  readonly #last: Statement
  readonly #after: Statement

  /** @param empty the JSON of an empty state, for a file that is new */
  constructor(Database: Connect, file: string, durability: Durability, empty: string) {
    this.#file = file
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // The file is not opened here to look at it. When a process closes a file, POSIX releases all its locks on that
    // file, those of its SQLite connections too. Another process that then closes the database takes itself for the
    // last one and deletes the -wal file, with what the others have yet to write
    // (https://www.sqlite.org/howtocorrupt.html, 2.2).
    const isNew = !statSync(file, { throwIfNoEntry: false })
    accessSync(isNew ? dirname(file) : file, constants.R_OK | constants.W_OK)
    this.#db = connect(Database, file)
    try {
      // SQLite creates its -wal and -shm files at the first read, with the permissions of the database file.
      if (isNew) chmodSync(file, 0o600)
      this.#inode = statSync(file).ino
      this.#prepareFile(durability, empty)
      // Three simple statements, prepared once: each costs about as much as its commit.
      this.#append = this.#db.prepare('INSERT INTO journal SELECT ?1 + 1, ?2 WHERE (SELECT max(seq) FROM journal) = ?1')
      this.#last = this.#db.prepare('SELECT max(seq) FROM journal').raw()
      this.#after = this.#db.prepare('SELECT seq, entries FROM journal WHERE seq > ? ORDER BY seq').raw()
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  #prepareFile(durability: Durability, empty: string): void {
    const db = this.#db
    // Small pages: an append writes one whole page.
    db.exec('PRAGMA page_size = 1024')
    if (this.#pragma('user_version') > SCHEMA) throw newer(this.#file)
    const mode = db.prepare('PRAGMA journal_mode = WAL').raw().get([])
    if (!Array.isArray(mode) || mode[0] !== 'wal') {
      throw new JournalError(
        'SQLITE_CANTOPEN',
        'Its file system does not let processes share memory (a network drive?).',
      )
    }
    db.exec(`PRAGMA synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}; PRAGMA wal_autocheckpoint = 4000`)
    this.locked(() => {
      const version = this.#pragma('user_version')
      if (version > SCHEMA) throw newer(this.#file)
      if (version === SCHEMA && this.#pragma('application_id') === APPLICATION_ID) return
      const tables = db.prepare('SELECT count(*) FROM sqlite_schema').raw().get([]) as [number]
      if (version !== 0 || tables[0] !== 0)
        throw new JournalError('SQLITE_NOTADB', 'It is the database of something else.')
      db.exec(TABLES)
      db.prepare("INSERT INTO journal VALUES (0, '[]')").run([])
      db.prepare('INSERT INTO snapshot VALUES (1, 0, ?)').run([empty])
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA}`)
    })
  }

  #pragma(name: string): number {
    return (this.#db.prepare(`PRAGMA ${name}`).raw().get([]) as [number])[0]
  }

  /** Appends as number `seq + 1` if `seq` is the last; otherwise changes nothing and returns false. */
  append(seq: number, entries: string): boolean {
    return this.#append.run([seq, entries]).changes === 1
  }

  /** The number of the last row. */
  last(): number {
    return (this.#last.get([]) as [number])[0]
  }

  /** The rows after number `seq`. They may begin later than that, if those between were folded into the snapshot. */
  after(seq: number): readonly Row[] {
    return this.#after.all([seq]) as Row[]
  }

  snapshot(): Row {
    return this.#db.prepare('SELECT seq, state FROM snapshot').raw().get([]) as Row
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
    const rows = this.#db.prepare('SELECT file, seq, hash, ending FROM head').raw().all([]) as HeadRow[]
    return rows.map(([file, seq, hash, end]) => ({ file, seq, hash, end: end === '' ? undefined : end }))
  }

  /**
   * @throws JournalError `REPLACED` if the file was deleted or replaced: other processes would then count in another
   *   one
   */
  checkInPlace(): void {
    if (statSync(this.#file, { throwIfNoEntry: false })?.ino !== this.#inode) {
      throw new JournalError('REPLACED', 'The file was removed or replaced while it was in use.')
    }
  }

  close(): void {
    this.#db.close()
  }
}

function connect(Database: Connect, file: string): Connection {
  try {
    return new Database(file, { timeout: SQLITE_BUSY_MS })
  } catch (error) {
    throw new JournalError('SQLITE_CANTOPEN', messageOf(error))
  }
}

function newer(file: string): JournalError {
  return new JournalError('NEWER', `${file} has a schema that this version does not know.`)
}
