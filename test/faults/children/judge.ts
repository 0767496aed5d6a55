// The judge: a process without faults, which looks at what the process under test has left. Reads one request a line,
// and writes one verdict a line: what does not hold.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { webhookAlerts } from '../../../src/alerts/index.js'
import { type AuditRecord, jsonlAudit, verifyAudit } from '../../../src/audit/index.js'
import { systemClock } from '../../../src/base/clock.js'
import { createGuard, usd } from '../../../src/index.js'
import { fileLedger, type Ledger, redisLedger } from '../../../src/ledger/index.js'
import { loadSqlite } from '../../../src/ledger/sqlite/load.js'

import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { fastClock } from '../fast-clock.js'
import { dailyBudget, GUARD_NAME, HOOK_SECRET, PRICE, pages, type RunConfiguration, SPEED } from './run.js'

/** What is to be judged. */
export interface JudgeRequest {
  readonly run: RunConfiguration
  /** How many tasks the service has taken. It charges each of them, sooner or later. */
  readonly tasks: number
  /** Whether a process of the folder was killed. */
  readonly killed: boolean
  /**
   * Whether a file of the log may end in a torn line, or in records that the ledger does not know of: where its process
   * was killed, or could not write.
   */
  readonly mayBeTorn: boolean
  /** The records that Elasticsearch has. */
  readonly documents: readonly unknown[]
  /** Whether the process reported that a copy of its log is behind. */
  readonly wasBehind: boolean
}

/** What does not hold, as sentences. Empty where everything does. */
export interface JudgeVerdict {
  readonly problems: readonly string[]
}

/** What the next process sees: leases of killed processes have expired by then. */
const LATER_MS = 45_000
/** All deadlines of reservations have passed by then. */
const MUCH_LATER_MS = 400_000
/** How long the next process may take to follow what is left, ms on the machine's clock. */
const PATIENCE_MS = 20_000

const OUTCOMES: ReadonlySet<string> = new Set(['solved', 'failed', 'recovered'])

async function judge({ run, tasks, killed, mayBeTorn, documents, wasBehind }: JudgeRequest): Promise<string[]> {
  const problems: string[] = []
  const check = (holds: boolean, sentence: string): void => void (holds || problems.push(sentence))
  const charged = tasks * usd(PRICE)
  const cap = usd(dailyBudget(run.workload))
  const wasUsed = run.redisUrl !== undefined || existsSync(join(run.dir, 'ledger.db'))

  const checkMoney = async (ledger: Ledger, aheadMs: number, when: string): Promise<void> => {
    const { spent, reserved } = await ledger.usage(GUARD_NAME, systemClock.now() + aheadMs)
    check(charged <= spent + reserved, `${when}: charged ${charged}, but spent ${spent} and reserved ${reserved}`)
    check(spent + reserved <= cap, `${when}: spent ${spent} and reserved ${reserved} of ${cap}`)
  }
  const checkRecords = async (ledger: Ledger, when: string): Promise<void> => {
    const records = [...recordsIn(run.dir), ...(documents as AuditRecord[])]
    const idsOf = (actions: ReadonlySet<string>): string[] =>
      records.flatMap(({ event, solveguard }) =>
        actions.has(event.action) && solveguard.solve_id !== undefined ? [solveguard.solve_id] : [],
      )
    const authorized = new Set(idsOf(new Set(['authorized'])))
    check(tasks <= authorized.size, `${when}: the service has ${tasks} tasks, the log ${authorized.size} authorized`)
    const ended = new Set(idsOf(OUTCOMES))
    if (run.redisUrl === undefined) {
      const missing = (await settledIn(run.dir)).filter((id) => !ended.has(id))
      check(missing.length === 0, `${when}: settled and not recorded: ${missing}`)
    } else {
      const { active } = await ledger.usage(GUARD_NAME, systemClock.now() + run.aheadMs)
      const open = [...authorized].filter((id) => !ended.has(id)).length
      check(
        open <= active,
        `${when}: ${open} solves have no outcome on the record, and ${active} reservations are open`,
      )
    }
  }
  const checkLog = async (ledger: Ledger, when: string): Promise<void> => {
    if (!existsSync(join(run.dir, 'audit'))) return
    const { files } = await verifyAudit({ dir: join(run.dir, 'audit') }, { heads: await ledger.heads() })
    for (const { file, torn, firstBad } of files) {
      check(mayBeTorn || !torn, `${when}: ${file} ends in a torn line`)
      if (!firstBad) continue
      // The ledger does not know what was written last.
      const isUnknown = ['unconfirmed', 'unknown'].includes(firstBad.problem)
      check(mayBeTorn && isUnknown, `${when}: ${file}, line ${firstBad.line}: ${firstBad.problem}: ${firstBad.reason}`)
    }
  }
  const checkAll = async (aheadMs: number, when: string): Promise<void> => {
    const ledger = ledgerOf(run, aheadMs)
    await ledger.open()
    try {
      await checkMoney(ledger, aheadMs, when)
      await checkRecords(ledger, when)
      await checkLog(ledger, when)
    } finally {
      await ledger.close()
    }
  }

  if (run.workload === 'copy' && !killed && !wasBehind) {
    const copied = new Set((documents as AuditRecord[]).map(keyOf))
    const missing = recordsIn(run.dir).filter((record) => record.solveguard.solve_id && !copied.has(keyOf(record)))
    check(missing.length === 0, `the copy lacks ${missing.map(keyOf)}, and no alert says so`)
  }
  if (wasUsed) await checkAll(run.aheadMs, 'after the process')
  else check(tasks === 0, `there is no ledger, and the service has ${tasks} tasks`)
  if (run.redisUrl === undefined && run.workload !== 'elasticsearch') {
    await nextProcess(run, check)
    await checkAll(run.aheadMs + LATER_MS, 'after the next process')
    await checkAll(run.aheadMs + LATER_MS + MUCH_LATER_MS, 'after all deadlines')
  }
  return problems
}

/** The next process on the same folder: it opens everything, and follows what is left to its end. */
async function nextProcess(run: RunConfiguration, check: (holds: boolean, sentence: string) => void): Promise<void> {
  const clock = fastClock(SPEED, run.aheadMs + LATER_MS)
  const value = new Secret(run.key)
  const guard = await createGuard({
    name: GUARD_NAME,
    clock,
    stateDir: run.dir,
    solver: captchaAI({
      baseUrl: run.serviceUrl,
      polling: { firstPollMs: 20, everyMs: 20 },
      pricing: { per: 'solve', usd: PRICE },
    }),
    secret: { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) },
    policy: {
      origins: ['https://staging.example.com'],
      budget: { perDay: usd(dailyBudget(run.workload)), alertsAt: [0.5, 0.8] },
      deadline: '20s',
    },
    audit: jsonlAudit({ dir: join(run.dir, 'audit') }),
    ...(run.hookUrl !== undefined && { alerts: [webhookAlerts({ url: run.hookUrl, secret: HOOK_SECRET })] }),
  })
  try {
    const until = systemClock.monotonic() + PATIENCE_MS
    let status = await guard.status()
    const isIdle = (): boolean => status.process.recovering === 0 && status.alerts.every(({ pending }) => pending === 0)
    // The first heartbeat comes soon after the start, and it claims what is left.
    const claimed = clock.monotonic() + 500
    while ((clock.monotonic() < claimed || !isIdle()) && systemClock.monotonic() < until) {
      await new Promise<void>((resolve) => void clock.after(50, resolve))
      status = await guard.status()
    }
    check(isIdle(), `the next process still follows tasks or alerts: ${JSON.stringify(status.process)}`)
    if (run.workload !== 'batch') return
    const { failed } = await guard.stream(pages(run, 4), { batch: 'nightly' }).forEach(() => {})
    check(failed === 0, `the next process cannot complete the batch: ${failed} items failed`)
  } finally {
    await guard.close()
  }
}

function ledgerOf({ name, dir, redisUrl: url }: RunConfiguration, aheadMs: number): Ledger {
  return url === undefined ? fileLedger({ dir, clock: fastClock(SPEED, aheadMs) }) : redisLedger({ url, prefix: name })
}

function keyOf({ event, solveguard }: AuditRecord): string {
  return `${event.action} ${solveguard.solve_id}`
}

/** All whole records of a folder. */
function recordsIn(dir: string): AuditRecord[] {
  const folder = join(dir, 'audit')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line.endsWith('}}'))
    .map((line) => JSON.parse(line) as AuditRecord)
}

/** The solves whose reservations the ledger has settled at a cost. The journal is documented in entries.ts. */
async function settledIn(dir: string): Promise<string[]> {
  const db = (await loadSqlite()).connect(join(dir, 'ledger.db'), 1000)
  try {
    const rows = db.prepare('SELECT entries FROM journal ORDER BY seq').all([]) as [string][]
    return rows
      .flatMap(([entries]) => JSON.parse(entries) as [kind: string, at: number, id: string, cost: number][])
      .flatMap(([kind, , id, cost]) => (kind === 'settle' && cost > 0 ? [id.replace(/\.\d+$/, '')] : []))
  } finally {
    db.close()
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const problems = await judge(JSON.parse(line) as JudgeRequest).catch((error: unknown) => [
    `the next process fails: ${error instanceof Error ? error.stack : String(error)}`,
  ])
  process.stdout.write(`${JSON.stringify({ problems } satisfies JudgeVerdict)}\n`)
}
