import type { Reply } from '../../base/wire.js'
import { maskValues } from '../../egress/key-mask.js'
import type { BatchPollResult, Failure, Pending, Ready, Submitted, Threads } from '../../solvers/solver.js'

/** A parsed reply that is not a failure. */
export type Result = Submitted | Ready | Pending | BatchPollResult | Threads

/**
 * Reads a reply. A service may repeat a hidden value (the password of a page's proxy) in an error. The error keeps its
 * class; its code and message are read from a reply in which the hidden values are masked. They are masked before any
 * text is cut short, so that no part of a value is left.
 * @param hidden the values to mask
 */
export function redactReply<T extends Result>(
  reply: Reply,
  read: (reply: Reply) => T | Failure,
  hidden: readonly string[] = [],
): T | Failure {
  const result = read(reply)
  if (hidden.length === 0 || !(isFailure(result) || isBatchResult(result))) return result
  return redact(result, read({ ...reply, body: maskValues(hidden, '***')(reply.body) }))
}

/** @param masked the result read from the masked reply; if it is not a failure, code and message are replaced */
function redact<T extends Result | Failure>(result: T, masked: T | undefined): T {
  if (isFailure(result)) {
    const { code, message } = masked && isFailure(masked) ? masked : REDACTED
    return { ...result, code, message }
  }
  if (!isBatchResult(result)) return result
  const others = masked && isBatchResult(masked) ? masked.results : []
  return { ...result, results: result.results.map((each, i) => redact(each, others[i])) }
}

const REDACTED: Pick<Failure, 'code' | 'message'> = {
  code: 'REDACTED',
  message: 'The service returned an error that contains a hidden value.',
}

function isFailure(result: Result | Failure): result is Failure {
  return result.kind === 'failure'
}

function isBatchResult(result: Result | Failure): result is BatchPollResult {
  return result.kind === 'batch'
}
