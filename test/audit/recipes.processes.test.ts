import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditEvent } from '../../src/audit/sink.js'
import { micros } from '../../src/policy/money.js'

const page = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8')
const [, recipes = ''] = page.split(/^## Recipes$/m)
const scripts = [...(recipes.split(/^## /m)[0] ?? '').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
  ([, text = '']) => text,
)

const AT = Date.UTC(2026, 10, 24, 12)
let folder = ''

/** The output of a recipe, in lines of cells. */
function output(at: number, env = {}): string[][] {
  const options = { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } } as const
  return execFileSync('sh', ['-c', scripts[at] ?? 'exit 1'], options)
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'solveguard-recipes-'))
  const event = (action: AuditEvent['action'], more: Partial<AuditEvent>): AuditEvent => ({
    ...{ action, at: AT, guard: 'g', solver: 'captchaai', page: 'https://staging.example.com/login' },
    ...more,
  })
  const task = (solveId: string, taskId: string, subject?: string) => ({ solveId, taskId, subject })
  const anna = task('s1', '1', 'anna')
  const build = task('s3', '3', 'build-4711')
  const logs = [
    [
      event('authorized', { solveId: 's1', subject: 'anna', reserved: micros(3_000) }),
      event('submitted', anna),
      event('solved', { ...anna, reserved: micros(3_000), cost: micros(1_000) }),
      event('solved', { ...task('s2', '2'), cost: micros(500) }),
      event('submitted', build),
      event('submitted', { ...task('s4', '4', 'anna'), reserved: micros(2_000) }),
      event('denied', { subject: 'anna', layer: 'spending', code: 'BUDGET_EXHAUSTED' }),
      event('denied', { subject: 'anna', layer: 'spending', code: 'BUDGET_EXHAUSTED', count: 7 }),
      event('denied', { layer: 'origin', code: 'ORIGIN_NOT_NAMED' }),
    ],
    // Another process finished a task that the first one had begun; two others followed one that was settled before.
    [
      event('recovered', { taskId: '3', cost: micros(2_500) }),
      event('recovered', { taskId: '1', cost: micros(3_000) }),
    ],
  ]
  for (const events of logs) {
    const audit = jsonlAudit({ dir: join(folder, '.solveguard', 'audit') })
    await audit.open('g', AT)
    await audit.write(events)
    await audit.close()
  }
})
afterAll(() => rm(folder, { recursive: true }))

it('what each subject spent, by the recipe of docs/audit.md: each task once, also of a process that died', () => {
  expect(output(0)).toEqual([
    ['anna', '2', '0.003'],
    ['build-4711', '1', '0.0025'],
    ['no subject', '1', '0.0005'],
  ])
})

it('the other recipes of docs/audit.md print what they say', () => {
  expect(output(1)).toEqual([['2026-11-24', 'staging.example.com', '2', '0.0015']])
  expect(output(2)).toEqual([
    ['spending', 'BUDGET_EXHAUSTED', '8'],
    ['origin', 'ORIGIN_NOT_NAMED', '1'],
  ])
  expect(output(3)).toContainEqual([
    '2026-11-24T12:00:00.000Z',
    ...['denied', 'anna', 'staging.example.com', 'BUDGET_EXHAUSTED'],
  ])
  const actions = output(4, { SOLVE_ID: 's1' }).map(([line = '']) => JSON.parse(line).event.action)
  expect(actions).toEqual(['authorized', 'submitted', 'solved'])
  expect(scripts).toHaveLength(5)
})
