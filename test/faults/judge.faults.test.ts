import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSolverService } from '../../src/testing/service/index.js'
import type { JudgeRequest } from './children/judge.js'
import { PRICE, type RunConfiguration } from './children/run.js'
import { bundleChild, type Judges, startJudges } from './judge.js'
import { watch } from './watch.js'

/*
 * That the suite can fail: each promise is broken by hand, and the judge must say so.
 */

let service: Awaited<ReturnType<typeof startSolverService>>
let judges: Judges
let folder: string
let clean: RunConfiguration
beforeAll(async () => {
  service = await startSolverService({ price: PRICE })
  judges = await startJudges()
  folder = mkdtempSync(join(tmpdir(), 'judged-'))
  const script = await bundleChild('workload')
  clean = {
    name: 'clean',
    workload: 'stream',
    dir: join(folder, 'clean'),
    serviceUrl: service.url,
    key: service.key,
    aheadMs: 0,
  }
  const env = { PATH: process.env.PATH ?? '', FAULTS_RUN: JSON.stringify(clean) }
  await watch({ program: process.execPath, args: [script], env }, { mayBeKilled: false })
  rmSync(script)
})
afterAll(async () => {
  await judges.close()
  await service.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What the judge says of the folder after something was done to it. */
async function judged(spoil: (dir: string) => void, more: Partial<JudgeRequest> = {}): Promise<readonly string[]> {
  const dir = mkdtempSync(join(folder, 'spoiled-'))
  cpSync(clean.dir, dir, { recursive: true })
  spoil(dir)
  const { run = clean, ...rest } = more
  return judges.judge({
    run: { ...run, dir },
    tasks: service.tasks.length,
    killed: false,
    mayBeTorn: false,
    documents: [],
    wasBehind: false,
    ...rest,
  })
}

/** Changes the text of the audit log. */
const rewrite = (change: (text: string) => string) => (dir: string) => {
  const [file = ''] = readdirSync(join(dir, 'audit'))
  const path = join(dir, 'audit', file)
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}
/** What a process leaves that is killed while it writes its first record. */
const tear = (dir: string): void => writeFileSync(join(dir, 'audit/2026-11-24-1-0123456789ab-0001.jsonl'), '{"@ti')
const without = (action: string) =>
  rewrite((text) => {
    const lines = text.split('\n')
    lines.splice(
      lines.findIndex((line) => line.includes(`"action":"${action}"`)),
      1,
    )
    return lines.join('\n')
  })

describe('the judge', () => {
  it('says nothing where everything holds', async () => {
    expect(service.tasks).toHaveLength(5)
    expect(await judged(() => {})).toEqual([])
  })

  it.each<[string, (dir: string) => void, Partial<JudgeRequest>, string]>([
    ['a task that the ledger does not count', () => {}, { tasks: 6 }, 'charged 6000, but spent 5000 and reserved 0'],
    ['a task without an authorized record', without('authorized'), {}, '5 tasks, the log 4 authorized'],
    ['a settlement without a record', without('solved'), {}, 'settled and not recorded'],
    ['an altered record', rewrite((text) => text.replace('turnstile', 'x').replace('recaptcha', 'y')), {}, 'altered'],
    ['a torn record of a process that was not killed', tear, {}, 'ends in a torn line'],
    ['a record that was added', rewrite((text) => `${text}{"@ti`), {}, 'added'],
    ['a ledger that cannot be opened', (dir) => truncateSync(join(dir, 'ledger.db'), 90), {}, 'the next process fails'],
    ['a ledger that is gone', (dir) => rmSync(join(dir, 'ledger.db')), {}, 'no ledger, and the service has 5 tasks'],
  ])('names %s', async (_, spoil, more, expected) => {
    expect((await judged(spoil, more)).join('\n')).toContain(expected)
  })

  it('accepts a torn last line of a killed process', async () => {
    expect(await judged(tear, { mayBeTorn: true })).toEqual([])
  })

  it('names spending above the cap', async () => {
    const run = { ...clean, workload: 'limit' } as const
    expect((await judged(() => {}, { run })).join()).toContain('spent 5000 and reserved 0 of 4000')
  })

  it('names a copy that lacks records, unless an alert said so', async () => {
    const run = { ...clean, workload: 'copy' } as const
    expect((await judged(() => {}, { run })).join()).toContain('the copy lacks')
    expect(await judged(() => {}, { run, wasBehind: true })).toEqual([])
  })
})

describe('a process under test', () => {
  const ended = (program: string, hangsAfterMs?: number) =>
    watch(
      { program: process.execPath, args: ['-e', program], env: {} },
      { mayBeKilled: false, ...(hangsAfterMs && { hangsAfterMs }) },
    ).then(({ problems }) => problems.join('\n'))
  const closed = `console.log(JSON.stringify({ what: 'closed' }));`

  it.each([
    ['an unhandled rejection', `Promise.reject(new Error('lost'))`, 'ended with 1'],
    ['an uncaught error', `throw new Error('lost')`, 'ended with 1'],
    ['a warning of one', `${closed} console.error('UnhandledPromiseRejectionWarning')`, 'the process wrote'],
    ['a crash', `process.abort()`, 'ended with SIGABRT'],
    ['an early end', `process.exit(0)`, 'before its last line'],
    [
      'an error without a code',
      `console.log(JSON.stringify({ what: 'no code', name: 'x' })); ${closed}`,
      'without a code',
    ],
    [
      'an open file',
      `console.log(JSON.stringify({ what: 'open files', paths: ['x'] })); ${closed}`,
      'open after close()',
    ],
    ['a kill that was not injected', `process.kill(process.pid, 'SIGKILL')`, 'ended with SIGKILL'],
  ])('must not end with %s', async (_, program, expected) => {
    expect(await ended(program)).toContain(expected)
  })

  it('must not hang', async () => {
    expect(await ended('setInterval(() => {}, 1000)', 300)).toContain('has not ended')
  })

  it('may end', async () => {
    expect(await ended(closed)).toBe('')
  })
})
