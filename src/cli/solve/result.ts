import type { Solution } from '../../guard/types.js'
import { toUsd } from '../../policy/money.js'

/** A solution for programs. Without `shown` it has no token: it would be on the screen. */
export function solutionJson({ token, fields, cost, imputed, taskId, expiresAt }: Solution, shown: boolean): object {
  return {
    ok: true,
    ...(shown ? { token, ...(fields && { fields }) } : { tokenHidden: true }),
    cost,
    costUsd: toUsd(cost),
    imputed,
    taskId,
    expiresAt: expiresAt.toISOString(),
  }
}
