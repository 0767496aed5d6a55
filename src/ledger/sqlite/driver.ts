/** A row of a result: its values, in the order of the columns. */
export type SqlRow = readonly unknown[]

export type SqlParameters = readonly (string | number)[]

/** A prepared statement. */
export interface Statement {
  /** Runs it; returns how many rows it changed. */
  run(parameters: SqlParameters): number
  /** The first row, if there is one. */
  get(parameters: SqlParameters): SqlRow | undefined
  /** All rows, read to the end: an error after the first row is an error. */
  all(parameters: SqlParameters): SqlRow[]
}

/** A connection to a database, to which others can be attached. */
export interface Connection {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

/**
 * The part of a SQLite library that a file ledger uses. Every error of it has SQLite's name of the kind of error as its
 * `code`, such as `SQLITE_BUSY`, perhaps followed by the name of a kind of that kind, as `SQLITE_IOERR_READ`.
 */
export interface SqliteDriver {
  /** `node:sqlite` or `libsql`. */
  readonly name: string
  /**
   * How many files this process has to be able to open for the first connection. With fewer the library may fail
   * half-way, or abort the process.
   */
  readonly descriptors: number
  /**
   * @param file its path, or `:memory:`
   * @param busyMs how long a call may block while another process writes; SQLite measures it, ms
   */
  connect(file: string, busyMs: number): Connection
  /** A file as ATTACH takes it, so that SQLite's own functions for files read and write it. */
  address(path: string): string
}
