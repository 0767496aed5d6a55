import type { MaybePromise } from '../base/async.js'
import type { DeniedError } from '../base/errors.js'
import type { Call, Delivered, Reply } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'

/** Sends calls to one service. Only the transport reveals a secret. */
export interface Transport {
  /** The route of calls, for messages and records: `direct`, or the proxy's address without its password. */
  readonly route: string
  /** The address that calls leave from, by the last check; undefined where none is expected. */
  readonly address?: string | undefined
  /**
   * Verifies that calls leave from an address that the policy expects. Returns at once where none is expected, or while
   * the last check is valid.
   * @throws DeniedError `EGRESS_ADDRESS`, `EGRESS_UNVERIFIED`
   */
  verify(): MaybePromise<void>
  /**
   * What `verify` would say now, by its last check alone: nothing is sent. Undefined where it would check.
   * @returns true where calls may leave; the denial where they may not
   */
  known?(): true | DeniedError | undefined
  /**
   * Sends a call with the credential in its slot, and resolves with the reply, whatever its status.
   * @throws TransportError when there is no complete reply
   * @throws SolveguardError `CONFIG_INVALID` when the call cannot be encoded: nothing was sent
   */
  send(call: Call, secret: Secret, options?: SendOptions): Promise<Reply>
  /** Closes every connection. */
  close(): Promise<void>
}

/** The purpose of a call to a service. */
export type Purpose = 'submit' | 'poll' | 'report' | 'balance'

export interface SendOptions {
  /** For traces and wire logs. */
  readonly purpose?: Purpose | undefined
  /** Whether a reply may hold an answer, which a wire log must mask. @default true, except for reports and balances */
  readonly mayHoldAnswer?: ((reply: Reply) => boolean) | undefined
  readonly signal?: AbortSignal | undefined
  /** How long the whole exchange may take, in ms. @default 30_000 */
  readonly timeoutMs?: number | undefined
  /** How long to wait for a connection while there is none, in ms. @default timeoutMs */
  readonly connectWithinMs?: number | undefined
}

/** There is no complete reply. The message never holds a key. */
export class TransportError extends Error {
  /** Whether the service may have received the call. */
  readonly delivered: Delivered
  /** `queued`: all connections were in use. */
  readonly reason: 'unreachable' | 'timeout' | 'queued' | 'too-large' | 'cut-off' | 'aborted' | 'proxy'

  constructor(reason: TransportError['reason'], delivered: Delivered, message: string) {
    super(message)
    this.name = 'TransportError'
    this.reason = reason
    this.delivered = delivered
  }
}
