import { toUsd } from '../policy/money.js'
import type { DrillReport } from './types.js'

/** A report for programs: amounts in US dollars, under names that say so; times in ISO 8601. */
export function drillJson({ rows, at, ...report }: DrillReport): object {
  return {
    ...report,
    at: at.toISOString(),
    rows: rows.map(({ cost, atMost, answers, ...row }) => ({
      ...row,
      answers: answers.map(({ layer = null, code, message, retryAt }) => ({
        layer,
        code,
        message,
        retryAt: retryAt?.toISOString() ?? null,
      })),
      costUsd: toUsd(cost),
      atMostUsd: atMost.amount === undefined ? null : toUsd(atMost.amount),
      atMostUntil: atMost.until?.toISOString() ?? null,
      atMost: atMost.text,
    })),
  }
}
