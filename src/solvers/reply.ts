import type { Family } from '../base/challenge.js'
import { printable } from '../base/errors.js'
import type { Reply } from '../base/wire.js'
import { parseCost } from './amounts.js'
import { MAX_TOKEN_LENGTH } from './answers.js'
import type { RawAnswer } from './capabilities.js'
import { type ErrorRule, type ErrorTable, errorRule } from './errors.js'
import type { Failure, FailureClass, Pending } from './solver.js'

/*
 * The steps from a reply to its meaning, which are the same for both wire families. Every reply is untrusted text and
 * is read with bounds. An error code of the service counts for more than the HTTP status around it.
 */

/** What the replies of one service need in addition to the common rules. */
export interface ReplyRules {
  /** Rules that override the common table of errors. */
  readonly errors: ErrorTable
  /** How long to wait after a reply that could not be read, ms. */
  readonly unreadableRetryMs: number
  /** How long to wait after an HTTP error of the server, ms. */
  readonly serverErrorRetryMs: number
  /**
   * Whether a price in a reply is what the solve costs. Not where the service charges by thread: there it is 0, and a
   * budget would never be used up.
   */
  readonly usesReportedPrices: boolean
}

/** Which call was made: a submit may have had an effect, the others only read. */
export type CallKind = 'submit' | 'poll' | 'balance'

/** What a text means in its wire family. */
export type ParsedText<V> = Value<V> | ErrorCode | Pending

/** An error reply. */
export interface ErrorCode {
  readonly kind: 'code'
  /** The service's own code, as it was sent. */
  readonly code: string
  /** The service's own sentence about it, as it was sent. */
  readonly description?: unknown
  /** Whether the reply says so in every field that the wire has for it. */
  readonly consistent: boolean
  /** Whether the reply names a task too. */
  readonly hasTask: boolean
}

interface Value<V> {
  readonly kind: 'value'
  readonly value: V
}

/** The longest token, and what surrounds it. */
const MAX_REPLY_LENGTH = MAX_TOKEN_LENGTH + 16 * 1024

/** The only status that refuses a call by itself: nothing was done (RFC 6585, section 4). */
const TOO_MANY_REQUESTS = 429

/**
 * A gateway got no valid answer from the service. 520 and 524 are Cloudflare's
 * (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/).
 */
const GATEWAY_LOST: ReadonlySet<number> = new Set([502, 504, 520, 524])

/**
 * Reads a reply. Never throws.
 * @param parse reads the text, at most 80 KiB, trimmed; undefined where it cannot be read
 * @param family of the task, where the call has one
 * @returns the value, or else what the reply means
 */
export function readReply<V, K extends CallKind>(
  reply: Reply,
  rules: ReplyRules,
  callKind: K,
  parse: (text: string) => ParsedText<V> | undefined,
  family?: Family,
): Value<V> | Failure | (K extends 'poll' ? Pending : never)
export function readReply<V>(
  reply: Reply,
  rules: ReplyRules,
  callKind: CallKind,
  parse: (text: string) => ParsedText<V> | undefined,
  family?: Family,
): Value<V> | Pending | Failure {
  const text = reply.body.length > MAX_REPLY_LENGTH ? undefined : reply.body.trim()
  const parsed = text === undefined ? undefined : parse(text)
  if (parsed?.kind === 'code') return failureFor(parsed, rules, callKind, family, reply.status)
  // "Not ready" answers only a poll.
  if (parsed?.kind === 'pending') return callKind === 'poll' ? parsed : unreadableReply(rules, callKind)

  const { status } = reply
  const fail = (kind: 'busy' | 'invalid', message: string, code = `HTTP_${status}`): Failure => {
    const retryAfterMs = kind === 'busy' ? rules.serverErrorRetryMs : rules.unreadableRetryMs
    return failure(kind, code, message, callKind, status !== TOO_MANY_REQUESTS, retryAfterMs)
  }
  if (status === TOO_MANY_REQUESTS) return fail('busy', 'The service reports too many calls in a short time.')
  // A success in the body contradicts the status: the reply cannot be trusted.
  if (parsed && !isSuccess(status)) return unreadableReply(rules, callKind, `HTTP_${status}`)
  if (GATEWAY_LOST.has(status)) return fail('busy', 'A gateway got no answer from the service.')
  if (status >= 500) return fail('busy', 'The service has an internal error.')
  if (!isSuccess(status)) {
    const message =
      status < 400
        ? `The service answered with a redirect (HTTP ${status}), which is never followed.`
        : `The service answered with HTTP ${status} in place of a reply.`
    return fail('invalid', message)
  }
  if (parsed) return parsed
  if (text === undefined) return unreadableReply(rules, callKind, 'TOO_LONG')
  if (text === '') return unreadableReply(rules, callKind, 'EMPTY')
  // A web page is the answer of a server before the service, or in its place.
  if (text.startsWith('<')) return fail('invalid', 'The service answered with a web page.', 'HTML')
  return unreadableReply(rules, callKind)
}

/** A task's id. */
export const TASK_ID = /^[A-Za-z0-9-]{1,64}$/

/**
 * Whether an error reply also has an answer, or a price, or (for a submit) names a task, as no error does: the service
 * may have accepted the task, and may charge for it.
 * @param taskFields the fields that may name a task
 */
export function saysMore(raw: RawAnswer, callKind: CallKind, taskFields: readonly string[]): boolean {
  const { solution, result, cost, price } = raw
  const answers = [result, ...(typeof solution === 'object' && solution !== null ? Object.values(solution) : [])]
  if (answers.some((answer) => typeof answer === 'string' && answer !== '')) return true
  if ([cost, price].some((amount) => (parseCost(amount) ?? 0) > 0)) return true
  return callKind === 'submit' && taskFields.some((name) => TASK_ID.test(textOf(raw[name]) ?? ''))
}

/** A string, or a number as a string. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  return typeof value === 'string' ? value : undefined
}

/** The classes of errors that a task ends with. */
const ENDS_A_TASK: ReadonlySet<FailureClass> = new Set(['unsolvable', 'proxy'])

/** A code that names a failure of the service itself: it may have accepted the task before. */
const INTERNAL = /INTERNAL|SERVER|UNAVAIL|TIMEOUT/

/** What an error code of the service means. */
export function failureFor(
  error: ErrorCode,
  rules: ReplyRules,
  callKind: CallKind,
  family?: Family,
  status = 200,
): Failure {
  const code = printable(error.code, 79)
  const rule = errorRule(code, rules.errors)
  const { hasTask, consistent } = error
  // A submit that is answered with an error and a task has created the task.
  const isAboutTask = callKind === 'poll' || (callKind === 'submit' && hasTask)
  const description = describe(error)
  if (!rule) {
    // Only a whole reply in which the service itself answers says that there is no task.
    const refuses =
      consistent && !INTERNAL.test(code) && (isSuccess(status) || (status >= 400 && status < 500 && status !== 408))
    return {
      kind: 'failure',
      class: 'unknown',
      code,
      message: `The service answered with an error that is not in our table: ${code}${description}.`,
      charged: isAboutTask,
      ambiguous: callKind === 'submit' && !hasTask && !refuses,
    }
  }
  return {
    kind: 'failure',
    class: rule.class,
    code,
    message: `${rule.message.replace(/\.$/, '')} (${code}${description}).`,
    ...(rule.retryAfterMs === undefined ? {} : { retryAfterMs: rule.retryAfterMs }),
    ...(rule.maybeEnded === undefined ? {} : { maybeEnded: rule.maybeEnded }),
    // An error that the reply contradicts does not say that the service charges nothing.
    charged: isAboutTask && (!consistent || isCharged(rule.charged ?? true, family)),
    ambiguous:
      callKind === 'submit' && (hasTask ? !ENDS_A_TASK.has(rule.class) : !consistent || rule.refuses === false),
  }
}

const MAX_DESCRIPTION_LENGTH = 120
/** Addresses may hold private data, and long words secrets. */
const PRIVATE = /\bhttps?:\S+|\S{41,}/gi

/** The service's own sentence, for a message; empty without one, or where it only repeats the code. */
function describe({ code, description }: ErrorCode): string {
  if (typeof description !== 'string') return ''
  const text = printable(description.slice(0, 1_000).replace(PRIVATE, '…'), MAX_DESCRIPTION_LENGTH)
    .replace(/[.\s]+$/, '')
    .trim()
  return text === '' || text === code ? '' : `: ${text}`
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299
}

function isCharged(charged: NonNullable<ErrorRule['charged']>, family: Family | undefined): boolean {
  return typeof charged === 'boolean' ? charged : family === undefined || charged.includes(family)
}

const UNREADABLE = {
  EMPTY: "The service's reply is empty.",
  TOO_LONG: "The service's reply is far too long.",
  UNREADABLE: "The service's reply could not be read.",
}

/** A reply without a meaning. A submit with such a reply may have been accepted all the same. */
export function unreadableReply(rules: ReplyRules, callKind: CallKind, code = 'UNREADABLE'): Failure {
  const message = code in UNREADABLE ? UNREADABLE[code as keyof typeof UNREADABLE] : UNREADABLE.UNREADABLE
  return failure('invalid', code, message, callKind, true, rules.unreadableRetryMs)
}

function failure(
  kind: 'busy' | 'invalid',
  code: string,
  message: string,
  callKind: CallKind,
  mayBeTaken: boolean,
  retryAfterMs: number,
): Failure {
  return {
    kind: 'failure',
    class: kind,
    code,
    message,
    retryAfterMs,
    charged: callKind === 'poll',
    // Only a submit has an effect that could go unnoticed.
    ambiguous: callKind === 'submit' && mayBeTaken,
  }
}
