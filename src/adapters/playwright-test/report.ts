import type { Code, SolveguardError } from '../../base/errors.js'
import type { DayStatus, Grant, Solution } from '../../guard/types.js'
import { formatMs } from '../../policy/duration.js'
import { formatUsd, type Money, micros, toUsd } from '../../policy/money.js'
import type { Outcome, SolveResult } from '../engine/result.js'

/** The name of a test's annotation and attachment. */
export const ATTACHMENT_NAME = 'captchas'

/** Why a test was skipped that needs a key, as the description of Playwright's own annotation. */
export const SKIPPED_WITHOUT_KEY = "There is no key for the solver service, and `withoutKey` is 'skip'."

/** The outcome for one widget in a test's report: without the token, and without the query of the page's URL. */
export interface WidgetReport {
  /** The family, such as `recaptcha`; absent for the denial of a page that the policy does not name. */
  readonly family?: string | undefined
  /** The variant, such as `v2-checkbox`; absent where `family` is. */
  readonly variant?: string | undefined
  /** The page's URL, without its query. */
  readonly page: string
  /** How the solve ended. */
  readonly outcome: 'solved' | 'denied' | 'failed'
  /** The error code, if it was denied or failed. */
  readonly code?: Code | undefined
  /** The error message, if it was denied or failed. */
  readonly message?: string | undefined
  /** When the same solve may be allowed: ISO 8601, if it was denied and the time is known. */
  readonly retryAt?: string | undefined
}

/** What is left of the budget of a suite's guard. */
export interface SuiteBudget {
  /** The guard's name. */
  readonly name: string
  /** The daily amount, in micro-dollars. */
  readonly cap: Money
  /** The same in US dollars. */
  readonly capUsd: number
  /** What may still be reserved, in micro-dollars. */
  readonly left: Money
  /** The same in US dollars. */
  readonly leftUsd: number
}

/** The totals of a test: the attachment `captchas`. */
export interface TestSpending {
  /**
   * All that the worker spent during the test and the hooks before it, in micro-dollars: by `captcha`, `captchaGuard`
   * and its grants. With what is still reserved for solves that were given up.
   */
  readonly spent: Money
  /** The same in US dollars. */
  readonly spentUsd: number
  /** How many widgets were solved, and what else was solved during the test. */
  readonly solved: number
  /** How many solves were denied. */
  readonly denied: number
  /** How many solves failed. */
  readonly failed: number
  /** One report for each of them. */
  readonly widgets: readonly WidgetReport[]
  /** What was left of the suite's budget when the test ended; absent if the ledger did not answer. */
  readonly budget?: SuiteBudget | undefined
  /** What the suite does without a key, if there is none. */
  readonly withoutKey?: 'stand-ins' | 'skip' | undefined
}

/** The facts of a challenge that a report may show. */
interface Shown {
  readonly family?: string | undefined
  readonly variant?: string | undefined
  readonly pageUrl: string
}

/** A solve that was bought, by the guard's own account of it. */
interface Purchase {
  readonly taskId: string
  readonly challenge: Shown
  readonly cost: Money
}

/** The outcomes of one test. Two calls that share one solve have one outcome. */
export class TestReport {
  readonly #widgets: WidgetReport[] = []
  /** The service's ids of the tasks that are in the report. */
  readonly #tasks = new Set<string>()
  /** All that was bought, whether one of the test's calls has it or not. */
  readonly #purchases: Purchase[] = []
  #asked = false
  /** The solutions and errors that are in the report. */
  readonly #reported = new WeakSet<object>()
  /** What the solutions of the test cost, as far as its calls know. */
  #cost = 0

  /** The outcomes: those of `captcha`, and then what was bought beside it. */
  get widgets(): readonly WidgetReport[] {
    return [...this.#widgets, ...this.#others.map(({ challenge }) => solvedWidget(challenge))]
  }

  /** What the solutions cost, as far as it is known without the ledger. */
  get cost(): Money {
    return micros(this.#others.reduce((sum, { cost }) => sum + cost, this.#cost))
  }

  /** Whether nothing was asked for and nothing was bought. */
  get isEmpty(): boolean {
    return !this.#asked && this.widgets.length === 0
  }

  /** What was bought, and is the outcome of no call of `captcha`. */
  get #others(): readonly Purchase[] {
    return this.#purchases.filter(({ taskId }) => !this.#tasks.has(taskId))
  }

  /** The test's grant was asked to spend something. */
  asked(): void {
    this.#asked = true
  }

  /** Adds what the guard has bought. */
  addPurchase(purchase: Purchase): void {
    this.#purchases.push(purchase)
  }

  /** Adds a solve that failed and is the outcome of no call of `captcha`. */
  addFailure(shown: Shown, { code, message }: Pick<SolveguardError, 'code' | 'message'>): void {
    this.#widgets.push({ ...widgetFields(shown), outcome: 'failed', code, message })
  }

  /** Adds the outcomes of `captcha.solve`. */
  addResult({ solved, denied, failed, unnamed, cost }: SolveResult): void {
    const page = { pageUrl: unnamed[0]?.pageUrl ?? '' }
    for (const { challenge, solution } of solved) this.#addSolution(challenge, solution)
    for (const { challenge = page, error } of denied) this.addError(challenge, error)
    for (const { challenge, error } of failed) this.addError(challenge, error)
    this.#cost += cost
  }

  /** Adds an outcome of `captcha.auto`. */
  addOutcome(outcome: Outcome): void {
    if (outcome.kind === 'skipped') return
    const { challenge } = outcome
    const solution = 'solution' in outcome ? outcome.solution : undefined
    const isNew =
      outcome.kind === 'solved'
        ? this.#addSolution(challenge, outcome.solution)
        : this.addError(challenge, outcome.error)
    if (!solution) return
    this.#tasks.add(solution.taskId)
    if (isNew) this.#cost += solution.cost
  }

  /** Adds a picture that was solved. */
  addPicture(shown: Shown, { cost, taskId }: Pick<Solution, 'cost' | 'taskId'>): void {
    this.#widgets.push(solvedWidget(shown))
    this.#tasks.add(taskId)
    this.#cost += cost
  }

  /** Adds a denial or a failure. @returns false if it is in the report already */
  addError(shown: Shown, error: SolveguardError): boolean {
    return this.#add(error, () => failedWidget(shown, error))
  }

  #addSolution(shown: Shown, solution: Solution): boolean {
    this.#tasks.add(solution.taskId)
    return this.#add(solution, () => solvedWidget(shown))
  }

  #add(thing: object, report: () => WidgetReport): boolean {
    if (this.#reported.has(thing)) return false
    this.#reported.add(thing)
    this.#widgets.push(report())
    return true
  }
}

/**
 * The totals of a test.
 * @param spent micro-dollars
 */
export function summarize(
  { widgets }: Pick<TestReport, 'widgets'>,
  spent: Money,
  suite: { readonly name: string; readonly day: DayStatus } | undefined,
): TestSpending {
  const count = (outcome: WidgetReport['outcome']) => widgets.filter((one) => one.outcome === outcome).length
  return {
    spent,
    spentUsd: toUsd(spent),
    solved: count('solved'),
    denied: count('denied'),
    failed: count('failed'),
    widgets,
    ...(suite && { budget: budgetOf(suite.name, suite.day) }),
  }
}

function budgetOf(name: string, { cap, left }: DayStatus): SuiteBudget {
  return { name, cap, capUsd: toUsd(cap), left, leftUsd: toUsd(left) }
}

/** The day of a grant's own budget; undefined if the ledger does not answer: no test fails for its report. */
export async function dayOf(grant: Pick<Grant, 'status'>): Promise<DayStatus | undefined> {
  try {
    return (await grant.status()).day
  } catch {
    return undefined
  }
}

/** `2 solved, 1 denied`, or `nothing solved`. */
export function formatCounts({ solved, denied, failed }: Pick<TestSpending, 'solved' | 'denied' | 'failed'>): string {
  const parts = Object.entries({ solved, denied, failed }).filter(([, count]) => count > 0)
  return parts.map(([what, count]) => `${count} ${what}`).join(', ') || 'nothing solved'
}

/** The text of a test's annotation: counts, money, and why solves were denied or failed. */
export function formatSpending(spending: TestSpending): string {
  const { widgets, spent, withoutKey } = spending
  const standIns = withoutKey === 'stand-ins' ? ' (stand-ins, for there is no key)' : ''
  const why = new Set(widgets.flatMap(({ code, message = '' }) => (code ? [reasonOf({ code, message })] : [])))
  const totals = `${formatCounts(spending)}; ${formatUsd(spent)} spent${standIns}`
  return why.size === 0 ? totals : `${totals}. ${[...why].join(' ')}`
}

/** Why something was denied, or failed, in one line. */
export function reasonOf({ code, message }: { readonly code: string; readonly message: string }): string {
  return `${code}: ${message}`
}

/** `BUDGET_EXHAUSTED ×2, SECRET_MISSING`: how often each code occurs. */
export function formatCodes(codes: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1)
  return [...counts].map(([code, count]) => (count === 1 ? code : `${code} ×${count}`)).join(', ')
}

/**
 * What a call of `captcha.solve` came to, as a step's title:
 * `captcha.solve — 1 solved (recaptcha v2-checkbox), $0.001, 14 s`.
 */
export function solveTitle({ solved, denied, failed, skipped, cost }: SolveResult, tookMs: number): string {
  const parts = [
    part('solved', solved),
    part('denied', denied, ({ error }) => error.code),
    part('failed', failed, ({ error }) => error.code),
  ].filter(Boolean)
  const left = skipped.map(({ reason }) => reason)
  if (parts.length === 0) parts.push(`nothing due${left.length > 0 ? ` (${formatCodes(left)})` : ''}`)
  const money = cost > 0 ? [formatUsd(cost)] : []
  return `captcha.solve — ${[...parts, ...money, formatMs(tookMs)].join(', ')}`
}

/** What one solve came to, as a step's title: `captcha.solveImage — solved, $0.001, 5 s`. */
export function oneTitle(method: string, outcome: string, cost: Money, tookMs: number): string {
  return `captcha.${method} — ${[outcome, ...(cost > 0 ? [formatUsd(cost)] : []), formatMs(tookMs)].join(', ')}`
}

/** The outcome of a widget that `captcha.auto` dealt with, as a step's title. */
export function autoTitle(outcome: Exclude<Outcome, { kind: 'skipped' }>, tookMs: number): string {
  const { kind, challenge } = outcome
  const why = kind === 'solved' ? '' : `: ${outcome.error.code}`
  const cost = ('solution' in outcome && outcome.solution?.cost) || micros(0)
  return oneTitle('auto', `1 ${kind} (${nameOf(challenge)})${why}`, cost, tookMs)
}

/** `2 solved (recaptcha v2-checkbox ×2)`, with the codes of what was denied or failed. */
function part<T extends { readonly challenge?: Omit<Shown, 'pageUrl'> | undefined }>(
  what: string,
  all: readonly T[],
  codeOf?: (one: T) => string,
): string {
  if (all.length === 0) return ''
  const names = formatCodes(all.flatMap(({ challenge }) => (challenge ? [nameOf(challenge)] : [])))
  const codes = codeOf ? `: ${formatCodes(all.map(codeOf))}` : ''
  return `${all.length} ${what}${names && ` (${names})`}${codes}`
}

function nameOf({ family, variant }: Omit<Shown, 'pageUrl'>): string {
  return variant === family ? `${family}` : `${family} ${variant}`
}

function solvedWidget(shown: Shown): WidgetReport {
  return { ...widgetFields(shown), outcome: 'solved' }
}

function failedWidget(shown: Shown, error: SolveguardError): WidgetReport {
  const { code, message, retryAt, layer } = error
  const at = retryAt && { retryAt: retryAt.toISOString() }
  return { ...widgetFields(shown), outcome: layer ? 'denied' : 'failed', code, message, ...at }
}

function widgetFields({ family, variant, pageUrl }: Shown): Pick<WidgetReport, 'family' | 'variant' | 'page'> {
  return { family, variant, page: pageUrl.split('?', 1)[0] ?? '' }
}
