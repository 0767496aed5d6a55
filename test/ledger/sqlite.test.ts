import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SqliteDriver } from '../../src/ledger/sqlite/driver.js'
import { type Libsql, libsqlDriver } from '../../src/ledger/sqlite/libsql.js'
import { loadSqlite } from '../../src/ledger/sqlite/load.js'
import { nodeDriver } from '../../src/ledger/sqlite/node.js'

// Each uses files of its own: two libraries on one file in one process would release each other's locks.
const drivers: SqliteDriver[] = [libsqlDriver(createRequire(import.meta.url)('libsql') as Libsql)]
const own = nodeDriver()
if (own) drivers.push(own)

it('is the one of Node where Node has one, whatever is installed', async () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const expected = major > 22 || (major === 22 && minor >= 13) ? 'node:sqlite' : 'libsql'
  expect((await loadSqlite()).name).toBe(expected)
})

describe.each(drivers)('the SQLite driver $name', (driver) => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'solveguard-sqlite-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  /** A connection in memory with a file attached as `file`. */
  function attached(name: string) {
    const db = driver.connect(':memory:', 0)
    db.exec(`ATTACH '${driver.address(join(dir, name)).replaceAll("'", "''")}' AS file`)
    return db
  }

  function codeOf(work: () => unknown): unknown {
    try {
      work()
    } catch (error) {
      expect(error).toBeInstanceOf(Error)
      return (error as { code?: unknown }).code
    }
    return 'no error'
  }

  it('runs statements, counts changes, and returns rows as lists in the order of the columns', () => {
    const db = attached('a.db')
    db.exec('CREATE TABLE file.t (n INTEGER PRIMARY KEY, text TEXT NOT NULL)')
    const insert = db.prepare('INSERT OR IGNORE INTO t VALUES (?, ?)')
    expect([insert.run([2, 'two']), insert.run([1, 'one']), insert.run([1, 'again'])]).toEqual([1, 1, 0])
    const rows = db.prepare('SELECT text, n FROM t WHERE n > ? ORDER BY n')
    expect(rows.all([0])).toEqual([
      ['one', 1],
      ['two', 2],
    ])
    expect([rows.get([1]), rows.get([2])]).toEqual([['two', 2], undefined])
    db.exec('DETACH file')
    db.close()
  })

  it.each(["it's.db", 'a b.db', '100%.db', 'a?b.db', 'a#b.db', 'ä.db', 'file:x.db'])(
    'attaches a file named %s',
    (name) => {
      const [first, second] = [attached(name), attached(name)]
      first.exec('CREATE TABLE file.t (n); INSERT INTO file.t VALUES (7)')
      expect(second.prepare('SELECT n FROM file.t').get([])).toEqual([7])
      for (const db of [first, second]) {
        db.exec('DETACH file')
        db.close()
      }
    },
  )

  it('names the kind of every error', () => {
    const [holder, db] = [attached('a.db'), attached('a.db')]
    holder.exec('CREATE TABLE file.t (n INTEGER PRIMARY KEY); INSERT INTO file.t VALUES (1); BEGIN IMMEDIATE')
    expect(codeOf(() => db.exec('BEGIN IMMEDIATE'))).toMatch(/^SQLITE_BUSY/)
    holder.exec('ROLLBACK')
    expect(codeOf(() => db.prepare('INSERT INTO file.t VALUES (1)').run([]))).toMatch(/^SQLITE_CONSTRAINT/)
    expect(codeOf(() => db.prepare('SELECT * FROM nothing').get([]))).toMatch(/^SQLITE_ERROR/)
    expect(codeOf(() => db.exec(`ATTACH '${driver.address(join(dir, 'no', 'a.db'))}' AS other`))).toMatch(
      /^SQLITE_CANTOPEN/,
    )
    writeFileSync(join(dir, 'text.db'), 'not a database, '.repeat(100))
    expect(
      codeOf(() => {
        db.exec(`ATTACH '${driver.address(join(dir, 'text.db'))}' AS text`)
        db.prepare('SELECT * FROM text.sqlite_schema').all([])
      }),
    ).toMatch(/^SQLITE_NOTADB/)
    holder.close()
    db.close()
  })
})

it('is loaded without its warning, and with every other one', () => {
  const { emitWarning } = process
  const said: unknown[] = []
  process.emitWarning = (...args: unknown[]) => void said.push(args)
  try {
    const filtered = process.emitWarning
    nodeDriver()
    expect(process.emitWarning).toBe(filtered)
  } finally {
    process.emitWarning = emitWarning
  }
  expect(said).toEqual([])
})
