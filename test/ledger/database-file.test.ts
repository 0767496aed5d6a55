import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { SqliteDriver } from '../../src/ledger/sqlite/driver.js'
import { loadSqlite } from '../../src/ledger/sqlite/load.js'

it('the descriptors that a driver starts with are looked for once, and no file but the ledger is opened', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-database-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  // Anew: a driver is started once for each process.
  vi.resetModules()
  const { DatabaseFile } = await import('../../src/ledger/database-file.js')
  const driver = await loadSqlite()
  let looked = 0
  const opened: string[] = []
  const watched: SqliteDriver = {
    name: driver.name,
    address: driver.address,
    connect(file, busyMs) {
      opened.push(file)
      return driver.connect(file, busyMs)
    },
    get descriptors() {
      looked++
      return driver.descriptors
    },
  }
  const counts: number[] = []
  for (const name of ['one.db', 'two.db']) {
    const file = new DatabaseFile(watched, join(dir, name))
    counts.push(looked)
    file.close()
  }
  expect(counts).toEqual([1, 1])
  expect(opened).toEqual([':memory:', ':memory:'])
})
