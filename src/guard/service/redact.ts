import type { Reply } from '../../base/wire.js'
import { maskValues } from '../../egress/key-mask.js'
import type { BatchPollResult, Failure } from '../../solvers/solver.js'

/**
 * What a reply says. A service that repeats what is hidden (the password of a page's proxy) in an error does not carry it any further: the error
 * means what it means, and is told by a text in which it was masked before anything was cut short.
 */
export function redactReply<T extends { readonly kind: string }>(
  reply: Reply,
  read: (reply: Reply) => T | Failure,
  hidden: readonly string[] = [],
): T | Failure {
  const said = read(reply)
  if (hidden.length === 0 || (said.kind !== 'failure' && said.kind !== 'told')) return said
  return masked(said, read({ ...reply, body: maskValues(hidden, '***')(reply.body) }))
}

function masked<T extends { readonly kind: string }>(said: T, shown: T | undefined): T {
  if (isFailure(said)) {
    const { code, message } = shown && isFailure(shown) ? shown : REDACTED
    return { ...said, code, message }
  }
  if (!isBatchResult(said)) return said
  const others = shown && isBatchResult(shown) ? shown.results : []
  return { ...said, results: said.results.map((result, i) => masked(result, others[i])) }
}

/** Without what is hidden nothing could be made of it. */
const REDACTED: Pick<Failure, 'code' | 'message'> = {
  code: 'UNTOLD',
  message: 'The service answered with an error that repeats what must not be shown.',
}

function isFailure(said: { readonly kind: string }): said is Failure {
  return said.kind === 'failure'
}

function isBatchResult(said: { readonly kind: string }): said is BatchPollResult {
  return said.kind === 'batch'
}
