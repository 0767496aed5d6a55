import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { archiveAudit, archiveSteps } from '../../src/audit/archive.js'
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

  it('the file counts while both are there: a forged archive beside it is replaced', async () => {
    const { heads, names } = await writeDays(1)
    const path = join(dir, names[0] ?? '')
    writeFileSync(`${path}.gz`, gzipSync('{"forged":true}\n'))
    expect((await verifyAudit(dir, { heads })).ok).toBe(true)
    const bytes = readFileSync(path)
    await archiveAudit(dir, { before: '2026-12-15', heads, now })
    expect(gunzipSync(readFileSync(`${path}.gz`))).toEqual(bytes)
  })

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
