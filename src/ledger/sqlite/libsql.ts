import { pathToFileURL } from 'node:url'
import type { Connection, SqliteDriver, SqlParameters, SqlRow, Statement } from './driver.js'

/** What of the package `libsql` is used. */
export type Libsql = new (
  file: string,
  options: { readonly timeout: number },
) => {
  exec(sql: string): unknown
  prepare(sql: string): LibsqlStatement
  close(): unknown
}

interface LibsqlStatement {
  raw(): LibsqlStatement
  run(parameters: SqlParameters): { readonly changes: number }
  get(parameters: SqlParameters): unknown
  all(parameters: SqlParameters): unknown[]
}

export function libsqlDriver(Database: Libsql): SqliteDriver {
  return {
    name: 'libsql',
    // What its thread pool takes when it starts, and some more.
    descriptors: 12,
    connect: (file, busyMs) => connectionOf(new Database(file, { timeout: busyMs })),
    address: addressOf,
  }
}

function connectionOf(db: InstanceType<Libsql>): Connection {
  return {
    exec: (sql) => void db.exec(sql),
    prepare: (sql) => new PreparedStatement(() => db.prepare(sql)),
    close: () => void db.close(),
  }
}

/** Each kind of call has a statement of its own: after one kind libsql may give another the rows of before. */
class PreparedStatement implements Statement {
  readonly #prepare: () => LibsqlStatement
  #run: LibsqlStatement | undefined
  #get: LibsqlStatement | undefined
  #all: LibsqlStatement | undefined

  constructor(prepare: () => LibsqlStatement) {
    this.#prepare = prepare
  }

  run(parameters: SqlParameters): number {
    this.#run ??= this.#prepare()
    return this.#run.run(parameters).changes
  }

  get(parameters: SqlParameters): SqlRow | undefined {
    this.#get ??= this.#prepare().raw()
    return this.#get.get(parameters) as SqlRow | undefined
  }

  all(parameters: SqlParameters): SqlRow[] {
    this.#all ??= this.#prepare().raw()
    return this.#all.all(parameters) as SqlRow[]
  }
}

/**
 * The file as a URI that names the operating system's own file functions. libsql's default is a layer for encryption
 * above those. It takes a read that failed for one that succeeded, so that one error would write what was in memory
 * into the file.
 */
function addressOf(path: string): string {
  const url = pathToFileURL(path)
  url.searchParams.set('vfs', process.platform === 'win32' ? 'win32' : 'unix')
  return url.href
}
