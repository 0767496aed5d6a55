import type { Code } from '../../base/errors.js'
import type { Money } from '../../policy/money.js'
import type { SolveResult } from '../engine/result.js'

/** The name of a test's annotation and attachment. */
export const ATTACHMENT_NAME = 'captchas'

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
}

/** The totals of a test: the attachment `captchas`. */
export interface TestSpending {
  /** Spent of the test's budget, in micro-dollars, with what is still reserved for solves that were given up. */
  readonly spent: Money
  /** How many widgets were solved. */
  readonly solved: number
  /** How many solves were denied. */
  readonly denied: number
  /** How many solves failed. */
  readonly failed: number
  /** One report for each of them. */
  readonly widgets: readonly WidgetReport[]
}

/** The reports of the widgets that a call did not skip. A shared solve is counted in the call that started it. */
export function widgetReports({ solved, denied, failed, unnamed }: SolveResult): WidgetReport[] {
  const page = { pageUrl: unnamed[0]?.pageUrl ?? '' }
  return [
    ...solved
      .filter(({ shared }) => !shared)
      .map((one) => ({ ...widgetFields(one.challenge), outcome: 'solved' as const })),
    ...denied.map((one) => ({
      ...widgetFields(one.challenge ?? page),
      outcome: 'denied' as const,
      ...errorFields(one.error),
    })),
    ...failed.map((one) => ({ ...widgetFields(one.challenge), outcome: 'failed' as const, ...errorFields(one.error) })),
  ]
}

/** Computes a test's totals. */
export function summarizeSpending(widgets: readonly WidgetReport[], spent: Money): TestSpending {
  const count = (outcome: WidgetReport['outcome']) => widgets.filter((one) => one.outcome === outcome).length
  return { spent, solved: count('solved'), denied: count('denied'), failed: count('failed'), widgets }
}

/** `2 solved, 1 denied`, or `nothing solved`. */
export function formatCounts({ solved, denied, failed }: Pick<TestSpending, 'solved' | 'denied' | 'failed'>): string {
  const parts = Object.entries({ solved, denied, failed }).filter(([, count]) => count > 0)
  return parts.map(([what, count]) => `${count} ${what}`).join(', ') || 'nothing solved'
}

function widgetFields({ family, variant, pageUrl }: { family?: string; variant?: string; pageUrl: string }) {
  return { family, variant, page: pageUrl.split('?', 1)[0] ?? '' }
}

function errorFields({ code, message }: { code: Code; message: string }) {
  return { code, message }
}
