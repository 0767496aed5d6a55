import type { Reporter, TestCase, TestResult } from 'playwright/types/testReporter'
import { z } from 'zod'
import { formatUsd, micros } from '../../policy/money.js'
import { ATTACHMENT_NAME, formatCounts } from './spending.js'

const count = z.number().int().min(0).max(1e12)
const shape = z.object({ spent: count, solved: count, denied: count, failed: count })

/**
 * A reporter for Playwright Test: prints one line at the end with the totals of the whole run, retries included. Use it
 * beside other reporters. A run without CAPTCHAs has no such line.
 *
 * @example
 * export default defineConfig({ reporter: [['list'], ['solveguard/playwright-test-reporter']] })
 * // solveguard: 12 solved, 1 denied in 9 tests; $0.012 spent
 */
export default class CaptchaReporter implements Reporter {
  readonly #total = { spent: 0, solved: 0, denied: 0, failed: 0 }
  readonly #tests = new Set<string>()

  /** Adds a test's attachment to the totals. */
  onTestEnd(test: TestCase, { attachments }: TestResult): void {
    for (const { name, body } of attachments) {
      const spending = name === ATTACHMENT_NAME && body ? parse(body.toString('utf8')) : undefined
      if (!spending) continue
      this.#tests.add(test.id)
      for (const key of ['spent', 'solved', 'denied', 'failed'] as const) this.#total[key] += spending[key]
    }
  }

  /** Prints the line. */
  onEnd(): void {
    if (this.#tests.size === 0) return
    const tests = `${this.#tests.size} ${this.#tests.size === 1 ? 'test' : 'tests'}`
    console.log(`\nsolveguard: ${formatCounts(this.#total)} in ${tests}; ${formatUsd(micros(this.#total.spent))} spent`)
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
