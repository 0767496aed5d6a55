import type { Dispatcher, Pool } from 'undici'
import { BoundedBytes } from '../base/bounded-bytes.js'
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
  /**
   * How long to wait for a connection while there is none, ms.
   * @default timeoutMs
   */
  readonly connectWithinMs?: number | undefined
  readonly signal: AbortSignal | undefined
  /** The service's name in messages. */
  readonly service: string
  /** The proxy's name in messages. @default none: the connection is direct */
  readonly via?: string | undefined
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
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  { clock, timeoutMs, connectWithinMs = timeoutMs, signal, service, via, trace }: ExchangeOptions,
): Promise<Reply> {
  let controller: Dispatcher.DispatchController | undefined
  let over = false
  let cancelConnect: (() => void) | undefined

  const noConnection = (ms: number): string => {
    const route = via === undefined ? service : `${service} through the proxy ${via}`
    return `No connection to ${route} within ${formatMs(ms)}; nothing was sent.`
  }

  /** Ends the exchange. Called before its promise settles, so that a request that is still queued is not written. */
  function stop(reason: TransportError['reason'], message: string): TransportError {
    over = true
    cancelConnect?.()
    controller?.abort(new Error(reason))
    return new TransportError(reason, controller ? 'unknown' : 'no', message)
  }

  const reply = new Promise<Reply>((resolve, reject) => {
    let status = 0
    let contentType = ''
    const body = new BoundedBytes(MAX_REPLY_BYTES)

    const fail = (reason: TransportError['reason'], message: string): void => {
      if (!over) reject(stop(reason, message))
    }
    const tooLarge = (): void =>
      fail('too-large', `The reply of ${service} is larger than ${MAX_REPLY_BYTES / 1024 / 1024} MiB.`)

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        cancelConnect?.()
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
        if (!body.add(chunk)) tooLarge()
      },
      onResponseEnd() {
        if (over) return
        over = true
        resolve({ status, contentType, body: decode(body, contentType) })
      },
      onResponseError(_, error) {
        if (error instanceof ConnectError) fail(error.reason, error.message)
        else fail(...explain(error, service, controller !== undefined))
      },
    }
    try {
      pool.dispatch(request, handler)
    } catch (error) {
      // Not undici's own pool: a run-time with an undici of its own may have no such method.
      return fail(...explain(error as Error, service, controller !== undefined))
    }
    if (controller || over || connectWithinMs >= timeoutMs) return
    cancelConnect = clock.after(connectWithinMs, () => {
      // With a connection, the request only waits for a free one.
      if (!isConnected(pool)) fail('timeout', noConnection(connectWithinMs))
    })
  })
  return withTimeout(reply, {
    clock,
    ms: timeoutMs,
    error: () => {
      if (controller) return stop('timeout', `No complete reply from ${service} within ${formatMs(timeoutMs)}.`)
      if (!isConnected(pool)) return stop('timeout', noConnection(timeoutMs))
      return stop('queued', `No connection to ${service} was free within ${formatMs(timeoutMs)}.`)
    },
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

function isConnected(pool: Pool): boolean {
  return pool.stats.connected > 0
}

/**
 * Bytes as text. Bytes that are not valid in their character set become U+FFFD or a wrong letter, which the solver's
 * parser refuses.
 */
function decode(bytes: BoundedBytes, contentType: string): string {
  return bytes.toString(/charset="?(iso-8859-1|latin-?1|windows-1252|us-ascii)/i.test(contentType) ? 'latin1' : 'utf8')
}
