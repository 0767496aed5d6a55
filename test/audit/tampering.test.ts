import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOTHING_BEFORE, sealRecord } from '../../src/audit/chain.js'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { recordJson } from '../../src/audit/record.js'
import type { AuditRecord } from '../../src/audit/schema.js'
import { verifyAudit } from '../../src/audit/verify.js'
import type { ChainHead } from '../../src/base/chain.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { Secret } from '../../src/secrets/secret.js'
import { authorized, NOON } from './events.js'
import { temporaryFolder } from './folder.js'

const KEY = 'the-key-of-the-log-that-no-one-reads'
const DAY = 86_400_000
const RUNS = 250

let folder: ReturnType<typeof temporaryFolder>
let dir: string
beforeEach(() => {
  folder = temporaryFolder()
  dir = join(folder.path, 'audit')
})
afterEach(() => folder.remove())

// -- processes that write, and end in some way -------------------------------------------------------------------

/** What a process does: it writes records, the ledger learns of its head, or midnight passes. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.constant('save' as const) },
  { weight: 1, arbitrary: fc.constant('midnight' as const) },
)
const life = fc.record({
  steps: fc.array(step, { maxLength: 8 }),
  /** Closed, or killed after so many bytes of a further line. */
  end: fc.oneof(fc.constant('closed' as const), fc.record({ killedAfter: fc.nat(1000) })),
})
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never

/** The files of a folder, by name. */
type Files = Map<string, Buffer>

/** A file as its process wrote it, and how many of its records the ledger can vouch for. */
interface Written {
  readonly lines: readonly string[]
  readonly confirmed: number
  /** Whether it is known that no record follows. */
  readonly ended: boolean
  /** Whether the ledger can vouch for the file at all. */
  readonly known: boolean
}

/** Lets the processes live, one after the other. */
async function live(lives: readonly Life[], key: string | undefined) {
  rmSync(dir, { recursive: true, force: true })
  const ledger = memoryLedger()
  const saved = new Map<string, number>()
  const ended = new Set<string>()
  const processes: string[][] = []
  for (const { steps, end } of lives) {
    const sink = jsonlAudit({ dir, key })
    let at = NOON
    const known = new Set(readable(dir).keys())
    await sink.open('checkout-tests', at)
    let written = 0
    for (const each of steps) {
      if (each === 'midnight') at += DAY
      else if (each === 'save' && sink.head) {
        ledger.saveHead(sink.head)
        saved.set(sink.head.file, sink.head.seq)
      } else if (each !== 'save') {
        await sink.write(Array.from({ length: each.write }, () => ({ ...authorized, at, solveId: `s${++written}` })))
      }
    }
    const { head } = sink
    // Writes nothing: the end of the process closes its files too.
    await sink.close()
    const own = [...readable(dir).keys()].filter((name) => !known.has(name))
    processes.push(own)
    if (!head) continue
    if (end === 'closed' && sink.head) {
      ledger.saveHead(sink.head)
      saved.set(head.file, head.seq)
      ended.add(head.file)
    } else if (end !== 'closed') {
      const json = recordJson(authorized, { sequence: head.seq + 1 })
      const next = sealRecord(json, head.hash, key === undefined ? undefined : new Secret(key)).line
      const path = join(dir, head.file)
      const torn = Buffer.from(next).subarray(0, Math.min(end.killedAfter, next.length - 1))
      writeFileSync(path, Buffer.concat([readFileSync(path), torn]))
    }
  }
  const original = readable(dir)
  const log = new Map<string, Written>()
  for (const own of processes) {
    // A known file vouches for the whole of those before it; a signed one is known by those before it, too.
    const newest = own.findLastIndex((name) => saved.has(name))
    const last = key !== undefined && newest >= 0 ? own.length - 1 : newest
    for (const [index, name] of own.entries()) {
      const lines = wholeLines(original.get(name))
      const confirmed = index < last ? lines.length : (saved.get(name) ?? 0)
      log.set(name, { lines, confirmed, ended: index < last || ended.has(name), known: index <= last })
    }
  }
  return { original, log, heads: ledger.heads() }
}

function readable(path: string): Files {
  const names = readdirIfThere(path).sort()
  return new Map(names.map((name) => [name, readFileSync(join(path, name))]))
}

function readdirIfThere(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function wholeLines(bytes: Buffer | undefined): string[] {
  return bytes === undefined ? [] : bytes.toString('latin1').split('\n').slice(0, -1)
}

// -- a person who may write the folder, and knows how its lines are linked ----------------------------------------

type Edit = (files: Files) => void

const at = fc.nat()
const one = (files: Files, index: number): [string, Buffer] => {
  const entries = [...files]
  return entries[index % Math.max(entries.length, 1)] ?? ['none.jsonl', Buffer.alloc(0)]
}
const onLines =
  (index: number, change: (lines: string[], files: Files) => void): Edit =>
  (files) => {
    const [name, bytes] = one(files, index)
    const lines = bytes.toString('latin1').split('\n')
    const rest = lines.pop() ?? ''
    change(lines, files)
    files.set(name, Buffer.from(lines.map((line) => `${line}\n`).join('') + rest, 'latin1'))
  }

/** The lines of a file from `from` on, written anew with hashes that fit, by another key if any. */
function reseal(lines: readonly string[], from: number, key?: Secret): string[] {
  let prev = NOTHING_BEFORE
  return lines.map((line, index) => {
    if (index < from) {
      prev = hashOf(line) ?? prev
      return line
    }
    const { chain: _, ...record } = parsed(line)
    record.user = { name: 'mallory' }
    record.event = { ...record.event, sequence: index + 1 }
    const sealed = sealRecord(JSON.stringify(record), prev, key)
    prev = sealed.hash
    return sealed.line.trimEnd()
  })
}

function parsed(line: string): AuditRecord {
  try {
    return JSON.parse(line) as AuditRecord
  } catch {
    return JSON.parse(recordJson(authorized)) as AuditRecord
  }
}

function hashOf(line: string): string | undefined {
  return line.slice(-67, -3)
}

/** Forged without the key, by another key, or by none. */
const forger = fc.constantFrom(undefined, new Secret('another key, which the log was not written with'))

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(at, at, fc.integer({ min: 1, max: 255 })).map(
    ([file, index, mask]): Edit =>
      (files) => {
        const [name, bytes] = one(files, file)
        if (bytes.length === 0) return
        const copy = Buffer.from(bytes)
        copy[index % copy.length] = (copy[index % copy.length] ?? 0) ^ mask
        files.set(name, copy)
      },
  ),
  // Cut, at any byte or at the end of a line.
  fc.tuple(at, at).map(
    ([file, index]): Edit =>
      (files) => {
        const [name, bytes] = one(files, file)
        files.set(name, bytes.subarray(0, index % (bytes.length + 1)))
      },
  ),
  fc.tuple(at, at).map(([file, index]) => onLines(file, (lines) => lines.splice(index % (lines.length + 1)))),
  fc.tuple(at, at).map(([file, index]) => onLines(file, (lines) => lines.splice(index % (lines.length + 1), 1))),
  // A line of any file, or some text, put in anywhere.
  fc.tuple(at, at, at, at).map(([file, index, other, line]) =>
    onLines(file, (lines, files) => {
      const copied = wholeLines(one(files, other)[1])
      lines.splice(index % (lines.length + 1), 0, copied[line % Math.max(copied.length, 1)] ?? 'hello')
    }),
  ),
  fc.tuple(at, at, at).map(([file, a, b]) =>
    onLines(file, (lines) => {
      const [left, right] = [a % Math.max(lines.length, 1), b % Math.max(lines.length, 1)]
      const [first, second] = [lines[left], lines[right]]
      if (first !== undefined && second !== undefined) [lines[left], lines[right]] = [second, first]
    }),
  ),
  // Written anew from some line on, and further records that follow from the last one.
  fc.tuple(at, at, forger).map(([file, from, key]) =>
    onLines(file, (lines) => {
      const anew = reseal(lines, from % (lines.length + 1), key)
      lines.splice(0, lines.length, ...anew)
    }),
  ),
  fc.tuple(at, fc.integer({ min: 1, max: 3 }), forger).map(([file, count, key]) =>
    onLines(file, (lines) => {
      const { length } = lines
      for (let added = 0; added < count; added++) lines.push(recordJson(authorized))
      lines.splice(0, lines.length, ...reseal(lines, length, key))
    }),
  ),
  fc.tuple(at, fc.string({ minLength: 1, maxLength: 20 })).map(
    ([file, text]): Edit =>
      (files) => {
        const [name, bytes] = one(files, file)
        files.set(name, Buffer.concat([bytes, Buffer.from(text.replaceAll('\n', ' '))]))
      },
  ),
  at.map(
    (file): Edit =>
      (files) =>
        void files.delete(one(files, file)[0]),
  ),
  fc.tuple(at, at).map(
    ([a, b]): Edit =>
      (files) => {
        const [[left, first], [right, second]] = [one(files, a), one(files, b)]
        files.set(left, second).set(right, first)
      },
  ),
  fc.tuple(at, fc.boolean()).map(
    ([file, keeps]): Edit =>
      (files) => {
        const [name, bytes] = one(files, file)
        if (!keeps) files.delete(name)
        files.set(name.replace('-0001', '-0009'), bytes)
      },
  ),
  // A whole file that continues another one, or none.
  fc.tuple(at, fc.boolean(), fc.integer({ min: 0, max: 2 }), forger).map(
    ([file, follows, more, key]): Edit =>
      (files) => {
        const [before, bytes] = one(files, file)
        const lines = wholeLines(bytes)
        const name = '2026-11-24-1-abcdefabcdef-0001.jsonl'
        const continues = {
          file: before,
          seq: lines.length,
          hash: hashOf(lines.at(-1) ?? '') ?? '',
          end: 'whole' as const,
        }
        const place = { sequence: 1, file: { name, continues: follows && lines.length > 0 ? continues : undefined } }
        const opened = recordJson({ action: 'opened', at: NOON, guard: 'checkout-tests' }, place)
        const forged = reseal([opened, ...Array.from({ length: more }, () => recordJson(authorized))], 0, key)
        files.set(name, Buffer.from(forged.map((line) => `${line}\n`).join('')))
      },
  ),
)

function put(files: Files): void {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir)
  for (const [name, bytes] of files) writeFileSync(join(dir, name), bytes)
}

/**
 * Whether anything that is left shows how a file ended: the ledger, or the first record of the file after it. Otherwise
 * a part of a line at its end looks like one of a process that was killed.
 */
function isEndKnown(name: string, heads: readonly ChainHead[], original: Files, files: Files): boolean {
  if (heads.some(({ file, end }) => file === name && end !== undefined)) return true
  const hasRecords = (all: Files, one: string) => wholeLines(all.get(one)).length > 0
  return [...original.keys()].every((one) => hasRecords(files, one) || !hasRecords(original, one))
}

describe('an audit log whose files were edited, after kills at any moment', () => {
  const lives = fc.array(life, { minLength: 1, maxLength: 3 })
  const edits = fc.array(edit, { minLength: 1, maxLength: 3 })

  it('is ok only if it has exactly the records that the ledger knows of, and at most a torn line', async () => {
    await fc.assert(
      fc.asyncProperty(lives, edits, async (lives, edits) => {
        const { original, log, heads } = await live(lives, undefined)
        const files = new Map(original)
        for (const each of edits) each(files)
        put(files)
        const { ok } = await verifyAudit(dir, { heads })
        if (!ok) return
        for (const name of new Set([...original.keys(), ...files.keys()])) {
          const { lines = [], confirmed = 0, ended = false } = log.get(name) ?? {}
          expect(wholeLines(files.get(name))).toEqual(lines.slice(0, confirmed))
          if (ended && isEndKnown(name, heads, original, files)) expect(files.get(name)).toEqual(original.get(name))
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('with a key is ok only if it has what the ledger knows of, and what was written after that or a part of it', async () => {
    await fc.assert(
      fc.asyncProperty(lives, edits, async (lives, edits) => {
        const { original, log, heads } = await live(lives, KEY)
        const files = new Map(original)
        for (const each of edits) each(files)
        put(files)
        const { ok } = await verifyAudit(dir, { heads, key: KEY })
        if (!ok) return
        for (const name of new Set([...original.keys(), ...files.keys()])) {
          const { lines = [], confirmed = 0, ended = false } = log.get(name) ?? {}
          const left = wholeLines(files.get(name))
          expect(left).toEqual(lines.slice(0, left.length))
          expect(left.length).toBeGreaterThanOrEqual(confirmed)
          if (ended && isEndKnown(name, heads, original, files)) expect(files.get(name)).toEqual(original.get(name))
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('is ok without an edit, but for records of killed processes that the ledger does not know of', async () => {
    await fc.assert(
      fc.asyncProperty(lives, fc.boolean(), async (lives, keyed) => {
        const key = keyed ? KEY : undefined
        const { original, log, heads } = await live(lives, key)
        const { files } = await verifyAudit(dir, { heads, key })
        expect(files.map(({ file }) => file)).toEqual([...original.keys()])
        for (const { file, ok, records, unconfirmed, torn, firstBad } of files) {
          const { lines = [], confirmed = 0, known } = log.get(file) ?? {}
          expect(firstBad?.problem).toBe(
            known ? (keyed || lines.length === confirmed ? undefined : 'unconfirmed') : 'unknown',
          )
          expect({ ok, records, unconfirmed, torn }).toEqual({
            ok: firstBad === undefined,
            records: lines.length,
            unconfirmed: lines.length - confirmed,
            torn: !original.get(file)?.toString('latin1').endsWith('\n'),
          })
        }
      }),
      { numRuns: RUNS },
    )
  })
})
