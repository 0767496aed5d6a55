import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ArchiveStep, archiveAudit, archiveSteps } from '../../src/audit/archive.js'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { keysInAudit } from '../../src/audit/keys.js'
import { openCheck, verifyAudit } from '../../src/audit/verify.js'
import type { ChainHead } from '../../src/base/chain.js'
import { authorized, denied, NOON } from './events.js'
import { folderForEachTest } from './folder.js'

const DAY_MS = 86_400_000
/** No process has it: above the largest that Linux gives. */
const DEAD_PID = 4_194_305

let dir: string
folderForEachTest((path) => {
  dir = path
})

/** A log of one process: a file for each of the days, which it has ended. Returns their heads, and the names. */
async function writeDays(days: number, end = true): Promise<{ heads: ChainHead[]; names: string[] }> {
  const sink = jsonlAudit({ dir })
  const heads: ChainHead[] = []
  await sink.open('checkout-tests', NOON)
  for (let day = 0; day < days; day++) {
    await sink.write([authorized, denied, authorized].map((event) => ({ ...event, at: NOON + day * DAY_MS })))
    if (sink.head) heads.push(sink.head)
  }
  if (end) {
    await sink.close()
    if (sink.head) heads.push(sink.head)
  }
  return { heads, names: readdirSync(dir).sort() }
}

/** Lets a file be that of a process that was killed: the process that runs this test did not write it. */
function orphan(name: string, host = hostname()): void {
  const path = join(dir, name)
  const [, ...lines] = readFileSync(path, 'utf8').split('\n')
  const first = { process: { pid: DEAD_PID }, host: { name: host } }
  writeFileSync(path, [JSON.stringify(first), ...lines].join('\n'))
}

const now = NOON + 40 * DAY_MS

describe('archiveAudit', () => {
  it('compresses the days before one, and all that reads a log reads it as before', async () => {
    const { heads, names } = await writeDays(3)
    const bytes = names.map((name) => readFileSync(join(dir, name)))
    const before = await verifyAudit(dir, { heads })
    const keys = await keysInAudit(dir)
    expect(before.ok).toBe(true)
    const result = await archiveAudit(dir, { before: '2026-11-26', heads, now })
    expect(result).toMatchObject({ ok: true, left: [], archived: names.slice(0, 2).map((file) => ({ file })) })
    expect(readdirSync(dir).sort()).toEqual([`${names[0]}.gz`, `${names[1]}.gz`, names[2]])
    expect(gunzipSync(readFileSync(join(dir, `${names[0]}.gz`)))).toEqual(bytes[0])
    expect(result.archived[0]).toMatchObject({ records: 4, bytes: bytes[0]?.length })
    expect(await verifyAudit(dir, { heads })).toEqual(before)
    expect(await verifyAudit({ file: join(dir, `${names[0]}.gz`) }, { heads })).toMatchObject({ ok: true, records: 4 })
    expect(await verifyAudit({ file: join(dir, names[0] ?? '') }, { heads })).toMatchObject({ ok: true, records: 4 })
    expect(await keysInAudit(dir)).toEqual(keys)
    expect(await archiveAudit(dir, { before: '2026-11-26', heads, now })).toEqual({ ok: true, left: [], archived: [] })
  })

  it("leaves today's files, whatever day is named", async () => {
    const { heads } = await writeDays(2)
    const result = await archiveAudit(dir, { before: '2030-01-01', heads, now: NOON + DAY_MS })
    expect(result.archived.map(({ file }) => file.slice(0, 10))).toEqual(['2026-11-24'])
  })

  it('leaves the file of a process that runs, however old it is, and one that goes on in another file', async () => {
    const { heads, names } = await writeDays(2, false)
    const result = await archiveAudit(dir, { before: '2026-12-20', heads, now })
    // The first was continued by the second, which says where it ended.
    expect(result.archived.map(({ file }) => file)).toEqual([names[0]])
    expect(result.left).toEqual([{ file: names[1], bad: false, reason: expect.stringContaining('may still run') }])
  })

  it('leaves the open file of another machine, and takes that of a process that was killed here', async () => {
    const { heads, names } = await writeDays(1, false)
    const [name = ''] = names
    const log = await openCheck({ dir }, { heads })
    const check = { ...log, verify: async () => verified }
    const verified = { file: name, ok: true, records: 4, unconfirmed: 0, torn: true, firstBad: undefined }
    orphan(name, 'another-host')
    const left = await archiveSteps(check, name).next()
    expect(left.value).toMatchObject({ bad: false, reason: expect.stringContaining('another-host') })
    orphan(name)
    expect((await archiveSteps(check, name).next()).value).toBe('verified')
  })

  it('leaves a file that was altered, and says so', async () => {
    const { heads, names } = await writeDays(2)
    const path = join(dir, names[0] ?? '')
    const altered = readFileSync(path, 'utf8').replace('staging', 'stag1ng')
    writeFileSync(path, altered)
    const result = await archiveAudit(dir, { before: '2026-12-01', heads, now })
    expect(result).toMatchObject({ ok: false, left: [{ file: names[0], bad: true }], archived: [{ file: names[1] }] })
    expect(readFileSync(path, 'utf8')).toBe(altered)
  })

  it('leaves a file that grows while it is compressed', async () => {
    const { heads, names } = await writeDays(1)
    const [name = ''] = names
    const steps = archiveSteps(await openCheck({ dir }, { heads }), name)
    for (let step = await steps.next(); !step.done; step = await steps.next()) {
      if (step.value === 'written') appendFileSync(join(dir, name), '{}\n')
      expect(step.value).not.toBe('renamed')
    }
    expect(readdirSync(dir)).toEqual([name])
  })

  /** Compresses the only file of a log, with a change of the folder after one step: the result, and what is there. */
  async function changedAfter(step: ArchiveStep, change: (path: string) => void) {
    const { heads, names } = await writeDays(1)
    const [name = ''] = names
    const steps = archiveSteps(await openCheck({ dir }, { heads }), name)
    for (;;) {
      const next = await steps.next()
      if (next.done) return { name, result: next.value, there: readdirSync(dir), heads }
      if (next.value === step) change(join(dir, name))
    }
  }

  it('leaves a file that is altered after it was verified, also where its size and time are as before', async () => {
    const { name, result, there } = await changedAfter('verified', (path) => {
      const { atime, mtime } = statSync(path)
      writeFileSync(path, readFileSync(path, 'utf8').replace('staging', 'stag1ng'))
      utimesSync(path, atime, mtime)
    })
    expect(result).toMatchObject({ file: name, bad: false })
    expect(there).toEqual([name])
  })

  it.each([
    ['another file takes its place', (path: string) => renameSync(copyOf(path), path)],
    ['it is cut off', (path: string) => truncateSync(path, 10)],
    ['it is touched', (path: string) => utimesSync(path, now / 1000, now / 1000)],
  ])('leaves a file where, while it is compressed, %s', async (_, change) => {
    const { name, result, there } = await changedAfter('created', change)
    expect(result).toMatchObject({ file: name, bad: false })
    expect(there).toEqual([name])
  })

  function copyOf(path: string): string {
    writeFileSync(`${path}.copy`, readFileSync(path))
    return `${path}.copy`
  }

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, -9)],
    ['empty', () => Buffer.alloc(0)],
    ['that of another file', () => gzipSync('{}\n')],
    ['as valid, with other bytes', (bytes: Buffer) => gzipSync(Buffer.concat([gunzipSync(bytes), Buffer.from('{')]))],
  ])(
    'leaves a file whose compressed copy is %s: the disk has failed, or another process wrote to it',
    async (_, to) => {
      const { name, result, there, heads } = await changedAfter('written', () => {
        const copy = join(dir, readdirSync(dir).find((each) => each.endsWith('.tmp')) ?? '')
        writeFileSync(copy, to(readFileSync(copy)))
      }).catch((error: unknown) => expect.fail(String(error)))
      expect(result).toMatchObject({ file: name, bad: false, reason: expect.stringContaining('check the disk') })
      expect(there).toEqual([name])
      expect((await verifyAudit(dir, { heads })).ok).toBe(true)
    },
  )

  it('gives the compressed copy to its user alone', async () => {
    const { result, there } = await changedAfter('compared', () => {
      const [copy = ''] = readdirSync(dir).filter((each) => each.endsWith('.tmp'))
      expect(statSync(join(dir, copy)).mode & 0o777).toBe(0o600)
    })
    expect(result).toMatchObject({ records: 4 })
    expect(there).toHaveLength(1)
  })

  it('leaves no temporary file where it is refused', async () => {
    const taken = changedAfter('compared', (path) => mkdirSync(`${path}.gz`))
    await expect(taken).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    expect(readdirSync(dir).map((name) => name.replace(/.*\.jsonl/, ''))).toEqual(['', '.gz'])
  })

  it('compresses what a process left that was killed, with the lines that no head confirms', async () => {
    const { heads, names } = await writeDays(1, false)
    const [name = ''] = names
    const log = await openCheck({ dir }, { heads })
    orphan(name)
    const reasonOf = async (problem: 'unconfirmed' | 'unknown' | 'altered' | 'missing', line = 2) => {
      const firstBad = { line, problem, reason: 'It is so.' }
      const verified = { file: name, ok: false, records: 4, unconfirmed: 1, torn: false, firstBad }
      return (await archiveSteps({ ...log, verify: async () => verified }, name).next()).value
    }
    expect([await reasonOf('unconfirmed'), await reasonOf('unknown')]).toEqual(['verified', 'verified'])
    for (const problem of ['altered', 'missing'] as const) {
      expect(await reasonOf(problem)).toEqual({ file: name, bad: true, reason: 'Line 2: It is so.' })
    }
  })

  it.each(['', 'null\n', '{}\n', '{"process":{"pid":0},"host":{"name":"x"}}\n', '{"process":{"pid":1.5}}\n', 'x\n'])(
    'leaves a file whose process is not known: %j',
    async (content) => {
      const name = '2026-11-24-1-aa-0001.jsonl'
      writeFileSync(join(dir, name), content)
      const log = await openCheck({ dir }, {})
      const verified = { file: name, ok: true, records: 0, unconfirmed: 0, torn: false, firstBad: undefined }
      const { value } = await archiveSteps({ ...log, verify: async () => verified }, name).next()
      expect(value).toEqual({ file: name, bad: false, reason: expect.stringContaining('not known') })
    },
  )

  it('a head that does not say that the file has ended, or says so of another record, is no end', async () => {
    const { heads, names } = await writeDays(1)
    const [name = ''] = names
    const [ended] = heads.filter(({ end }) => end !== undefined)
    if (ended === undefined) expect.fail('no head has an end')
    const { end, ...open } = ended
    expect((await archiveAudit(dir, { before: '2026-12-15', heads: [open], now })).left).toHaveLength(1)
    expect(await archiveAudit(dir, { before: '2026-12-15', now })).toMatchObject({
      archived: [],
      left: [{ file: name }],
    })
    const earlier = await archiveAudit(dir, { before: '2026-12-15', heads: [{ ...ended, seq: ended.seq - 1 }], now })
    expect(earlier.archived).toEqual([])
  })

  it('leaves files that are no days of the log, and takes a day for what it is', async () => {
    const { heads } = await writeDays(1)
    for (const name of ['notes.jsonl', '.2026-11-24-1.jsonl.gz.tmp', '.notes.jsonl.gz.0123456789abcdef.tmp']) {
      writeFileSync(join(dir, name), '')
      utimesSync(join(dir, name), 0, 0)
    }
    const { archived } = await archiveAudit(dir, { before: '2026-12-15', heads, now })
    expect(archived).toHaveLength(1)
    expect(readdirSync(dir)).toEqual(
      expect.arrayContaining(['notes.jsonl', '.2026-11-24-1.jsonl.gz.tmp', '.notes.jsonl.gz.0123456789abcdef.tmp']),
    )
    for (const before of ['2026-11', 'yesterday', '2026-02-30', '']) {
      await expect(archiveAudit(dir, { before })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })

  it('removes what a process left that was killed an hour ago, and nothing that is newer', async () => {
    const { heads } = await writeDays(1)
    const temporary = ['0123456789abcdef', '123456789abcdef0'].map((id) => `.2026-11-24-1-aa-0001.jsonl.gz.${id}.tmp`)
    for (const name of temporary) writeFileSync(join(dir, name), '')
    utimesSync(join(dir, temporary[0] ?? ''), now / 1000 - 3_700, now / 1000 - 3_700)
    utimesSync(join(dir, temporary[1] ?? ''), now / 1000 - 60, now / 1000 - 60)
    await archiveAudit(dir, { before: '2026-01-01', heads, now })
    expect(temporary.map((name) => existsSync(join(dir, name)))).toEqual([false, true])
  })

  it('two at once: each file is compressed once, and whole', async () => {
    const { heads, names } = await writeDays(6)
    const before = await verifyAudit(dir, { heads })
    const results = await Promise.all([1, 2, 3].map(() => archiveAudit(dir, { before: '2026-12-15', heads, now })))
    expect(results.every(({ ok, left }) => ok && left.length === 0)).toBe(true)
    expect(readdirSync(dir).sort()).toEqual(names.map((name) => `${name}.gz`))
    expect(await verifyAudit(dir, { heads })).toEqual(before)
  })

  it('a reader that listed a file before it was compressed still finds it', async () => {
    const { heads } = await writeDays(2)
    const log = await openCheck({ dir }, { heads })
    await archiveAudit(dir, { before: '2026-12-15', heads, now })
    for (const name of log.files.names) expect((await log.verify(name)).ok).toBe(true)
  })

  it.each<[string, (bytes: Buffer) => Buffer, number]>([
    ['forged', () => gzipSync('{"forged":true}\n'), 1],
    [
      'altered',
      (bytes) => gzipSync(bytes.toString().replace('"decision"', '"Decision"').replace('allowed', 'denied')),
      2,
    ],
    ['cut off', (bytes) => gzipSync(bytes.subarray(0, bytes.lastIndexOf('\n', bytes.length - 2) + 1)), 4],
    [
      'longer',
      (bytes) => gzipSync(Buffer.concat([bytes, bytes.subarray(bytes.lastIndexOf('\n', bytes.length - 2) + 1)])),
      5,
    ],
    ['not compressed', (bytes) => bytes, 0],
    ['empty', () => Buffer.alloc(0), 0],
  ])(
    'the file counts while both are there: an archive beside it that is %s is named, and replaced',
    async (_, of, line) => {
      const { heads, names } = await writeDays(1)
      const path = join(dir, names[0] ?? '')
      const bytes = readFileSync(path)
      writeFileSync(`${path}.gz`, gzipSync(bytes))
      expect((await verifyAudit(dir, { heads })).ok).toBe(true)
      writeFileSync(`${path}.gz`, of(bytes))
      for (const target of [dir, path]) {
        expect(await verifyAudit(target, { heads })).toMatchObject({
          ok: false,
          files: [{ ok: false }],
          firstBad: { file: names[0], line, problem: 'added', reason: expect.stringMatching(/^The compressed copy/) },
        })
      }
      await archiveAudit(dir, { before: '2026-12-15', heads, now })
      expect(gunzipSync(readFileSync(`${path}.gz`))).toEqual(bytes)
      expect((await verifyAudit(dir, { heads })).ok).toBe(true)
    },
  )

  it('any byte that is changed, cut off or added in an archive is a problem, and so is one that is gone', async () => {
    const { heads, names } = await writeDays(1)
    await archiveAudit(dir, { before: '2026-12-15', heads, now })
    const path = join(dir, `${names[0]}.gz`)
    const whole = readFileSync(path)
    const edits = fc.oneof(
      fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
        const bytes = Buffer.from(whole)
        bytes[at] = (bytes[at] ?? 0) ^ change
        return bytes
      }),
      fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 50 }).map((more) => Buffer.concat([whole, more])),
      fc.constant(gzipSync(Buffer.concat([gunzipSync(whole), Buffer.from('{}\n')]))),
    )
    await fc.assert(
      fc.asyncProperty(edits, async (bytes) => {
        writeFileSync(path, bytes)
        const { ok, records } = await verifyAudit(dir, { heads })
        // The header has bytes without a meaning (the time, the system), and so may have zeros at the end.
        const isSame = (() => {
          try {
            return gunzipSync(bytes).equals(gunzipSync(whole))
          } catch {
            return false
          }
        })()
        expect(ok).toBe(isSame)
        if (isSame) expect(records).toBe(4)
      }),
      { numRuns: 150 },
    )
    renameSync(path, `${path}.elsewhere`)
    expect((await verifyAudit(dir, { heads })).firstBad).toMatchObject({ problem: 'missing' })
  })
})
