import type { Reporter, TestCase, TestResult } from 'playwright/types/testReporter'
import { z } from 'zod'
import { counted } from '../../base/counted.js'
import { formatUsd, micros } from '../../policy/money.js'
import { ATTACHMENT_NAME, formatCodes, formatCounts, reasonOf, SKIPPED_WITHOUT_KEY } from './report.js'

const count = z.number().int().min(0).max(1e12)
const text = z.string().max(2_000)
const shape = z.object({
  spent: count,
  solved: count,
  denied: count,
  failed: count,
  widgets: z.array(z.object({ outcome: text, code: text.optional(), message: text.optional() })).max(10_000),
  budget: z.object({ name: text, cap: count, left: count }).optional(),
  withoutKey: text.optional(),
})

/**
 * A reporter for Playwright Test: prints one line at the end with the totals of the whole run, retries included, what
 * is left of the budget, and the codes of denials and failures; below it, a sentence for each code. Use it beside other
 * reporters. A run without CAPTCHAs has no such line.
 *
 * @example
 * export default defineConfig({ reporter: [['list'], ['solveguard/playwright-test-reporter']] })
 * // solveguard: 12 solved, 1 denied in 9 tests; $0.012 spent; left today $4.99 of $5.00; denied: RATE_EXCEEDED
 */
export default class CaptchaReporter implements Reporter {
  readonly #total = { spent: 0, solved: 0, denied: 0, failed: 0 }
  readonly #tests = new Set<string>()
  readonly #skipped = new Set<string>()
  /** The codes of each outcome that is not `solved`. */
  readonly #codes = new Map<string, string[]>()
  /** The least that was left of each budget when a test ended. */
  readonly #budgets = new Map<string, { readonly cap: number; readonly left: number }>()
  /** The sentence of each code, as it was first said. */
  readonly #sentences = new Map<string, string>()
  #withStandIns = false

  /** Adds a test's attachment to the totals. */
  onTestEnd(test: TestCase, { attachments, status }: TestResult): void {
    if (status === 'skipped' && test.annotations.some(({ description }) => description === SKIPPED_WITHOUT_KEY)) {
      this.#skipped.add(test.id)
    }
    for (const { name, body } of attachments) {
      const spending = name === ATTACHMENT_NAME && body ? parse(body.toString('utf8')) : undefined
      if (!spending) continue
      this.#tests.add(test.id)
      for (const key of ['spent', 'solved', 'denied', 'failed'] as const) this.#total[key] += spending[key]
      for (const { outcome, code, message } of spending.widgets) {
        if (code === undefined) continue
        this.#codes.set(outcome, [...(this.#codes.get(outcome) ?? []), code])
        if (message && !this.#sentences.has(code)) this.#sentences.set(code, message)
      }
      if (spending.budget) this.#noteBudget(spending.budget)
      this.#withStandIns ||= spending.withoutKey === 'stand-ins'
    }
  }

  /** Reports of several workers do not come in the order in which they were made: the lowest is the last. */
  #noteBudget({ name, cap, left }: { readonly name: string; readonly cap: number; readonly left: number }): void {
    this.#budgets.set(name, { cap, left: Math.min(left, this.#budgets.get(name)?.left ?? left) })
  }

  /** Prints the line. */
  onEnd(): void {
    const skipped = this.#skipped.size > 0 ? `${counted(this.#skipped.size, 'test')} skipped: there is no key` : ''
    if (this.#tests.size === 0) {
      if (skipped) console.log(`\nsolveguard: ${skipped}`)
      return
    }
    const standIns = this.#withStandIns ? ' of the stand-ins: there is no key' : ''
    const parts = [
      `${formatCounts(this.#total)} in ${counted(this.#tests.size, 'test')}`,
      `${formatUsd(micros(this.#total.spent))} spent${standIns}`,
      ...this.#left(),
      ...[...this.#codes].map(([outcome, codes]) => `${outcome}: ${formatCodes(codes)}`),
      ...(skipped ? [skipped] : []),
    ]
    console.log(`\nsolveguard: ${parts.join('; ')}`)
    for (const [code, message] of this.#sentences) console.log(`  ${reasonOf({ code, message })}`)
  }

  #left(): string[] {
    const each = [...this.#budgets].map(([name, { cap, left }]) => {
      const of = this.#budgets.size > 1 ? ` (${name})` : ''
      return `${formatUsd(micros(left))} of ${formatUsd(micros(cap))}${of}`
    })
    return each.length > 0 ? [`left today ${each.join(', ')}`] : []
  }

  /** False: other reporters may print as well. */
  printsToStdio(): boolean {
    return false
  }
}

/** Undefined for other content: a test may attach something of that name itself. */
function parse(text: string): z.infer<typeof shape> | undefined {
  try {
    return shape.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
