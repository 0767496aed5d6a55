import { appendFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AuditEvent, jsonlAudit, keysInAudit } from '../../src/audit/index.js'
import { authorized, NOON } from './events.js'
import { logFiles, temporaryFolder } from './folder.js'

let folder: ReturnType<typeof temporaryFolder>
let dir: string
beforeEach(() => {
  folder = temporaryFolder()
  dir = join(folder.path, 'audit')
})
afterEach(() => folder.remove())

async function write(...events: AuditEvent[]): Promise<void> {
  const sink = jsonlAudit({ dir })
  await sink.open('checkout-tests', NOON)
  await sink.write(events)
  await sink.close()
}

const of = (key: string, solveId: string, action: AuditEvent['action'], at: number, more = {}): AuditEvent => ({
  ...authorized,
  keyFingerprint: `fingerprint-${key}`,
  keyVersion: key,
  solveId,
  action,
  at: NOON + at,
  ...more,
})

it('solves are counted by key, the most recently used one first', async () => {
  await write(
    of('1', 'a', 'authorized', 0),
    of('1', 'a', 'submitted', 1),
    of('1', 'b', 'authorized', 2),
    of('1', 'a', 'solved', 3),
    of('2', 'c', 'authorized', 4),
    of('1', 'b', 'failed', 5, { code: 'SOLVE_TIMEOUT' }),
    of('2', 'c', 'solved', 6),
    of('2', 'd', 'authorized', 7),
    of('2', 'd', 'abandoned', 8),
    of('1', 'a', 'injected', 9),
    { ...authorized, action: 'denied', at: NOON, keyFingerprint: undefined, keyVersion: undefined },
  )
  const at = (ms: number) => new Date(NOON + ms)
  expect(await keysInAudit(dir)).toMatchObject([
    {
      version: '2',
      fingerprint: 'fingerprint-2',
      solved: 1,
      failed: 0,
      open: 1,
      firstUsedAt: at(4),
      lastUsedAt: at(8),
    },
    {
      version: '1',
      fingerprint: 'fingerprint-1',
      solved: 1,
      failed: 1,
      open: 0,
      firstUsedAt: at(0),
      lastUsedAt: at(5),
    },
  ])
})

it('a solve that another process took over has ended, whichever file is read first', async () => {
  await write(
    of('1', 'a', 'recovered', 9),
    of('1', 'b', 'authorized', 1),
    of('1', 'c', 'recovered', 9, { code: 'CAPTCHA_UNSOLVABLE' }),
  )
  await write(of('1', 'a', 'authorized', 0), of('1', 'b', 'recovered', 9), of('1', 'c', 'authorized', 0))
  expect(await keysInAudit({ dir })).toMatchObject([{ solved: 2, failed: 1, open: 0 }])
})

it('a task that two processes took over, one after the other, is counted once', async () => {
  await write(of('1', 'a', 'authorized', 0), of('1', 'a', 'recovered', 5))
  await write(of('1', 'a', 'recovered', 9))
  expect(await keysInAudit({ dir })).toMatchObject([{ solved: 1, failed: 0, open: 0 }])
})

it('a solve that was tried twice is counted twice, and is open once', async () => {
  await write(
    of('1', 'a', 'authorized', 0),
    of('1', 'a', 'failed', 1),
    of('1', 'a', 'authorized', 2),
    of('1', 'a', 'solved', 3),
    of('1', 'b', 'authorized', 4),
  )
  expect(await keysInAudit(dir)).toMatchObject([{ solved: 1, failed: 1, open: 1 }])
})

it('lines that cannot be read are skipped', async () => {
  await write(of('1', 'a', 'authorized', 0), of('1', 'a', 'solved', 1))
  const [name = ''] = logFiles(dir)
  appendFileSync(
    join(dir, name),
    'nonsense\nnull\n[]\n{"solveguard":{"key":{"fingerprint":1}}}\n{"solveguard":5}\n{"half',
  )
  expect(await keysInAudit({ file: join(dir, name) })).toMatchObject([{ solved: 1 }])
})

it('a folder without a log has no keys; one that does not exist is an error', async () => {
  mkdirSync(dir)
  expect(await keysInAudit(dir)).toEqual([])
  await expect(keysInAudit(join(dir, 'none'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

it('a key is used from its earliest record to its latest, with the version and the account of the last that has them', async () => {
  await write(
    of('1', 'a', 'authorized', 5, { solver: 'first' }),
    of('1', 'b', 'authorized', 9, { solver: 'second' }),
    of('1', 'c', 'authorized', 2, { solver: undefined, keyVersion: undefined }),
    of('2', 'd', 'authorized', 3, { solver: undefined, keyVersion: undefined }),
  )
  const at = (ms: number) => new Date(NOON + ms)
  expect(await keysInAudit(dir)).toEqual([
    {
      fingerprint: 'fingerprint-1',
      version: '1',
      solver: 'second',
      solved: 0,
      failed: 0,
      open: 3,
      firstUsedAt: at(2),
      lastUsedAt: at(9),
    },
    { fingerprint: 'fingerprint-2', version: '', solved: 0, failed: 0, open: 1, firstUsedAt: at(3), lastUsedAt: at(3) },
  ])
})

it('a record without an action or a time, and a line without its end, are not counted', async () => {
  await write(of('1', 'a', 'authorized', 0))
  const [name = ''] = logFiles(dir)
  const path = join(dir, name)
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  const record = JSON.parse(lines.at(-1) ?? '')
  record.solveguard.key.fingerprint = 'another'
  for (const part of [{ event: undefined }, { event: {} }, { event: { action: 1 } }, { '@timestamp': 'never' }])
    appendFileSync(path, `${JSON.stringify({ ...record, ...part })}\n`)
  appendFileSync(path, JSON.stringify(record))
  expect((await keysInAudit(path)).map(({ fingerprint }) => fingerprint)).toEqual(['fingerprint-1'])
})

it('a log that cannot be read is an error with its cause, and no log stays open', async () => {
  await write(of('1', 'a', 'authorized', 0))
  await keysInAudit(dir)
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
  expect(open.filter((path) => path.startsWith(dir))).toEqual([])
  writeFileSync(join(dir, 'other'), '')
  mkdirSync(join(dir, 'folder.jsonl'))
  await expect(keysInAudit(dir)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('folder.jsonl'),
    cause: { code: 'EISDIR' },
  })
})
