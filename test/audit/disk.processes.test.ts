import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { verifyAudit } from '../../src/audit/verify.js'
import type { ChainHead } from '../../src/base/chain.js'
import { logFiles, recordsOf, temporaryFolder } from './folder.js'

const PROGRAMS = ['write-forever', 'fill-up', 'no-leave'] as const
// Beside the packages, so that the programs find them.
const built = fileURLToPath(new URL(`../../node_modules/.cache/solveguard/audit-${process.pid}`, import.meta.url))
const program = (name: (typeof PROGRAMS)[number]) => join(built, `${name}.mjs`)

beforeAll(async () => {
  mkdirSync(built, { recursive: true })
  for (const name of PROGRAMS) await bundleForNode(`test/audit/children/${name}.ts`, program(name))
})
afterAll(() => rmSync(built, { recursive: true, force: true }))

let folder: ReturnType<typeof temporaryFolder>
let dir: string
beforeEach(() => {
  folder = temporaryFolder()
  dir = join(folder.path, 'audit')
})
afterEach(() => folder.remove())

describe('jsonlAudit on a full disk', () => {
  interface Outcome {
    readonly written: readonly string[]
    readonly refusals: readonly { readonly code: string; readonly message: string }[]
  }
  // No file may grow beyond 24 blocks (of 512 or 1,024 bytes): the system cuts a write short there, and refuses the
  // next.
  const fillUp = (durability: string): Outcome =>
    JSON.parse(
      execFileSync(
        'sh',
        ['-c', 'ulimit -f 24; exec "$0" "$@"', process.execPath, program('fill-up'), dir, durability],
        {
          encoding: 'utf8',
        },
      ),
    )
  const solvesIn = () =>
    logFiles(dir)
      .flatMap((file) => recordsOf(join(dir, file)))
      .flatMap((record) => record.solveguard.solve_id ?? [])

  it('denies what does not fit, keeps nothing of it, and continues with what does', async () => {
    const { written, refusals } = fillUp('process')
    expect(refusals).toHaveLength(2)
    for (const refusal of refusals) {
      expect(refusal.code).toBe('AUDIT_UNAVAILABLE')
      expect(refusal.message).toContain(join(dir, logFiles(dir)[0] ?? 'no file'))
      expect(refusal.message).toContain('ulimit -f')
    }
    expect(written.filter((id) => id.startsWith('1.')).length).toBeGreaterThan(0)
    expect(solvesIn()).toEqual(written)
    expect(await verifyAudit(dir)).toMatchObject({ ok: true, records: written.length + 1 })
  })

  it('leaves a file whose sync failed, and continues in another', async () => {
    const { written, refusals } = fillUp('power')
    expect(refusals.length).toBeGreaterThan(0)
    expect(logFiles(dir)).toHaveLength(2)
    expect(solvesIn()).toEqual(written)
    expect(await verifyAudit(dir)).toMatchObject({ ok: true, records: written.length + 2 })
  })
})

describe('jsonlAudit in a folder that it may not write', () => {
  it('denies, and states which permission is missing', () => {
    mkdirSync(dir)
    chmodSync(folder.path, 0o755)
    chmodSync(dir, 0o555)
    const output = JSON.parse(execFileSync(process.execPath, [program('no-leave'), dir], { encoding: 'utf8' }))
    expect(output).toMatchObject({ code: 'AUDIT_UNAVAILABLE', details: { errno: 'EACCES' } })
    expect(output.message).toContain(dir)
    expect(output.message).toContain('Give this user permission to write there')
    expect(logFiles(dir)).toEqual([])
  })
})

it('verification never waits for a pipe among the files, and names it', async () => {
  mkdirSync(dir)
  execFileSync('mkfifo', [join(dir, 'pipe.jsonl')])
  expect((await verifyAudit(dir)).firstBad).toMatchObject({ file: 'pipe.jsonl', line: 0, problem: 'unreadable' })
})

describe('jsonlAudit in a process that is killed', () => {
  const KILLS = 60

  /** Starts a writer, kills it a random moment after its first write, and returns the heads that it wrote. */
  async function killOne(): Promise<ChainHead[]> {
    const child = spawn(process.execPath, [program('write-forever'), dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (output === '') setTimeout(() => child.kill('SIGKILL'), Math.random() * 20)
      output += text
    })
    await once(child, 'close')
    return output
      .slice(0, output.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ChainHead)
  }

  it(`keeps every write that was done, and at worst ends in one line that is torn: ${KILLS} kills`, async () => {
    const heads: ChainHead[] = []
    const lane = async () => {
      for (let count = 0; count < KILLS / 2; count++) heads.push(...(await killOne()))
    }
    await Promise.all([lane(), lane()])

    const { files } = await verifyAudit(dir, { heads })
    expect(files).toHaveLength(KILLS)
    expect(new Set(heads.map((head) => head.file)).size).toBe(KILLS)
    for (const file of files) {
      // The last write may have been done and its head not printed.
      if (!file.ok) expect(file.firstBad).toMatchObject({ problem: 'unconfirmed' })
      const last = Math.max(...heads.filter((head) => head.file === file.file).map((head) => head.seq))
      expect(file.records).toBeGreaterThanOrEqual(last)
      expect(statSync(join(dir, file.file)).size).toBeGreaterThan(0)
    }
  })
})
