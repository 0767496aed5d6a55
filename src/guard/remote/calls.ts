import { type AnyChallenge, isPicture } from '../../base/challenge.js'
import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import type { ServiceUrl } from '../../base/service-url.js'
import type { Reply } from '../../base/wire.js'
import { type BearerCall, sendWithToken } from '../../egress/bearer.js'
import { TransportError } from '../../egress/transport.js'
import { formatMs } from '../../policy/duration.js'
import type { Secret } from '../../secrets/secret.js'
import { BROKER_PATHS, endedShape, statusShape, type WireStatus } from '../../wires/broker.js'
import { aborted, closed } from '../errors.js'
import { type RemoteOutcome, readJsonReply, readSolveReply } from './read-reply.js'

/** How long a call that buys nothing may take, in ms. */
const SMALL_CALL_MS = 15_000
/** How much later than the broker's own deadline a solve is given up, in ms: its error says more. */
const GRACE_MS = 5_000

export interface BrokerCallsOptions {
  readonly service: ServiceUrl
  readonly ca: string | readonly string[] | undefined
  readonly clock: Clock
  readonly connectWithinMs: number
}

/** Nothing was sent: another try buys nothing twice. */
export class NotSent extends Error {}

/** The calls to a broker's own interface. */
export class BrokerCalls {
  readonly #options: BrokerCallsOptions
  readonly #ending = new AbortController()

  constructor(options: BrokerCallsOptions) {
    this.#options = options
  }

  /** The broker's address. */
  get place(): string {
    return this.#options.service.origin
  }

  /**
   * Sends a challenge, once. What ends without a whole reply is never sent again: the broker may have bought it.
   * @throws NotSent
   * @throws SolveguardError why there is no answer
   */
  async solve(
    token: Secret,
    challenge: AnyChallenge,
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<RemoteOutcome> {
    const body = JSON.stringify({ challenge: withBase64(challenge) })
    const call = { method: 'POST', path: BROKER_PATHS.solve, body, token } as const
    return readSolveReply(await this.#send(call, deadlineMs + GRACE_MS, signal), challenge, token)
  }

  /** The state of the token's budget. @throws SolveguardError */
  async status(token: Secret): Promise<WireStatus> {
    try {
      const call = { method: 'GET', path: BROKER_PATHS.status, token } as const
      return readJsonReply(await this.#send(call, SMALL_CALL_MS, undefined), statusShape, token)
    } catch (error) {
      throw error instanceof NotSent ? unreachable(error) : error
    }
  }

  /** Revokes the token's last link. @throws SolveguardError */
  async end(token: Secret): Promise<void> {
    try {
      const reply = await this.#send({ method: 'POST', path: BROKER_PATHS.end, token }, SMALL_CALL_MS, undefined)
      readJsonReply(reply, endedShape, token)
    } catch (error) {
      throw error instanceof NotSent ? unreachable(error) : error
    }
  }

  /** Reports whether the site accepted an answer. Never rejects: a report that does not arrive changes nothing. */
  async report(token: Secret, id: number, good: boolean): Promise<void> {
    const call = { method: 'POST', path: BROKER_PATHS.report, body: JSON.stringify({ id, good }), token } as const
    await this.#send(call, SMALL_CALL_MS, undefined).catch(() => {})
  }

  /** Aborts when the guard is closed. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /** Ends what is under way. */
  close(): void {
    this.#ending.abort()
  }

  async #send(call: BearerCall, timeoutMs: number, signal: AbortSignal | undefined): Promise<Reply> {
    const { service, ca, clock, connectWithinMs } = this.#options
    const ended = signal ? AbortSignal.any([signal, this.#ending.signal]) : this.#ending.signal
    const within = Math.min(connectWithinMs, timeoutMs)
    try {
      return await sendWithToken(service, call, { clock, timeoutMs, connectWithinMs: within, signal: ended, ca })
    } catch (error) {
      if (signal?.aborted) throw aborted()
      if (this.#ending.signal.aborted) throw closed()
      if (!(error instanceof TransportError)) throw error
      if (error.delivered === 'no') throw new NotSent(error.message)
      const why = `${error.message} The broker may have the challenge: what it buys is in its ledger.`
      if (error.reason === 'timeout') {
        throw new SolveguardError('SOLVE_TIMEOUT', `No answer within ${formatMs(timeoutMs)}: ${why}`)
      }
      const unreadable = error.reason === 'too-large' || error.reason === 'cut-off'
      throw new SolveguardError(unreadable ? 'SOLVER_REPLY_INVALID' : 'SOLVER_UNREACHABLE', why)
    }
  }
}

/** The error of a call that was not sent. */
export function unreachable({ message }: NotSent): SolveguardError {
  return new SolveguardError('SOLVER_UNREACHABLE', `The broker cannot be reached: ${message}`)
}

/** A challenge as JSON: pictures in base64. */
function withBase64(challenge: AnyChallenge): object {
  if (!isPicture(challenge)) return challenge
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  if (challenge.family === 'image') return { ...challenge, image: base64(challenge.image) }
  return { ...challenge, images: challenge.images.map(base64) }
}
