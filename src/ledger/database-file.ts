import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { messageOf } from '../base/errors.js'
import type { Connection, SqliteDriver, Statement } from './sqlite/driver.js'

/** An error with a code, as SQLite's own errors have: the code decides what the user can do. */
export class JournalError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * How long SQLite's own busy handler may block the event loop, ms. SQLite measures it: a clock cannot be passed in. A
 * longer wait is the caller's, which retries later.
 */
const SQLITE_BUSY_MS = 10
/** How many descriptors a database takes: the file, its -wal, its -shm, and the folder for a moment. */
const FILE_DESCRIPTORS = 4

let driverStarted = false

/**
 * A database file, attached to a connection in memory under the name `file`. A connection that has statements is closed
 * only when a garbage collection has found all of them; a file is detached at once, and with it go its descriptors,
 * locks and, if no process has it open any more, its -wal file.
 */
export class DatabaseFile {
  /** The file as ATTACH takes it. */
  readonly #address: string
  readonly #db: Connection

  constructor(driver: SqliteDriver, path: string) {
    this.#address = driver.address(path)
    if (!driverStarted) requireDescriptors(driver.descriptors)
    this.#db = driver.connect(':memory:', SQLITE_BUSY_MS)
    driverStarted = true
    this.attach()
  }

  /** Opens the file. SQLite creates it if it does not exist. */
  attach(): void {
    try {
      this.#db.exec(`ATTACH '${this.#address.replaceAll("'", "''")}' AS file`)
    } catch (error) {
      if ((error as { code?: unknown }).code === 'SQLITE_CANTOPEN') requireDescriptors(FILE_DESCRIPTORS)
      throw error
    }
  }

  /** Closes the file. */
  detach(): void {
    try {
      this.#db.exec('DETACH file')
    } catch {
      // SQLite detaches no file in a transaction, and one that failed may still be open.
      this.#db.exec('ROLLBACK')
      this.#db.exec('DETACH file')
    }
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  prepare(sql: string): Statement {
    return this.#db.prepare(sql)
  }

  /** The first column of the rows of a query, read to the end: an error after the first row is an error. */
  values(sql: string): unknown[] {
    return this.#db
      .prepare(sql)
      .all([])
      .map(([value]) => value)
  }

  /** Closes the file and the connection, whatever state they are in. */
  close(): void {
    try {
      this.detach()
    } catch {
      // It was not attached; or it stays open until a garbage collection.
    }
    this.#db.close()
  }
}

/** @throws JournalError `EMFILE` if this process may not open so many more files */
function requireDescriptors(count: number): void {
  const opened: number[] = []
  try {
    while (opened.length < count) opened.push(openSync(devNull, 'r'))
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'EMFILE' || code === 'ENFILE') throw new JournalError('EMFILE', messageOf(error))
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}
