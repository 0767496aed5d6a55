import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { beforeAll, expect, it } from 'vitest'
import { bundleForNode } from '../../../scripts/page-script.mjs'
import { jsonlAudit } from '../../../src/audit/jsonl.js'
import { keysInAudit } from '../../../src/audit/keys.js'
import { systemClock } from '../../../src/base/clock.js'
import { fileLedger } from '../../../src/ledger/file.js'
import { usd } from '../../../src/policy/money.js'
import { fileSecret } from '../../../src/secrets/index.js'
import { Secret } from '../../../src/secrets/secret.js'
import { manualClock } from '../../../src/testing/clock.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { eventually } from '../../support/wait.js'
import { after, rig } from '../support.js'

const root = join(import.meta.dirname, '../../..')
const child = join(root, 'node_modules/.cache/solveguard/rotating.mjs')

beforeAll(() => bundleForNode('test/guard/children/rotating.ts', child))

const OLD = 'the-old-key-0123456789abcdef0123'
const NEW = 'the-new-key-0123456789abcdef0123'
const PROCESSES = 4
/** Of all processes together. */
const SOLVES_A_SECOND = 50

interface Report {
  readonly solved: number
  readonly failures: readonly string[]
  readonly alerts: readonly string[]
}

it('no solve fails when a key is rotated under four processes that do 50 solves a second', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-rotation-'))
  after(async () => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'key')
  const writeKeys = (text: string) => {
    writeFileSync(`${file}.new`, text, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  const service = await startSolverService({ keys: { [OLD]: 1000 }, solveMs: 300, price: 0.001 })
  after(() => service.close())
  const solvedWith = (key: string) => {
    const { fingerprint } = new Secret(key)
    return service.tasks.filter((task) => task.key === fingerprint).length
  }

  writeKeys(OLD)
  const children = Array.from({ length: PROCESSES }, () => start({ service: service.url, file, dir }))
  after(async () => void children.map(({ process }) => process.kill('SIGKILL')))
  await Promise.all(children.map(({ ready }) => ready))

  // The status that an operator would read: of any guard of that name.
  const options = {
    service,
    secret: fileSecret(file),
    ledger: fileLedger({ dir }),
    // As the children declare it: the lowest declared budget applies to all.
    policy: { budget: { perDay: usd(100) } },
  }
  const audit = () => jsonlAudit({ dir: join(dir, 'audit') })
  const { guard } = await rig({ ...options, guardOptions: { name: 'rotating', audit: audit() } })
  guard.on('alert', () => {})
  const known = async () => {
    const keys = (await guard.status()).key.known
    return (key: string) => keys.find(({ fingerprint }) => fingerprint === new Secret(key).fingerprint)
  }
  await eventually(async () => (await known())(OLD)?.heldBy === PROCESSES)
  expect((await known())(OLD)).toMatchObject({ revocable: false })

  // Both keys are valid, and the store gives the new one.
  service.addKey(NEW, 1000)
  writeKeys(`${NEW}\n${OLD}`)
  await eventually(async () => {
    const key = await known()
    return key(NEW)?.heldBy === PROCESSES && key(OLD)?.heldBy === 0 && key(OLD)?.underWay === 0
  })
  // No process needs the old key any more; it becomes revocable after a day without use.
  const lastUsedAt = (await known())(OLD)?.lastUsedAt?.getTime() ?? 0
  expect((await known())(OLD)).toMatchObject({ revocable: false, reason: expect.stringContaining('24 hours') })
  expect((await known())(OLD)?.revocableAt?.getTime()).toBe(lastUsedAt + 86_400_000)

  // The old key is removed from the store, then from the service.
  const before = solvedWith(OLD)
  writeKeys(NEW)
  service.revoke(OLD)
  const enough = solvedWith(NEW) + 50
  await eventually(async () => solvedWith(NEW) >= enough)
  for (const { process } of children) process.stdin?.end()
  const reports = await Promise.all(children.map(({ report }) => report))
  expect(reports.flatMap(({ failures }) => failures)).toEqual([])
  expect(reports.flatMap(({ alerts }) => alerts)).toEqual([])
  expect(service.requests.filter(({ keyOk }) => !keyOk)).toEqual([])
  expect(solvedWith(OLD)).toBe(before)
  const solved = reports.reduce((sum, one) => sum + one.solved, 0)
  expect(solved).toBe(solvedWith(OLD) + solvedWith(NEW))
  await guard.close()

  // The audit log has every solve, by key.
  const audited = await keysInAudit(join(dir, 'audit'))
  expect(audited.map(({ fingerprint, solved, failed, open }) => [fingerprint, solved, failed, open])).toEqual([
    [new Secret(NEW).fingerprint, solvedWith(NEW), 0, 0],
    [new Secret(OLD).fingerprint, solvedWith(OLD), 0, 0],
  ])

  // The next day, status reports the old key as revocable.
  const tomorrow = manualClock(Date.now() + 25 * 3_600_000)
  const later = await rig({
    ...options,
    ledger: fileLedger({ dir, clock: { ...systemClock, now: tomorrow.now } }),
    clock: tomorrow,
    guardOptions: { name: 'rotating', audit: audit() },
  })
  const keys = (await later.guard.status()).key.known
  expect(keys).toMatchObject([
    { fingerprint: new Secret(NEW).fingerprint, revocable: false },
    { fingerprint: new Secret(OLD).fingerprint, revocable: true },
  ])
}, 180_000)

interface Child {
  readonly process: ChildProcess
  readonly ready: Promise<unknown>
  readonly report: Promise<Report>
}

function start(where: { service: string; file: string; dir: string }): Child {
  const env = {
    PATH: process.env.PATH,
    SERVICE_URL: where.service,
    KEY_FILE: where.file,
    STATE_DIR: where.dir,
    EVERY_MS: String((1000 * PROCESSES) / SOLVES_A_SECOND),
  }
  const started = spawn(process.execPath, [child], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  let ready: (value?: unknown) => void = () => {}
  let resolveReport: (value: Report) => void = () => {}
  const lines = createInterface({ input: started.stdout })
  lines.on('line', (line) => (line === 'ready' ? ready() : resolveReport(JSON.parse(line))))
  const readied = new Promise((resolve) => (ready = resolve))
  const report = new Promise<Report>((resolve, reject) => {
    resolveReport = resolve
    started.once('exit', (code) => code !== 0 && reject(new Error(`a process ended with ${code}`)))
  })
  report.catch(() => {})
  return { process: started, ready: Promise.race([readied, report]), report }
}
