import type { Clock } from '../base/clock.js'
import type { Reply } from '../base/wire.js'
import { maskHeader, truncate } from './har-masks.js'

/** One call and its reply in HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec). Times are ms; -1 is unknown. */
export interface HarEntry {
  readonly startedDateTime: string
  readonly time: number
  readonly request: object
  readonly response: object
  readonly cache: object
  readonly timings: { readonly blocked: number; readonly send: number; readonly wait: number; readonly receive: number }
  readonly serverIPAddress?: string
  readonly comment: string
  /** Why there is no complete reply. */
  readonly _error?: string
}

/** A file of entries. `add` never throws: a wire log that fails does not fail a call. */
export interface WireLog {
  /** The file. Its final name is known once it is open. */
  readonly place: string
  open(): void
  add(entry: HarEntry): void
  close(): void
}

/** What an exchange records beside its reply. Times are monotonic ms. */
export interface ExchangeTrace {
  sentAt?: number
  answeredAt?: number
  statusText?: string
  headers?: Readonly<Record<string, string | string[] | undefined>>
}

/** A call for the wire log, with its secrets masked. */
export interface LoggedCall {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  /** The size of the body that was sent. */
  readonly bodyBytes: number
  /** The call's purpose and the route it left by. */
  readonly comment: string
  /** The service's IP address, where it is known. */
  readonly serverAddress: () => string | undefined
  /** Masks the key in a header. */
  readonly mask: (text: string) => string
  /** The reply's body with its secrets masked. */
  readonly maskReply: (reply: Reply) => string
}

/** A longer reply is truncated, in characters. */
const MAX_TEXT_LENGTH = 65_536
const VERSION = 'HTTP/1.1'

/**
 * Runs an exchange and records it, whether it succeeds or fails. `exchange` fills in the trace; its reply does not hold
 * the key.
 */
export async function withWireLog(
  log: WireLog,
  clock: Clock,
  call: LoggedCall,
  exchange: (trace: ExchangeTrace) => Promise<Reply>,
): Promise<Reply> {
  const trace: ExchangeTrace = {}
  const startedAt = clock.now()
  const from = clock.monotonic()
  const add = (response: object, error?: string): void => {
    const timings = timingsOf(trace, from, clock.monotonic())
    const serverIPAddress = call.serverAddress()
    log.add({
      startedDateTime: new Date(startedAt).toISOString(),
      time: round(timings.blocked + timings.send + timings.wait + timings.receive),
      request: requestOf(call),
      response,
      cache: {},
      timings,
      ...(serverIPAddress !== undefined && { serverIPAddress }),
      comment: call.comment,
      ...(error !== undefined && { _error: error }),
    })
  }
  try {
    const reply = await exchange(trace)
    add(
      responseOf(trace, call, reply.status, {
        ...content(call.maskReply(reply), reply.contentType),
        size: bytes(reply.body),
      }),
    )
    return reply
  } catch (error) {
    // A transport's messages are our own and hold no secret.
    add(responseOf(trace, call, 0, { ...content('', ''), size: 0 }), error instanceof Error ? error.message : 'failed')
    throw error
  }
}

function requestOf({ method, url, headers, body, bodyBytes }: LoggedCall): object {
  return {
    method,
    url,
    httpVersion: VERSION,
    cookies: [],
    headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
    queryString: [],
    ...(body !== undefined && { postData: { mimeType: headers['content-type'] ?? '', text: body } }),
    headersSize: -1,
    bodySize: bodyBytes,
  }
}

function responseOf(
  { statusText = '', headers = {} }: ExchangeTrace,
  { mask }: LoggedCall,
  status: number,
  content: object,
): object {
  const shown = (name: string, value: string): string => maskHeader(name, mask(value))
  return {
    status,
    statusText: mask(statusText),
    httpVersion: VERSION,
    cookies: [],
    headers: Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one) => ({ name: mask(name), value: shown(name, one) })),
    ),
    content,
    redirectURL: shown('location', [headers.location ?? ''].flat()[0] ?? ''),
    headersSize: -1,
    bodySize: -1,
  }
}

function content(text: string, mimeType: string): object {
  return { mimeType, text: truncate(text, MAX_TEXT_LENGTH) }
}

function timingsOf({ sentAt, answeredAt }: ExchangeTrace, from: number, until: number): HarEntry['timings'] {
  const sent = sentAt ?? until
  const answered = answeredAt ?? until
  // Sending cannot be separated from waiting. `blocked` is name resolution, connecting and the wait for a free
  // connection.
  return { blocked: round(sent - from), send: 0, wait: round(answered - sent), receive: round(until - answered) }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function bytes(text: string): number {
  return Buffer.byteLength(text)
}
