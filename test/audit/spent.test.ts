import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditEvent } from '../../src/audit/sink.js'
import { spentInAudit } from '../../src/audit/spent.js'
import { micros } from '../../src/policy/money.js'

const AT = Date.UTC(2026, 10, 24, 12)

it('what a log says was spent has each task once, also where several processes followed it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-spent-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const ended = (solver: string, taskId: string, cost: number, action: AuditEvent['action'] = 'recovered') =>
    ({ action, at: AT, guard: 'g', solver, taskId, cost: micros(cost) }) satisfies AuditEvent
  const logs = [
    [ended('one', '1', 1_000, 'solved'), ended('one', '', 500, 'failed'), ended('one', '', 500, 'failed')],
    // It followed the first task as well, and asked for its cost at another time.
    [ended('one', '1', 2_000), ended('one', '2', 30), ended('other', '2', 4), { ...ended('one', '9', 7), guard: 'h' }],
  ]
  for (const events of logs) {
    const audit = jsonlAudit({ dir })
    await audit.open('g', AT)
    await audit.write(events)
    await audit.close()
  }
  expect(await spentInAudit(dir, 'g', '2026-11-24')).toBe(1_000 + 500 + 500 + 30 + 4)
})

it('what is no cost of the guard’s on that day does not count', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-spent-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const line = (cost: unknown, more: object = {}, service: unknown = { name: 'g' }) =>
    `${JSON.stringify({ service, solveguard: { cost_micros: cost, solver: 'one', ...more } })}\n`
  const log = (name: string, ...lines: string[]) => writeFileSync(join(dir, name), lines.join(''))
  const day = '2026-11-24'
  const unlike = ['7', null, 0.5, 1e300, true].map((cost) => line(cost))
  log(
    `${day}-a.jsonl`,
    line(1_000),
    ...unlike,
    line(-5_000),
    line(9, { imputed: true }),
    line(20, { imputed: false }),
    ...['{"cost_micros":\n', '"cost_micros":\n', 'null "cost_micros":\n', line(9, {}, null), line(9, {}, {})],
    // Of one task the lowest, in whichever order; a number is no task's id.
    line(300, { task_id: 't' }),
    line(400, { task_id: 't' }),
    line(200, { task_id: 't' }),
    line(50, { task_id: 'u' }),
    line(50, { task_id: 5 }),
    line(50, { task_id: 5 }),
    // It was cut off while it was written.
    line(7).trimEnd(),
  )
  for (const name of [`2026-11-23-a.jsonl`, `2026-11-25-a.jsonl`, `${day}-b.json`, `${day}-c.jsonl.tmp`]) {
    log(name, line(5))
  }
  expect(await spentInAudit(dir, 'g', day)).toBe(1_000 + 20 + 200 + 50 + 50 + 50)
})

it('of a log longer than 32 MiB, what comes after them is not read', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-spent-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const record = `${JSON.stringify({ service: { name: 'g' }, solveguard: { cost_micros: 1_000, solver: 'one' } })}\n`
  const room = 32 * 1024 * 1024 - 2 * record.length
  const line = `${'x'.repeat(1_023)}\n`
  const filler = line.repeat(room / line.length) + '\n'.repeat(room % line.length)
  writeFileSync(join(dir, '2026-11-24-a.jsonl'), record + filler + record.repeat(3))
  expect(await spentInAudit(dir, 'g', '2026-11-24')).toBe(2_000)
})
