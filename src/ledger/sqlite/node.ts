import process from 'node:process'
import { messageOf } from '../../base/errors.js'
import type { Connection, SqliteDriver, SqlParameters, SqlRow, Statement } from './driver.js'

/** What of `node:sqlite` exists in all versions since 22.13. Its busy time-out and rows as lists came later. */
interface NodeSqlite {
  readonly DatabaseSync: new (
    file: string,
  ) => {
    exec(sql: string): void
    prepare(sql: string): NodeStatement
    close(): void
  }
}

interface NodeStatement {
  run(...parameters: SqlParameters): { readonly changes: number | bigint }
  get(...parameters: SqlParameters): object | undefined
  all(...parameters: SqlParameters): object[]
}

/** `node:sqlite`, or undefined where this runtime was built or started without it. */
export function nodeDriver(): SqliteDriver | undefined {
  const library = withoutItsWarning(() => process.getBuiltinModule('node:sqlite') as unknown) as NodeSqlite | undefined
  if (typeof library?.DatabaseSync !== 'function') return undefined
  return {
    name: 'node:sqlite',
    // Of a new file: itself, its journal, the folder, its -wal and -shm files, and one more.
    descriptors: 6,
    connect: (file, busyMs) => new NodeConnection(library, file, busyMs),
    address: (path) => path,
  }
}

/**
 * Loads it without the warning that it is experimental, which Node 22 prints once. `process` is Node's own, where a
 * test runner such as Jest has another in its place; every other warning is passed on.
 */
function withoutItsWarning<T>(load: () => T): T {
  const real = process.getBuiltinModule('node:process')
  const own = Object.getOwnPropertyDescriptor(real, 'emitWarning')
  const { emitWarning } = real
  const filtered = (...args: readonly unknown[]): void => {
    const [warning, type] = args
    if (type === 'ExperimentalWarning' && /^SQLite\b/.test(String(warning))) return
    Reflect.apply(emitWarning, real, args)
  }
  if (!Reflect.defineProperty(real, 'emitWarning', { value: filtered, configurable: true, writable: true })) {
    return load()
  }
  try {
    return load()
  } finally {
    if (own) Object.defineProperty(real, 'emitWarning', own)
    else Reflect.deleteProperty(real, 'emitWarning')
  }
}

class NodeConnection implements Connection {
  readonly #db: InstanceType<NodeSqlite['DatabaseSync']>

  constructor({ DatabaseSync }: NodeSqlite, file: string, busyMs: number) {
    this.#db = new DatabaseSync(file)
    this.exec(`PRAGMA busy_timeout = ${busyMs}`)
  }

  exec(sql: string): void {
    try {
      this.#db.exec(sql)
    } catch (error) {
      throw named(error)
    }
  }

  prepare(sql: string): Statement {
    try {
      return new PreparedStatement(this.#db.prepare(sql))
    } catch (error) {
      throw named(error)
    }
  }

  close(): void {
    this.#db.close()
  }
}

class PreparedStatement implements Statement {
  readonly #statement: NodeStatement

  constructor(statement: NodeStatement) {
    this.#statement = statement
  }

  run(parameters: SqlParameters): number {
    try {
      return Number(this.#statement.run(...parameters).changes)
    } catch (error) {
      throw named(error)
    }
  }

  get(parameters: SqlParameters): SqlRow | undefined {
    try {
      const row = this.#statement.get(...parameters)
      return row && Object.values(row)
    } catch (error) {
      throw named(error)
    }
  }

  all(parameters: SqlParameters): SqlRow[] {
    try {
      return this.#statement.all(...parameters).map((row) => Object.values(row))
    } catch (error) {
      throw named(error)
    }
  }
}

/** SQLite's kinds of errors, by number (https://www.sqlite.org/rescode.html), with the text of each. */
const KINDS: Readonly<Record<number, readonly [name: string, text?: RegExp]>> = {
  1: ['ERROR'],
  2: ['INTERNAL'],
  3: ['PERM', /access permission denied/],
  4: ['ABORT'],
  5: ['BUSY', /database is locked/],
  6: ['LOCKED', /table is locked/],
  7: ['NOMEM', /out of memory/],
  8: ['READONLY', /readonly database/],
  9: ['INTERRUPT', /interrupted/],
  10: ['IOERR', /disk I\/O error/],
  11: ['CORRUPT', /disk image is malformed/],
  13: ['FULL', /disk is full/],
  14: ['CANTOPEN', /unable to open database/],
  15: ['PROTOCOL', /locking protocol/],
  17: ['SCHEMA', /schema has changed/],
  18: ['TOOBIG'],
  19: ['CONSTRAINT', /constraint failed/],
  20: ['MISMATCH'],
  21: ['MISUSE'],
  22: ['NOLFS'],
  23: ['AUTH'],
  25: ['RANGE'],
  26: ['NOTADB', /not a database/],
}

/** The error with SQLite's name as its code. Deno gives the text only, Node the number too. */
function named(error: unknown): Error {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (code !== 'ERR_SQLITE_ERROR') return error as Error
  const message = messageOf(error)
  const kind =
    typeof errcode === 'number' ? KINDS[errcode & 0xff] : Object.values(KINDS).find(([, text]) => text?.test(message))
  return Object.assign(new Error(message, { cause: error }), { code: `SQLITE_${kind?.[0] ?? 'ERROR'}` })
}
