import type { Dispatcher } from 'undici'
import type { Clock } from '../base/clock.js'
import { printable } from '../base/errors.js'
import type { Reply } from '../base/wire.js'
import { formatMs } from '../policy/duration.js'
import { ConnectError, codeOf } from './connection.js'
import type { ExchangeTrace } from './har.js'
import { TransportError } from './transport.js'

/** The most of a body that is read. */
const MAX_REPLY_BYTES = 1024 * 1024

export interface ExchangeOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** How the service is called in messages. */
  readonly service: string
  /** Told what a wire log wants to know. */
  readonly trace?: ExchangeTrace | undefined
}

/**
 * One request and its reply, bounded in size and time. Written on undici's dispatch because that tells the moment in
 * which the request goes onto a socket: before it, a failure has certainly not reached the service.
 */
export function exchange(
  pool: Dispatcher,
  request: Dispatcher.DispatchOptions,
  { clock, timeoutMs, signal, service, trace }: ExchangeOptions,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined
    let over = false
    let status = 0
    let contentType = ''
    let size = 0
    const chunks: Buffer[] = []

    const cancelTimer = clock.after(timeoutMs, () => {
      fail('timeout', `No whole reply from ${service} within ${formatMs(timeoutMs)}.`)
    })
    const onAbort = () => fail('aborted', `The call to ${service} was aborted.`)
    signal?.addEventListener('abort', onAbort)

    function end(): void {
      over = true
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }

    function fail(reason: TransportError['reason'], message: string): void {
      if (over) return
      end()
      const taken = controller ? 'unknown' : 'no'
      controller?.abort(new Error(reason))
      reject(new TransportError(reason, taken, message))
    }

    pool.dispatch(request, {
      onRequestStart(started) {
        // Given up while it waited for a connection: aborting here keeps it from being written.
        if (over) started.abort(new Error('given up'))
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
        end()
        resolve({ status, contentType, body: decode(chunks, contentType) })
      },
      onResponseError(_, error) {
        if (error instanceof ConnectError) fail(error.reason, error.message)
        else fail(...explain(error, service, controller !== undefined))
      },
    })

    function tooLarge(): void {
      fail('too-large', `The reply of ${service} is larger than ${MAX_REPLY_BYTES / 1024 / 1024} MiB.`)
    }
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

/** Bytes as text. What is not valid in its character set becomes U+FFFD or a wrong letter: the solver's reader refuses those. */
function decode(chunks: readonly Buffer[], contentType: string): string {
  const [first] = chunks
  const bytes = chunks.length === 1 && first ? first : Buffer.concat(chunks)
  return bytes.toString(/charset="?(iso-8859-1|latin-?1|windows-1252|us-ascii)/i.test(contentType) ? 'latin1' : 'utf8')
}
