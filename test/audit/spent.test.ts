import { mkdtempSync, rmSync } from 'node:fs'
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
