import type { Code, DeniedError } from '../../base/errors.js'
import type { PauseReason, ReserveResult } from '../../ledger/ledger.js'
import { denied } from '../errors.js'

/*
 * What forbids every solve of one token or one subject: facts of the ledger, which each reserve checks in the same
 * operation as its budgets. So a revocation holds for all processes from the moment at which it is written.
 */

const REVOKED = 'revoked'

/** The reason in such a fact. Other processes wrote it, so it may have any form. */
function readStop(value: string): PauseReason {
  try {
    const [code, message, at] = JSON.parse(value) as unknown[]
    if (typeof code === 'string' && typeof message === 'string' && typeof at === 'number') return { code, message, at }
  } catch {}
  return { code: 'MANUAL', message: 'no reason was recorded.', at: 0 }
}

/** The denial for a reservation that a fact forbids. */
export function stopDenial({ fact }: Pick<Extract<ReserveResult, { ok: false }>, 'fact'>): DeniedError {
  const { scope = '', name = '', value = '' } = fact ?? {}
  const { code, message, at } = readStop(value)
  const since = new Date(at).toISOString()
  if (scope.startsWith(`${REVOKED}/`)) {
    return deny('TOKEN_REVOKED', `The token was revoked at ${since}: its link ${name}. Issue a new one.`, {
      link: name,
    })
  }
  const [kind = '', id = ''] = name.split(' ')
  const remedy = `Call guard.resume({ ${kind}: … }) when the cause is fixed.`
  return deny('GUARD_PAUSED', `The ${kind} is paused since ${since}: ${message} ${remedy}`, {
    [kind]: id,
    reason: code,
  })
}

function deny(code: Code, message: string, details: Readonly<Record<string, string>>): DeniedError {
  return denied(code, message, undefined, { details })
}
