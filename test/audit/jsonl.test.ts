import {
  appendFileSync,
  closeSync,
  fstatSync,
  openSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { recordSchema } from '../../src/audit/schema.js'
import type { AuditSink } from '../../src/audit/sink.js'
import { verifyAudit } from '../../src/audit/verify.js'
import { authorized, NOON } from './events.js'
import { logFiles, recordsOf, temporaryFolder } from './folder.js'

const DAY = 86_400_000

let folder: ReturnType<typeof temporaryFolder>
let dir: string
let sink: AuditSink
beforeEach(() => {
  folder = temporaryFolder()
  dir = join(folder.path, 'state', 'audit')
  sink = jsonlAudit({ dir })
})
afterEach(async () => {
  await sink.close()
  folder.remove()
})

/** The only log file, or the one at `index`. */
function fileAt(index = 0): string {
  return join(dir, logFiles(dir)[index] ?? 'no such file')
}

describe('jsonlAudit', () => {
  it('names a file by day, process and a random part, readable by its owner only', async () => {
    await sink.open('checkout-tests', NOON)
    expect(logFiles(dir)).toEqual([
      expect.stringMatching(new RegExp(`^2026-11-24-${process.pid}-[0-9a-f]{12}-0001\\.jsonl$`)),
    ])
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    expect(statSync(fileAt()).mode & 0o777).toBe(0o600)
  })

  it('begins a file with a record of its name and the guard', async () => {
    await sink.open('checkout-tests', NOON)
    const [first] = recordsOf(fileAt())
    expect(first).toMatchObject({
      event: { action: 'opened', sequence: 1 },
      service: { name: 'checkout-tests' },
      solveguard: { file: { name: logFiles(dir)[0] } },
    })
    recordSchema.parse(first)
  })

  it('has a head that verification accepts', async () => {
    await sink.open('checkout-tests', NOON)
    expect(sink.head).toMatchObject({ file: logFiles(dir)[0], seq: 1 })
    await sink.write([authorized, authorized])
    const { head } = sink
    expect(head).toMatchObject({ file: logFiles(dir)[0], seq: 3 })
    expect(await verifyAudit(dir, { heads: head ? [head] : [] })).toMatchObject({ ok: true, records: 3 })
    await sink.close()
    expect(sink.head).toEqual({ ...head, end: 'whole' })
  })

  it('begins a new file for a new day, with the head of the one before', async () => {
    await sink.open('checkout-tests', NOON)
    await sink.write([authorized])
    const head = { ...sink.head, end: 'whole' }
    await sink.write([{ ...authorized, at: NOON + DAY }])
    expect(logFiles(dir)).toHaveLength(2)
    expect(recordsOf(fileAt(1))[0]).toMatchObject({
      event: { action: 'opened' },
      solveguard: { file: { name: logFiles(dir)[1], continues: head } },
    })
    expect(logFiles(dir)[1]).toMatch(/^2026-11-25-/)
    expect(await verifyAudit(dir)).toMatchObject({ ok: true, records: 4 })
  })

  it('stays in its file when the clock is set back', async () => {
    await sink.open('checkout-tests', NOON)
    await sink.write([{ ...authorized, at: NOON - 3 * DAY }])
    expect(logFiles(dir)).toHaveLength(1)
    expect(recordsOf(fileAt())).toHaveLength(2)
  })

  it('survives a clock with a wrong time', async () => {
    await sink.open('checkout-tests', NOON)
    for (const at of [Number.NaN, 1e300, Number.NEGATIVE_INFINITY]) await sink.write([{ ...authorized, at }])
    expect(await verifyAudit(dir)).toMatchObject({ ok: true })
  })

  it('begins a new file when one has grown to its size', async () => {
    sink = jsonlAudit({ dir, maxFileBytes: 65_536 })
    await sink.open('checkout-tests', NOON)
    for (let count = 0; count < 200; count++) await sink.write([authorized])
    expect(logFiles(dir).length).toBeGreaterThan(1)
    for (const file of logFiles(dir)) expect(statSync(join(dir, file)).size).toBeLessThan(70_000)
    expect(await verifyAudit(dir)).toMatchObject({ ok: true, records: 200 + logFiles(dir).length })
  })

  it('continues in a new file when its file was deleted, and verification reports the old one as missing', async () => {
    await sink.open('checkout-tests', NOON)
    await sink.write([authorized])
    const lost = logFiles(dir)[0] ?? ''
    unlinkSync(fileAt())
    await sink.write([authorized])
    expect(recordsOf(fileAt()).map((record) => record.event.action)).toEqual(['opened', 'authorized'])
    const result = await verifyAudit(dir)
    expect(result).toMatchObject({ ok: false, firstBad: { file: lost, line: 0, problem: 'missing' } })
  })

  it.each([
    ['added to', (path: string) => appendFileSync(path, 'x\n'), { line: 3, problem: 'added' }],
    ['emptied', (path: string) => truncateSync(path), { line: 1, problem: 'missing' }],
  ])('continues in a new file when its file was %s, and verification reports the line', async (_, meddle, bad) => {
    await sink.open('checkout-tests', NOON)
    await sink.write([authorized])
    const file = logFiles(dir)[0] ?? ''
    meddle(fileAt())
    await sink.write([authorized])
    expect(logFiles(dir)).toHaveLength(2)
    const { files } = await verifyAudit(dir)
    expect(files.find((one) => one.file === file)?.firstBad).toMatchObject(bad)
    expect(files.find((one) => one.file !== file)).toMatchObject({ ok: true, records: 2 })
  })

  it('does not write to another file when its descriptor was closed and reused', async () => {
    // The lowest free number is the next to be given.
    const fd = openSync(folder.path, 'r')
    closeSync(fd)
    await sink.open('checkout-tests', NOON)
    expect(fstatSync(fd).ino).toBe(statSync(fileAt()).ino)
    closeSync(fd)
    const other = join(folder.path, 'other.txt')
    const taken = openSync(other, 'w')
    expect(taken).toBe(fd)
    await sink.write([authorized])
    expect(sink.head?.seq).toBe(2)
    expect(fstatSync(taken).size).toBe(0)
    await sink.close()
    closeSync(taken)
    expect(await verifyAudit(dir)).toMatchObject({ ok: true })
  })

  it('states where and why it cannot be opened, and what to do', async () => {
    const file = join(folder.path, 'file')
    writeFileSync(file, '')
    sink = jsonlAudit({ dir: join(file, 'audit') })
    expect(() => sink.open('checkout-tests', NOON)).toThrow(
      /file\/audit cannot be written .*ENOTDIR.*choose another `dir`/,
    )
  })

  it('is for one guard at a time', async () => {
    await sink.open('checkout-tests', NOON)
    expect(() => sink.open('other', NOON)).toThrow(/one with jsonlAudit\(\) for each guard/)
  })

  it.each([{ durability: 'none' }, { maxFileBytes: 1 }, { maxFileBytes: Number.NaN }])('refuses %o', (options) => {
    expect(() => jsonlAudit(options as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
