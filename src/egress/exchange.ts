import type { Dispatcher } from 'undici'
import type { Clock } from '../base/clock.js'
import { printable } from '../base/errors.js'
import { withTimeout } from '../base/timeout.js'
import type { Reply } from '../base/wire.js'
import { ConnectError, codeOf } from '../net/connection.js'
import { formatMs } from '../policy/duration.js'
import type { ExchangeTrace } from './har.js'
import { TransportError } from './transport.js'

/** A larger reply is refused. */
const MAX_REPLY_BYTES = 1024 * 1024

export interface ExchangeOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** The service's name in messages. */
  readonly service: string
  /** Filled in for a wire log. */
  readonly trace?: ExchangeTrace | undefined
}

/**
 * One request and its reply, bounded in size and time. Written on undici's dispatch because only that reports the
 * moment at which the request goes onto a socket: a failure before it has certainly not reached the service.
 *
 * @throws TransportError
 */
export function exchange(
  pool: Dispatcher,
  request: Dispatcher.DispatchOptions,
  { clock, timeoutMs, signal, service, trace }: ExchangeOptions,
): Promise<Reply> {
  let controller: Dispatcher.DispatchController | undefined
  let over = false

  /** Ends the exchange. Called before its promise settles, so that a request that is still queued is not written. */
  function stop(reason: TransportError['reason'], message: string): TransportError {
    over = true
    controller?.abort(new Error(reason))
    return new TransportError(reason, controller ? 'unknown' : 'no', message)
  }

  const reply = new Promise<Reply>((resolve, reject) => {
    let status = 0
    let contentType = ''
    let size = 0
    const chunks: Buffer[] = []

    const fail = (reason: TransportError['reason'], message: string): void => {
      if (!over) reject(stop(reason, message))
    }
    const tooLarge = (): void =>
      fail('too-large', `The reply of ${service} is larger than ${MAX_REPLY_BYTES / 1024 / 1024} MiB.`)

    pool.dispatch(request, {
      onRequestStart(started) {
        // Stopped while it was queued for a connection: aborting here keeps it from being written.
        if (over) started.abort(new Error('stopped'))
        else controller = started
        if (trace) trace.sentAt ??= clock.monotonic()
      },
      onResponseStart(_, code, headers, statusText = '') {
        if (code < 200) return
        if (trace)
          Object.assign(trace, { answeredAt: clock.monotonic(), statusText: printable(statusText, 100), headers })
        status = code
        contentType = printable(String(headers['content-type'] ?? ''), 100)
        const coding = String(headers['content-encoding'] ?? 'identity').toLowerCase()
        if (coding !== 'identity') {
          fail('cut-off', `The reply of ${service} is compressed (${printable(coding, 20)}), which was not asked for.`)
        } else if (Number(headers['content-length'] ?? 0) > MAX_REPLY_BYTES) {
          tooLarge()
        }
      },
      onResponseData(_, chunk) {
        size += chunk.length
        if (size > MAX_REPLY_BYTES) tooLarge()
        else chunks.push(chunk)
      },
      onResponseEnd() {
        if (over) return
        over = true
        resolve({ status, contentType, body: decode(chunks, contentType) })
      },
      onResponseError(_, error) {
        if (error instanceof ConnectError) fail(error.reason, error.message)
        else fail(...explain(error, service, controller !== undefined))
      },
    })
  })
  return withTimeout(reply, {
    clock,
    ms: timeoutMs,
    error: () => stop('timeout', `No complete reply from ${service} within ${formatMs(timeoutMs)}.`),
    signal,
    abortError: () => stop('aborted', `The call to ${service} was aborted.`),
  })
}

function explain(error: Error, service: string, sent: boolean): [TransportError['reason'], string] {
  const code = codeOf(error)
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    return ['aborted', `The call to ${service} was ended because its transport was closed.`]
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return ['too-large', `The headers of ${service}'s reply are too large.`]
  if (sent) return ['cut-off', `The reply of ${service} was cut off (${code}).`]
  return ['unreachable', `No connection to ${service} (${code}).`]
}

/**
 * Bytes as text. Bytes that are not valid in their character set become U+FFFD or a wrong letter, which the solver's
 * parser refuses.
 */
function decode(chunks: readonly Buffer[], contentType: string): string {
  const [first] = chunks
  const bytes = chunks.length === 1 && first ? first : Buffer.concat(chunks)
  return bytes.toString(/charset="?(iso-8859-1|latin-?1|windows-1252|us-ascii)/i.test(contentType) ? 'latin1' : 'utf8')
}
