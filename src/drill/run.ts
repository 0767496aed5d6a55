import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { GuardOptions } from '../guard/options.js'
import { ZERO } from '../policy/money.js'
import { NOTHING } from './bounds.js'
import { scenarios } from './scenarios/index.js'
import { DrillSkip } from './scenarios/register.js'
import { Answers, type Outcome, type Scenario } from './scenarios/scenario.js'
import { readSetup, type Setup } from './setup.js'
import { type DrillSeams, openStage, type Stage } from './stage.js'
import type { DrillReport, DrillRow, DrillRowId, DrillState } from './types.js'

/** Options of `runDrill`. */
export interface DrillOptions {
  /**
   * Which scenarios to run.
   * @default all
   */
  readonly rows?: readonly DrillRowId[] | undefined
  /**
   * Called with each row as soon as it is there.
   * @default none
   */
  readonly onRow?: ((row: DrillRow) => void) | undefined
  /**
   * Aborted, no further scenario begins; those that were not run are missing in the report.
   * @default never
   */
  readonly signal?: AbortSignal | undefined
  /**
   * The time at which the drill begins, and by which it measures how long it takes.
   * @default systemClock
   */
  readonly clock?: Clock | undefined
}

/**
 * Runs the defence matrix against a configuration: its policy, its kinds of ledger and audit log, its accounts, alert
 * channels and options, on stand-ins on loopback. No money is spent, no service is called, and the ledger, the audit
 * log, the key and the alert channels of the configuration are not touched.
 *
 * @param options those of `createGuard`
 * @throws SolveguardError `CONFIG_INVALID` that names the field
 * @example
 * const { rows, counts } = await runDrill({ policy: { origins: ['https://staging.example.com'] } })
 * console.log(counts) // { pass: 11, open: 4, failed: 0, skipped: 0 }
 */
export async function runDrill(options: GuardOptions, settings: DrillOptions = {}): Promise<DrillReport> {
  return runDrillWith(options, settings, {})
}

/** As `runDrill`; `seams` let a test break what is drilled. */
export async function runDrillWith(
  options: GuardOptions,
  { rows: wanted, onRow, signal, clock = systemClock }: DrillOptions,
  seams: DrillSeams,
): Promise<DrillReport> {
  const began = clock.monotonic()
  const setup = await readSetup(options, clock.now())
  const folder = await mkdtemp(join(tmpdir(), 'solveguard-drill-'))
  const rows: DrillRow[] = []
  try {
    for (const scenario of scenarios(seams)) {
      if (signal?.aborted) break
      if (wanted && !wanted.includes(scenario.id)) continue
      const row = await runScenario(scenario, setup, folder, seams, clock)
      rows.push(row)
      onRow?.(row)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const count = (state: DrillState) => rows.filter((row) => row.state === state).length
  return {
    guard: setup.name,
    solvers: setup.accounts.map(({ name }) => name),
    ledger: setup.ledger,
    audit: setup.audit,
    notes: setup.notes,
    at: new Date(setup.openAt ?? clock.now()),
    durationMs: Math.round(clock.monotonic() - began),
    rows,
    counts: { pass: count('pass'), open: count('open'), failed: count('failed'), skipped: count('skipped') },
  }
}

async function runScenario(
  scenario: Scenario,
  setup: Setup,
  folder: string,
  seams: DrillSeams,
  clock: Clock,
): Promise<DrillRow> {
  const { id, scenario: title, expected } = scenario
  const began = clock.monotonic()
  const answers = new Answers()
  let stage: Stage | undefined
  let outcome: Outcome | undefined
  let problem: string | undefined
  let skipped: string | undefined
  try {
    stage = await openStage(setup, folder, seams, scenario.stage?.(setup))
    outcome = await scenario.run(stage, answers)
  } catch (error) {
    if (error instanceof DrillSkip) skipped = error.message
    else problem = messageOf(error)
  }
  const broken = await stage?.end().catch(messageOf)
  problem ??= skipped === undefined ? broken : undefined
  const state = problem ? 'failed' : skipped !== undefined ? 'skipped' : outcome?.closes ? 'open' : 'pass'
  return {
    id,
    scenario: title,
    expected,
    state,
    answers: answers.all,
    cost: stage?.charged ?? ZERO,
    atMost: outcome?.atMost ?? (skipped === undefined ? { text: 'not known' } : NOTHING),
    detail: problem ?? skipped ?? outcome?.detail ?? '',
    ...(state === 'open' && { closes: outcome?.closes }),
    durationMs: Math.round(clock.monotonic() - began),
  }
}
