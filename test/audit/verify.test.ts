import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOTHING_BEFORE, sealRecord } from '../../src/audit/chain.js'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditEvent } from '../../src/audit/sink.js'
import { verifyAudit } from '../../src/audit/verify.js'
import type { ChainHead } from '../../src/base/chain.js'
import { anyEvent } from './arbitraries.js'
import { authorized, NOON } from './events.js'
import { linesOf, logFiles, recordsOf, temporaryFolder } from './folder.js'

let folder: ReturnType<typeof temporaryFolder>
let dir: string
beforeEach(() => {
  folder = temporaryFolder()
  dir = join(folder.path, 'audit')
})
afterEach(() => folder.remove())

interface Log {
  readonly name: string
  readonly path: string
  /** The head after each record. */
  readonly heads: readonly ChainHead[]
}

/** A log of one process: the opening record, and one for each event. */
async function writeLog(events: readonly AuditEvent[]): Promise<Log> {
  const sink = jsonlAudit({ dir })
  const others = new Set(existsSync(dir) ? logFiles(dir) : [])
  await sink.open('checkout-tests', NOON)
  const heads: ChainHead[] = sink.head ? [sink.head] : []
  for (const event of events) {
    await sink.write([event])
    if (sink.head) heads.push(sink.head)
  }
  await sink.close()
  const name = logFiles(dir).find((file) => !others.has(file)) ?? ''
  return { name, path: join(dir, name), heads }
}

const solves = (count: number): AuditEvent[] =>
  Array.from({ length: count }, (_, index) => ({ ...authorized, at: NOON + index, solveId: `s${index}` }))

/** The lines of a file with their newlines, as bytes. */
function split(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(10, start)
    const end = newline === -1 ? bytes.length : newline + 1
    lines.push(bytes.subarray(start, end))
    start = end
  }
  return lines
}

/** The number of the first line in which two files differ, from 1; 0 if they are the same. */
function firstDifference(before: Buffer, after: Buffer): number {
  const [left, right] = [split(before), split(after)]
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    if (!(left[index] ?? Buffer.alloc(0)).equals(right[index] ?? Buffer.alloc(0))) return index + 1
  }
  return 0
}

/** Changes a file's bytes in one way; numbers are taken modulo the number of bytes or lines. */
type Mutation = (bytes: Buffer) => Buffer
const onLines = (change: (lines: Buffer[]) => void): Mutation => {
  return (bytes) => {
    const lines = split(bytes)
    change(lines)
    return Buffer.concat(lines)
  }
}
const any = fc.nat()
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(any, fc.integer({ min: 1, max: 255 })).map(
    ([at, mask]): Mutation =>
      (bytes) => {
        const copy = Buffer.from(bytes)
        const index = at % copy.length
        copy[index] = (copy[index] ?? 0) ^ mask
        return copy
      },
  ),
  any.map((at) => onLines((lines) => lines.splice(at % lines.length, 1))),
  fc.tuple(any, any).map(([from, to]) =>
    onLines((lines) => {
      const copy = lines[from % lines.length]
      if (copy) lines.splice(to % (lines.length + 1), 0, copy)
    }),
  ),
  fc.tuple(any, any).map(([left, right]) =>
    onLines((lines) => {
      const [a, b] = [left % lines.length, right % lines.length]
      const [first, second] = [lines[a], lines[b]]
      if (first && second) [lines[a], lines[b]] = [second, first]
    }),
  ),
  fc
    .tuple(any, fc.string())
    .map(([at, text]) =>
      onLines((lines) => lines.splice(at % (lines.length + 1), 0, Buffer.from(`${text.replaceAll('\n', ' ')}\n`))),
    ),
  any.map(
    (at): Mutation =>
      (bytes) =>
        bytes.subarray(0, at % bytes.length),
  ),
  fc.tuple(any, fc.integer({ min: 1, max: 20 })).map(
    ([at, length]): Mutation =>
      (bytes) => {
        const start = at % bytes.length
        return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)])
      },
  ),
)

describe('verifyAudit', () => {
  it('finds an unchanged log valid, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 10 }), async (events) => {
        const log = await writeLog(events)
        const result = await verifyAudit(log.path, { heads: log.heads })
        expect(result).toEqual({
          ok: true,
          records: events.length + 1,
          files: [
            {
              file: log.name,
              ok: true,
              records: events.length + 1,
              unconfirmed: 0,
              torn: false,
              firstBad: undefined,
            },
          ],
          firstBad: undefined,
        })
      }),
      { numRuns: 50 },
    )
  })

  it('detects any single change to a log whose head is known, and reports the first changed line', async () => {
    let logs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { minLength: 1, maxLength: 8 }), mutation, async (events, mutate) => {
        // In a folder of its own: a look at a file reads the first record of each other one there.
        dir = join(folder.path, `audit-${logs++}`)
        const { path, heads } = await writeLog(events)
        const before = readFileSync(path)
        const after = mutate(before)
        const line = firstDifference(before, after)
        fc.pre(line > 0)
        writeFileSync(path, after)
        const result = await verifyAudit(path, { heads: heads.slice(-1) })
        expect(result.ok).toBe(false)
        expect(result.firstBad?.line).toBe(line)
        expect(result.records).toBe(line - 1)
      }),
      { numRuns: 300 },
    )
  })

  const cases: readonly (readonly [string, (lines: string[]) => string[], object])[] = [
    ['an altered line', (l) => l.with(2, (l[2] ?? '').replace('s1', 's7')), { line: 3, problem: 'altered' }],
    ['a line that lost its last byte', (l) => l.with(2, (l[2] ?? '').slice(0, -1)), { line: 3, problem: 'altered' }],
    ['a line with another last byte', (l) => l.with(2, `${l[2]?.slice(0, -1)}]`), { line: 3, problem: 'altered' }],
    ['a removed line', (l) => l.toSpliced(2, 1), { line: 3, problem: 'out-of-order' }],
    ['swapped lines', (l) => l.with(2, l[3] ?? '').with(3, l[2] ?? ''), { line: 3, problem: 'out-of-order' }],
    ['a line that is there twice', (l) => l.toSpliced(3, 0, l[2] ?? ''), { line: 4, problem: 'out-of-order' }],
    ['a line of JSON that is not ours', (l) => l.toSpliced(2, 0, '{}'), { line: 3, problem: 'altered' }],
    ['an empty line', (l) => l.toSpliced(2, 0, ''), { line: 3, problem: 'altered' }],
    ['text that is not JSON', (l) => [...l, 'hello'], { line: 6, problem: 'altered' }],
    ['a line that is far too long', (l) => l.toSpliced(2, 0, 'x'.repeat(3e6)), { line: 3, problem: 'unreadable' }],
    ['another first line', (l) => l.slice(1), { line: 1, problem: 'out-of-order' }],
  ]
  it.each(cases)('reports %s, without any head', async (_, change, bad) => {
    const { path, name } = await writeLog(solves(4))
    writeFileSync(path, `${change(linesOf(path)).join('\n')}\n`)
    expect((await verifyAudit(dir)).firstBad).toMatchObject({ file: name, ...bad })
  })

  it('reports an end without a newline as cut off', async () => {
    const { path, name } = await writeLog(solves(4))
    for (const cut of [1, 2, 100]) {
      writeFileSync(path, readFileSync(path).subarray(0, -cut))
      const { firstBad } = await verifyAudit(dir)
      expect(firstBad).toMatchObject({ file: name, line: 5, problem: 'cut-off' })
      expect(firstBad?.reason).toContain('Cut off in the middle')
    }
  })

  it('names an empty file', async () => {
    const { path } = await writeLog([])
    writeFileSync(path, '')
    expect((await verifyAudit(dir)).firstBad).toMatchObject({ line: 1, problem: 'cut-off' })
  })

  it('sees a tail that was cut off cleanly by the heads that the ledger keeps', async () => {
    const { path, heads } = await writeLog(solves(4))
    writeFileSync(path, `${linesOf(path).slice(0, 3).join('\n')}\n`)
    expect((await verifyAudit(dir)).ok).toBe(true)
    const { firstBad } = await verifyAudit(dir, { heads })
    expect(firstBad).toMatchObject({ line: 4, problem: 'missing' })
  })

  it('sees lines that were written anew with new hashes by the heads that the ledger keeps', async () => {
    const { path, heads } = await writeLog(solves(6))
    rewrite(path, 3)
    expect((await verifyAudit(dir)).ok).toBe(true)
    expect((await verifyAudit(dir, { heads })).firstBad).toMatchObject({ line: 3, problem: 'rewritten' })
    const { firstBad } = await verifyAudit(dir, { heads: heads.filter((head) => head.seq === 2 || head.seq === 5) })
    expect(firstBad).toMatchObject({ line: 5, problem: 'rewritten' })
    expect(firstBad?.reason).toContain('lines 3 to 5')
  })

  it('names the second of two lines that do not follow from each other, though each is whole', async () => {
    const { path } = await writeLog(solves(4))
    const lines = linesOf(path)
    const { chain, ...record } = recordsOf(path)[2] ?? fail()
    const forged = sealRecord(JSON.stringify({ ...record, user: { name: 'mallory' } }), chain?.prev ?? '')
    writeFileSync(path, `${lines.with(2, forged.line.trimEnd()).join('\n')}\n`)
    expect((await verifyAudit(dir)).firstBad).toMatchObject({ line: 4, problem: 'out-of-order' })
  })

  it('names a line that follows from the one before but has another number', async () => {
    const { path, heads } = await writeLog(solves(4))
    const { chain, ...record } = recordsOf(path)[2] ?? fail()
    const forged = sealRecord(JSON.stringify(record), heads.at(-1)?.hash ?? '')
    writeFileSync(path, `${linesOf(path).join('\n')}\n${forged.line}`)
    expect((await verifyAudit(dir)).firstBad).toMatchObject({ line: 6, problem: 'out-of-order' })
  })

  it('names a file that a head knows of and that is not there', async () => {
    const { path, name, heads } = await writeLog(solves(2))
    const other = await writeLog(solves(1))
    unlinkSync(path)
    const result = await verifyAudit(dir, { heads: [...heads, ...other.heads] })
    expect(result.files).toHaveLength(2)
    expect(result.firstBad).toMatchObject({ file: name, line: 0, problem: 'missing' })
  })

  it('looks for a file that a head knows of also where the list of the folder does not have it', async () => {
    const { path, name, heads } = await writeLog(solves(2))
    const unlisted = name.replace('.jsonl', '.log')
    const known = heads.map((head) => ({ ...head, file: unlisted }))
    const missing = await verifyAudit(dir, { heads: [...heads, ...known] })
    expect(missing.files).toMatchObject([
      { file: name, ok: true, records: 3 },
      { file: unlisted, ok: false, records: 0, unconfirmed: 0, torn: false },
    ])
    expect(missing.firstBad).toMatchObject({ file: unlisted, line: 0, problem: 'missing' })
    copyFileSync(path, join(dir, unlisted))
    const found = await verifyAudit(dir, { heads: [...heads, ...known] })
    expect(found.firstBad).toMatchObject({ file: unlisted, line: 1, problem: 'renamed' })
  })

  it('reports a torn last line behind the head of a killed process, which is no tampering', async () => {
    const { path, heads } = await writeLog(solves(3))
    writeFileSync(path, readFileSync(path).subarray(0, -100))
    expect(await verifyAudit(dir, { heads: heads.slice(0, -1) })).toMatchObject({
      ok: true,
      files: [{ ok: true, torn: true, records: 3, unconfirmed: 0 }],
    })
    expect((await verifyAudit(dir, { heads })).firstBad).toMatchObject({ line: 4, problem: 'cut-off' })
    const [ended] = heads.slice(-2, -1).map((head) => ({ ...head, end: 'whole' as const }))
    expect((await verifyAudit(dir, { heads: ended ? [ended] : [] })).firstBad).toMatchObject({
      line: 4,
      problem: 'added',
    })
  })

  it('names lines behind the newest head, and a file that no head knows', async () => {
    const { name, heads } = await writeLog(solves(3))
    const result = await verifyAudit(dir, { heads: heads.slice(0, 2) })
    expect(result.firstBad).toMatchObject({ file: name, line: 3, problem: 'unconfirmed' })
    expect(result.files).toMatchObject([{ ok: false, records: 4, unconfirmed: 2 }])
    expect((await verifyAudit(dir, { heads: [] })).firstBad).toMatchObject({ file: name, line: 0, problem: 'unknown' })
  })

  it('reports a line that was altered rather than an earlier file with lines behind the newest head', async () => {
    const logs = [await writeLog(solves(2)), await writeLog(solves(2))].sort((a, b) => (a.name < b.name ? -1 : 1))
    const [killed, altered] = [logs[0] ?? fail(), logs[1] ?? fail()]
    writeFileSync(altered.path, readFileSync(altered.path, 'utf8').replace('s1', 's7'))
    const { firstBad } = await verifyAudit(dir, { heads: [...killed.heads.slice(0, 1), ...altered.heads] })
    expect(firstBad).toMatchObject({ file: altered.name, line: 3, problem: 'altered' })
  })

  it.each(['0.jsonl', '1-2020-01-01-x.jsonl'])(
    'checks files whose name begins with no day, whatever day is the first that is kept: %s',
    async (file) => {
      mkdirSync(dir)
      writeFileSync(join(dir, file), 'hello\n')
      expect((await verifyAudit(dir, { since: '2026-11-25' })).firstBad).toMatchObject({ file })
    },
  )

  it('neither reads nor misses what is older than the first day that is kept', async () => {
    const gone = await writeLog(solves(2))
    const sink = jsonlAudit({ dir })
    await sink.open('checkout-tests', NOON)
    await sink.write(solves(1))
    await sink.write([{ ...authorized, at: NOON + 86_400_000 }])
    await sink.close()
    unlinkSync(gone.path)
    const kept = logFiles(dir)
    const heads = sink.head ? [...gone.heads, sink.head] : []
    for (const [since, problem] of [
      ['2026-11-24', 'missing'],
      ['2026-11-25', undefined],
    ] as const) {
      const { files, firstBad } = await verifyAudit(dir, { heads, since })
      expect(firstBad?.problem).toBe(problem)
      expect(files.map(({ file }) => file)).toEqual(problem ? [gone.name, ...kept].sort() : kept.slice(1))
    }
    await expect(verifyAudit(dir, { since: 'October' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(verifyAudit(dir, { heads: 'none' as never })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('names a file that was renamed, and one that was copied', async () => {
    const { path } = await writeLog(solves(2))
    const other = join(dir, '2026-11-30-1-000000000000.jsonl')
    copyFileSync(path, other)
    expect((await verifyAudit(dir)).firstBad).toMatchObject({ file: '2026-11-30-1-000000000000.jsonl', line: 1 })
    unlinkSync(path)
    renameSync(other, join(dir, 'renamed.jsonl'))
    expect((await verifyAudit(dir)).firstBad).toMatchObject({ file: 'renamed.jsonl', line: 1, problem: 'renamed' })
  })

  it('notices by the next file of a process that the one before lost its end, or gained one', async () => {
    const sink = jsonlAudit({ dir })
    await sink.open('checkout-tests', NOON)
    await sink.write(solves(3))
    await sink.write([{ ...authorized, at: NOON + 86_400_000 }])
    await sink.close()
    const [first = '', second = ''] = logFiles(dir).map((name) => join(dir, name))
    const whole = readFileSync(first)
    writeFileSync(first, `${linesOf(first).slice(0, 2).join('\n')}\n`)
    expect((await verifyAudit(dir)).firstBad).toMatchObject({ line: 3, problem: 'missing' })
    // By an attacker who knows how the lines are linked.
    const { chain, ...record } = recordsOf(second)[1] ?? fail()
    writeFileSync(first, whole)
    const last = recordsOf(first)[3]?.chain?.hash ?? ''
    const added = sealRecord(JSON.stringify({ ...record, event: { ...record.event, sequence: 5 } }), last)
    writeFileSync(first, Buffer.concat([whole, Buffer.from(added.line)]))
    for (const target of [first, dir])
      expect((await verifyAudit(target)).firstBad).toMatchObject({ line: 5, problem: 'added' })
  })

  it('checks the files of many processes, each for itself', async () => {
    const logs = [await writeLog(solves(3)), await writeLog(solves(2)), await writeLog(solves(1))]
    const broken = logs[1] ?? fail()
    writeFileSync(broken.path, readFileSync(broken.path, 'utf8').replace('s0', 's9'))
    writeFileSync(join(dir, 'notes.txt'), 'no log')
    const { files, ok, firstBad, records } = await verifyAudit({ dir })
    expect(ok).toBe(false)
    expect(files.map((file) => file.file)).toEqual(logs.map((log) => log.name).sort())
    expect(files.filter((file) => !file.ok).map((file) => file.file)).toEqual([broken.name])
    expect(firstBad).toMatchObject({ file: broken.name, line: 2 })
    expect(records).toBe(4 + 1 + 2)
  })

  it('reads a file far longer than one piece, with lines across the pieces', async () => {
    const sink = jsonlAudit({ dir })
    await sink.open('checkout-tests', NOON)
    await sink.write(solves(3000))
    await sink.close()
    const name = logFiles(dir)[0] ?? ''
    expect(readFileSync(join(dir, name)).length).toBeGreaterThan(1024 * 1024)
    expect(await verifyAudit({ file: join(dir, name) })).toMatchObject({ ok: true, records: 3001 })
  })

  it('leaves the heads of other files alone when it is asked for one file', async () => {
    const one = await writeLog(solves(1))
    const other = await writeLog(solves(1))
    expect((await verifyAudit(one.path, { heads: [...one.heads, ...other.heads] })).files).toHaveLength(1)
  })

  it('finds an empty folder valid, with no files', async () => {
    mkdirSync(dir)
    expect(await verifyAudit(dir)).toEqual({ ok: true, files: [], records: 0, firstBad: undefined })
  })

  it('rejects a path without a log, and one of the wrong kind', async () => {
    const { path } = await writeLog([])
    for (const target of [join(dir, 'none'), { dir: path }, { file: dir }]) {
      await expect(verifyAudit(target)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })
})

/** Rewrites a log from a line on as one would who may write the file: with hashes that fit. */
function rewrite(path: string, from: number): void {
  let prev = NOTHING_BEFORE
  let text = ''
  for (const [index, { chain: _, ...record }] of recordsOf(path).entries()) {
    if (index + 1 >= from) record.user = { name: 'mallory' }
    const { line, hash } = sealRecord(JSON.stringify(record), prev)
    prev = hash
    text += line
  }
  writeFileSync(path, text)
}

function fail(): never {
  throw new Error('The log is not as this test wrote it.')
}
