import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditEvent, AuditSink } from '../../src/audit/sink.js'
import { verifyAudit } from '../../src/audit/verify.js'
import { authorized, NOON } from './events.js'
import { linesOf, logFiles, temporaryFolder } from './folder.js'

const WORKS = { writes: undefined, truncates: true, stats: true, creates: true }
/** What fails: a write after so many bytes of it, and each call that would repair the file after that. */
const disk: { writes: number | undefined; truncates: boolean; stats: boolean; creates: boolean } = { ...WORKS }
const { openSync, fstatSync, ftruncateSync, writeSync } = fs

function full(): never {
  throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
}

beforeAll(() => {
  Object.assign(fs, {
    openSync: (...args: Parameters<typeof openSync>) => (disk.creates ? openSync(...args) : full()),
    ftruncateSync: (...args: Parameters<typeof ftruncateSync>) => (disk.truncates ? ftruncateSync(...args) : full()),
    fstatSync: (fd: number) => (disk.stats || disk.writes !== 0 ? fstatSync(fd) : full()),
    writeSync(fd: number, data: Buffer, from: number, length: number) {
      if (disk.writes === undefined) return writeSync(fd, data, from, length)
      const left = Math.min(disk.writes, length)
      disk.writes -= left
      return left === 0 ? full() : writeSync(fd, data, from, left)
    },
  })
  syncBuiltinESMExports()
})
afterAll(() => {
  Object.assign(fs, { openSync, fstatSync, ftruncateSync, writeSync })
  syncBuiltinESMExports()
})

let folder: ReturnType<typeof temporaryFolder>
let dir: string
let sink: AuditSink
beforeEach(async () => {
  folder = temporaryFolder()
  dir = join(folder.path, 'audit')
  sink = jsonlAudit({ dir })
  await sink.open('checkout-tests', NOON)
})
afterEach(async () => {
  Object.assign(disk, WORKS)
  await sink.close()
  folder.remove()
})

const batch: readonly AuditEvent[] = ['a', 'b', 'c'].map((solveId) => ({ ...authorized, solveId }))
/** The bytes of the file that two whole lines of the batch and a part of the third are. */
const PARTS = [0, 1, 700, 2000, 2050]

describe('a batch that was written in part and cannot be removed again', () => {
  it.each(PARTS)('leaves a log that verifies, after %i bytes', async (bytes) => {
    for (const stats of [true, false]) {
      Object.assign(disk, { writes: bytes, truncates: false, stats })
      expect(() => sink.write(batch)).toThrow(expect.objectContaining({ code: 'AUDIT_UNAVAILABLE' }))
      Object.assign(disk, WORKS)
      await sink.write(batch)
    }
    await sink.close()
    expect(logFiles(dir).length).toBeGreaterThan(1)
    expect(await verifyAudit(dir)).toMatchObject({ ok: true })
    expect(await verifyAudit(dir, { heads: sink.head ? [sink.head] : [] })).toMatchObject({ ok: true })
  })

  it.each(PARTS)('leaves a log that verifies although the disk stays as it is, after %i bytes', async (bytes) => {
    await sink.write([authorized])
    Object.assign(disk, { writes: bytes, truncates: false, creates: false })
    expect(() => sink.write(batch)).toThrow(expect.objectContaining({ code: 'AUDIT_UNAVAILABLE' }))
    expect(() => sink.write(batch)).toThrow(expect.objectContaining({ code: 'AUDIT_UNAVAILABLE' }))
    await sink.close()
    disk.creates = true
    const whole = linesOf(join(dir, logFiles(dir)[0] ?? '')).filter((line) => line.endsWith('}}'))
    const result = await verifyAudit(dir, { heads: sink.head ? [sink.head] : [] })
    expect(result).toMatchObject({ ok: true, records: whole.length })
  })
})
