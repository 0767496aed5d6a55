import type { z } from 'zod'
import { type AnyChallenge, isPicture } from '../../base/challenge.js'
import { CODES, type Code, type CodeInfo, DeniedError, printable, SolveguardError } from '../../base/errors.js'
import type { Reply } from '../../base/wire.js'
import { keyMask } from '../../egress/key-mask.js'
import { usd } from '../../policy/money.js'
import type { Secret } from '../../secrets/secret.js'
import { cellsAnswer, textAnswer } from '../../solvers/answers.js'
import { isCompleteAnswer } from '../../widgets/table.js'
import { errorShape, solveEventShapes, type WireError, type WireSolution } from '../../wires/broker.js'

const MAX_COST = usd(100)
/** What a guard says of itself and its own caller. Of the guard behind the broker it would be misunderstood here. */
const OF_ANOTHER_CALLER: ReadonlySet<string> = new Set<Code>(['GUARD_CLOSED', 'SOLVE_ABORTED'])
const MAX_DETAILS = 20
const MAX_FIELDS = 20
const MAX_TEXT = 1_000
const PRINTABLE = /^[\x20-\x7e]*$/

/** How a solve ended, by a broker's reply. */
export type RemoteOutcome =
  | { readonly kind: 'solved'; readonly solution: WireSolution }
  /** The broker, or its guard, has said why not. */
  | { readonly kind: 'failed'; readonly error: SolveguardError; readonly accepted: boolean }

/**
 * Reads the reply to a solve.
 * @throws SolveguardError `SOLVER_REPLY_INVALID`: whether something was bought is not known
 */
export function readSolveReply(reply: Reply, challenge: AnyChallenge, token: Secret): RemoteOutcome {
  if (reply.status !== 200) return { kind: 'failed', error: readErrorReply(reply, token), accepted: false }
  if (!/^text\/event-stream\b/i.test(reply.contentType)) throw unreadable('it has no events')
  const [first, last, ...more] = eventsOf(reply.body)
  if (first?.name !== 'accepted' || !last || more.length > 0) throw unreadable('its events are not those of one solve')
  const { id } = parse(first.data, solveEventShapes.accepted)
  if (last.name === 'failed') {
    return { kind: 'failed', error: errorOf(parse(last.data, solveEventShapes.failed), token), accepted: true }
  }
  if (last.name !== 'solved') throw unreadable('its events are not those of one solve')
  const solution = parse(last.data, solveEventShapes.solved)
  if (solution.id !== id) throw unreadable('it has the answer of another solve')
  checkAnswer(solution, challenge, token)
  return { kind: 'solved', solution }
}

/**
 * Reads a reply that should be JSON of a shape. Its texts are printed: without the token, and without what a terminal
 * obeys.
 * @throws SolveguardError the broker's own error; `SOLVER_REPLY_INVALID`
 */
export function readJsonReply<T extends z.ZodType>(reply: Reply, shape: T, token: Secret): z.output<T> {
  if (reply.status !== 200) throw readErrorReply(reply, token)
  const mask = keyMask(token)
  return parse(reply.body, shape, (_, value) => (typeof value === 'string' ? printable(mask(value), MAX_TEXT) : value))
}

/** @throws SolveguardError `SOLVER_REPLY_INVALID` for a reply that is no error of a broker */
function readErrorReply({ status, body }: Reply, token: Secret): SolveguardError {
  if (status < 400) throw unreadable(`its status is ${status}, and redirects are not followed`)
  return errorOf(parse(body, errorShape), token)
}

/** The error, as the guard behind the broker has thrown it. What it says is not trusted. */
function errorOf({ code, message, retryAt, details }: WireError, token: Secret): SolveguardError {
  const mask = keyMask(token)
  const text = (value: string, max: number) => printable(mask(value), max)
  if (!Object.hasOwn(CODES, code) || OF_ANOTHER_CALLER.has(code))
    return new SolveguardError('SOLVER_ERROR', text(message, MAX_TEXT))
  const known = code as Code
  const at = retryAt === undefined ? undefined : new Date(retryAt)
  const facts = Object.entries(details ?? {})
    .slice(0, MAX_DETAILS)
    .map(([name, value]) => [text(name, 64), typeof value === 'string' ? text(value, 200) : value] as const)
  const more = {
    ...(at && Number.isFinite(at.getTime()) && { retryAt: at }),
    ...(facts.length > 0 && { details: Object.fromEntries(facts) }),
  }
  const { layer } = CODES[known] as CodeInfo
  return layer === undefined
    ? new SolveguardError(known, text(message, MAX_TEXT), more)
    : new DeniedError(known, text(message, MAX_TEXT), more)
}

/** @throws SolveguardError `SOLVER_REPLY_INVALID` for what cannot be the answer of this challenge */
function checkAnswer({ token: answer, fields = {}, cost }: WireSolution, challenge: AnyChallenge, token: Secret): void {
  const values = Object.entries(fields)
  if (cost < 0 || cost > MAX_COST) throw unreadable('its cost is out of bounds')
  if (values.length > MAX_FIELDS || values.flat().some((value) => value.length > 65_536 || !PRINTABLE.test(value))) {
    throw unreadable('the fields of its answer cannot be put into a page')
  }
  // A page would get what lets its scripts spend.
  if ([answer, ...values.flat()].some((value) => token.isIn(value))) throw unreadable('its answer has the token in it')
  const { family } = challenge
  const fits = isPicture(challenge)
    ? (family === 'bls' ? cellsAnswer(answer) : textAnswer(answer)) !== undefined
    : PRINTABLE.test(answer) &&
      (answer !== '' || values.length > 0) &&
      isCompleteAnswer(family, { token: answer, fields })
  if (!fits) throw unreadable(`it is no answer of a ${family} challenge`)
}

interface StreamEvent {
  readonly name: string
  readonly data: string
}

/** The events of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html), without its comments. */
function eventsOf(body: string): readonly StreamEvent[] {
  return body.split(/\r?\n\r?\n/).flatMap((block): StreamEvent[] => {
    const lines = block.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith(':'))
    if (lines.length === 0) return []
    const [event = '', data = ''] = lines
    if (lines.length !== 2 || !event.startsWith('event: ') || !data.startsWith('data: ')) {
      throw unreadable('its events are not those of a broker')
    }
    return [{ name: event.slice('event: '.length), data: data.slice('data: '.length) }]
  })
}

function parse<T extends z.ZodType>(
  text: string,
  shape: T,
  reviver?: (name: string, value: unknown) => unknown,
): z.output<T> {
  let value: unknown
  try {
    value = JSON.parse(text, reviver)
  } catch {
    throw unreadable('it is not JSON')
  }
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  throw unreadable('it does not have the fields that a broker sends')
}

function unreadable(why: string): SolveguardError {
  return new SolveguardError(
    'SOLVER_REPLY_INVALID',
    `The reply of the broker is not understood: ${why}. What it has bought is in its ledger.`,
  )
}
