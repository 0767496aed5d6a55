import type { Family } from '../base/challenge.js'
import { printable } from '../base/errors.js'
import type { Reply } from '../base/wire.js'
import { MAX_TOKEN_LENGTH } from './answers.js'
import { type ErrorRule, type ErrorTable, errorRule } from './errors.js'
import type { Failure, Pending } from './solver.js'

/**
 * The steps from a reply to what it says, which are the same for both wire families: every reply is hostile text, read
 * with bounds, and what a service says in its own words counts for more than the HTTP status around it.
 */

/** What one service does its own way. */
export interface ReplyRules {
  /** Rows that override the common table of errors. */
  readonly errors: ErrorTable
  /** How long to wait after a reply that could not be read. */
  readonly unreadableRetryMs: number
  /** How long to wait after an HTTP error of the server. */
  readonly serverErrorRetryMs: number
  /** Whether a price in a reply is what the solve costs. Under threads it is none, and a 0 would let a budget last for ever. */
  readonly usesReportedPrices: boolean
}

/** What was asked for: a call that has an effect is another thing than one that only looks. */
export type CallKind = 'submit' | 'poll' | 'balance'

/** What a text says in a family's words. */
export type ParsedText<V> = Value<V> | { readonly kind: 'code'; readonly code: string } | Pending

interface Value<V> {
  readonly kind: 'value'
  readonly value: V
}

/** No reply is longer than its longest token and what stands around it. */
const MAX_REPLY_LENGTH = MAX_TOKEN_LENGTH + 16 * 1024

/** A gateway had no answer, or none that it understood; 520 and 524 are Cloudflare's. */
const GATEWAY_LOST: ReadonlySet<number> = new Set([502, 504, 520, 524])

/**
 * @param family of the task that was asked for, where it was
 * @param parse reads the text: undefined where it says nothing that can be read. Gets at most 80 KiB, trimmed.
 * @returns the value, or what to make of the reply otherwise; never throws
 */
export function readReply<V, A extends CallKind>(
  reply: Reply,
  rules: ReplyRules,
  callKind: A,
  parse: (text: string) => ParsedText<V> | undefined,
  family?: Family,
): Value<V> | Failure | (A extends 'poll' ? Pending : never)
export function readReply<V>(
  reply: Reply,
  rules: ReplyRules,
  callKind: CallKind,
  words: (text: string) => ParsedText<V> | undefined,
  family?: Family,
): Value<V> | Pending | Failure {
  const text = reply.body.length > MAX_REPLY_LENGTH ? undefined : reply.body.trim()
  const said = text === undefined ? undefined : words(text)
  if (said?.kind === 'code') return failureFor(said.code, rules, callKind, family)
  // Nothing but a poll is answered by "not yet".
  if (said?.kind === 'pending') return callKind === 'poll' ? said : unreadableReply(rules, callKind)

  const { status } = reply
  const trouble = (kind: 'busy' | 'invalid', says: string, maybeTaken: boolean, code = `HTTP_${status}`): Failure =>
    failure(
      kind,
      code,
      says,
      callKind,
      maybeTaken,
      kind === 'busy' ? rules.serverErrorRetryMs : rules.unreadableRetryMs,
    )
  // A gateway lost the service's answer: the call itself may have got through.
  if (GATEWAY_LOST.has(status)) return trouble('busy', 'A gateway got no answer from the service.', true)
  if (status === 429) return trouble('busy', 'The service says that calls come too fast.', false)
  // A success in words under a status that says otherwise: something is there that we cannot make out.
  if (said && (status < 200 || status > 299)) return unreadableReply(rules, callKind, `HTTP_${status}`)
  if (status >= 500) return trouble('busy', 'The service has trouble of its own.', false)
  if (status < 200 || status > 299) {
    const says =
      status < 400
        ? `The service answered with a redirect (HTTP ${status}), which is never followed.`
        : `The service answered with HTTP ${status} in place of a reply.`
    return trouble('invalid', says, false)
  }
  if (said) return said
  if (text === undefined) return unreadableReply(rules, callKind, 'TOO_LONG')
  if (text === '') return unreadableReply(rules, callKind, 'EMPTY')
  // Whole pages come from whatever stands before the service, or in place of it.
  if (text.startsWith('<')) return trouble('invalid', 'The service answered with a web page.', false, 'HTML')
  return unreadableReply(rules, callKind)
}

/** What an error in the service's own words means. */
export function failureFor(said: string, rules: ReplyRules, callKind: CallKind, family?: Family): Failure {
  const code = printable(said, 79)
  const row = errorRule(code, rules.errors)
  if (!row) {
    // Nothing is known of it, so its money counts as spent.
    return {
      kind: 'failure',
      class: 'unknown',
      code,
      message: `The service answered with an error that is not in our table: ${code}.`,
      charged: callKind !== 'balance',
      ambiguous: false,
    }
  }
  return {
    kind: 'failure',
    class: row.class,
    code,
    message: `${row.message.replace(/\.$/, '')} (${code}).`,
    ...(row.retryAfterMs === undefined ? {} : { retryAfterMs: row.retryAfterMs }),
    // An error in place of a task's id: there is no task, and nothing to charge.
    charged: callKind === 'poll' && isCharged(row.charged ?? true, family),
    ambiguous: false,
  }
}

function isCharged(charged: NonNullable<ErrorRule['charged']>, family: Family | undefined): boolean {
  return typeof charged === 'boolean' ? charged : family === undefined || charged.includes(family)
}

const UNREADABLE = {
  EMPTY: "The service's reply is empty.",
  TOO_LONG: "The service's reply is far too long.",
  UNREADABLE: "The service's reply could not be read.",
}

/** A reply of which nothing can be made: a submit may have been taken all the same. */
export function unreadableReply(rules: ReplyRules, callKind: CallKind, code = 'UNREADABLE'): Failure {
  const says = code in UNREADABLE ? UNREADABLE[code as keyof typeof UNREADABLE] : UNREADABLE.UNREADABLE
  return failure('invalid', code, says, callKind, true, rules.unreadableRetryMs)
}

function failure(
  kind: 'busy' | 'invalid',
  code: string,
  message: string,
  callKind: CallKind,
  maybeTaken: boolean,
  retryAfterMs: number,
): Failure {
  return {
    kind: 'failure',
    class: kind,
    code,
    message,
    retryAfterMs,
    charged: callKind === 'poll',
    // Only a submit has an effect that could go unseen.
    ambiguous: callKind === 'submit' && maybeTaken,
  }
}
