import type { TestInfo } from 'playwright/test'
import type { SpendingMeter } from '../../guard/spending/meter.js'
import type { Guard, GuardEvents } from '../../guard/types.js'
import { type Money, micros, ZERO } from '../../policy/money.js'
import { ATTACHMENT_NAME, dayOf, formatSpending, summarize, TestReport, type TestSpending } from './report.js'

/** A worker's guard, and what counts its spending. */
export interface MeteredGuard {
  readonly guard: Pick<Guard, 'name' | 'status' | 'on'>
  readonly meter: Pick<SpendingMeter, 'next'>
  /** What the suite does without a key, if there is none. */
  readonly withoutKey?: TestSpending['withoutKey']
}

type SolvedEvent = Pick<GuardEvents['solved'], 'solveId' | 'taskId' | 'challenge' | 'cost'>

/**
 * What a worker spends, by test: whatever asked for the solve (a test, a hook, a fixture) and by whatever means
 * (`captcha`, the guard, a grant or a token of it). The ledger has the amounts. What hooks spend before a test is in
 * the report of that test; what hooks spend after it is a further attachment of it.
 */
export class WorkerSpending {
  readonly #currentTest: () => TestInfo | undefined
  #metered: MeteredGuard | undefined
  /** The solves that began in this count and have not ended. */
  readonly #underWay = new Set<string>()
  /** What was bought while no test had an open report. */
  #pending: SolvedEvent[] = []
  #open: { readonly info: TestInfo; readonly report: TestReport } | undefined
  /** The test whose report was closed last. */
  #closed: TestInfo | undefined
  /** What hooks after that test have spent, and what was added to its report. The meter counts it too. */
  #added: Money = ZERO

  /** @param currentTest the test that runs, or whose hooks run */
  constructor(currentTest: () => TestInfo | undefined) {
    this.#currentTest = currentTest
  }

  /** The worker's guard was created. */
  watch(metered: MeteredGuard): void {
    this.#metered = metered
    const { guard } = metered
    guard.on('authorized', ({ solveId }) => void this.#underWay.add(solveId))
    guard.on('solved', (event) => this.#solved(event))
    guard.on('failed', ({ solveId, cost, ...error }) => this.#failed(solveId, cost, error))
  }

  /** A test's fixtures begin. */
  begin(info: TestInfo): TestReport {
    const report = new TestReport()
    for (const event of this.#pending) report.addPurchase(event)
    this.#pending = []
    this.#open = { info, report }
    return report
  }

  /** A test's fixtures have ended: annotates the test, and attaches what was spent, if anything was asked for. */
  async end(): Promise<void> {
    const { info, report } = this.#open ?? {}
    this.#open = undefined
    this.#closed = info
    this.#underWay.clear()
    const added = this.#added
    this.#added = ZERO
    if (!info || !report || !this.#metered) return
    const { guard, meter, withoutKey } = this.#metered
    const counted = await meter.next()
    const spent = counted === undefined ? report.cost : micros(Math.max(0, counted - added))
    if (spent === 0 && report.isEmpty) return
    // With stand-ins each worker has a ledger of its own: what is left in one of them says nothing of the suite.
    const day = withoutKey === 'stand-ins' ? undefined : await dayOf(guard)
    const spending = this.#noted(info, summarize(report, spent, day && { name: guard.name, day }))
    await info.attach(ATTACHMENT_NAME, contentOf(spending))
  }

  #solved(event: SolvedEvent): void {
    // An answer without a task cost nothing: it was not bought.
    if (!this.#underWay.delete(event.solveId) || event.taskId === '') return
    const ended = this.#endedTest()
    if (this.#open) this.#open.report.addPurchase(event)
    else if (ended) this.#addTo(ended, (report) => report.addPurchase(event), event.cost)
    else this.#pending.push(event)
  }

  #failed(
    solveId: string,
    cost: Money,
    { challenge, code, message }: Pick<GuardEvents['failed'], 'challenge' | 'code' | 'message'>,
  ): void {
    const ended = this.#endedTest()
    const isOfIt = this.#underWay.delete(solveId) && cost > 0
    if (ended && isOfIt) this.#addTo(ended, (report) => report.addFailure(challenge, { code, message }), cost)
  }

  /** The test whose hooks run, if its report is closed already. */
  #endedTest(): TestInfo | undefined {
    return !this.#open && this.#closed && this.#currentTest() === this.#closed ? this.#closed : undefined
  }

  /** At once: when its hooks have ended, the test is reported as it is. */
  #addTo(info: TestInfo, add: (report: TestReport) => void, cost: Money): void {
    const report = new TestReport()
    add(report)
    this.#added = micros(this.#added + cost)
    const spending = this.#noted(info, summarize(report, cost, undefined))
    info.attachments.push({ name: ATTACHMENT_NAME, ...contentOf(spending) })
  }

  /** Adds the annotation. */
  #noted(info: TestInfo, spending: TestSpending): TestSpending {
    const withoutKey = this.#metered?.withoutKey
    const all = withoutKey ? { ...spending, withoutKey } : spending
    info.annotations.push({ type: ATTACHMENT_NAME, description: formatSpending(all) })
    return all
  }
}

function contentOf(spending: TestSpending): { body: Buffer; contentType: string } {
  return { body: Buffer.from(JSON.stringify(spending, null, 2)), contentType: 'application/json' }
}
