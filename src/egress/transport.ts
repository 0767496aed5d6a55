import type { MaybePromise } from '../base/async.js'
import type { Call, Delivered, Reply } from '../base/wire.js'
import type { Secret } from '../secrets/secret.js'

/** How calls leave for one service. The only place that reveals a secret. */
export interface Transport {
  /** How calls leave, for messages and records: `direct`, or the proxy's address without its password. */
  readonly route: string
  /** The address that calls were last seen to leave from, where that is looked at. */
  readonly address?: string | undefined
  /**
   * Makes sure that calls leave from where the policy has them leave from. Done at once where nothing is expected, or
   * the last look still holds.
   * @throws DeniedError `EGRESS_ADDRESS`, `EGRESS_UNVERIFIED`
   */
  verify(): MaybePromise<void>
  /**
   * Sends a call with the credential in its slot and gives back the reply, whatever its status.
   * @throws TransportError when there is no whole reply
   */
  send(call: Call, secret: Secret, options?: SendOptions): Promise<Reply>
  /** Lets go of every connection. */
  close(): Promise<void>
}

/** What a call to a service is made for. */
export type Purpose = 'submit' | 'poll' | 'report' | 'balance'

export interface SendOptions {
  /** For traces and wire logs. */
  readonly purpose?: Purpose | undefined
  /** Whether a reply may hold an answer, which no wire log may. Default: it may, but for reports and balances. */
  readonly mayHoldAnswer?: ((reply: Reply) => boolean) | undefined
  readonly signal?: AbortSignal | undefined
  /** How long the whole exchange may take. */
  readonly timeoutMs?: number | undefined
}

/** No whole reply came back. Its message never holds a key. */
export class TransportError extends Error {
  /** Whether the service may have taken the call. */
  readonly delivered: Delivered
  readonly reason: 'unreachable' | 'timeout' | 'too-large' | 'cut-off' | 'aborted' | 'proxy'

  constructor(reason: TransportError['reason'], taken: Delivered, message: string) {
    super(message)
    this.name = 'TransportError'
    this.reason = reason
    this.delivered = taken
  }
}
