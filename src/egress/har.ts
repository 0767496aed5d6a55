import type { Clock } from '../base/clock.js'
import type { Reply } from '../base/wire.js'
import { maskHeader, truncate } from './har-masks.js'

/** One call and its reply, as HAR 1.2 has it. Times in milliseconds; -1 where nothing is known. */
export interface HarEntry {
  readonly startedDateTime: string
  readonly time: number
  readonly request: object
  readonly response: object
  readonly cache: object
  readonly timings: { readonly blocked: number; readonly send: number; readonly wait: number; readonly receive: number }
  readonly serverIPAddress?: string
  readonly comment: string
  /** Why there is no whole reply. */
  readonly _error?: string
}

/** Where entries go. Its `add` never throws: nothing hangs on a wire log. */
export interface WireLog {
  /** The file; its own name is known once it is open. */
  readonly place: string
  open(): void
  add(entry: HarEntry): void
  close(): void
}

/** What an exchange tells of itself besides its reply. Monotonic ms. */
export interface ExchangeTrace {
  sentAt?: number
  answeredAt?: number
  statusText?: string
  headers?: Readonly<Record<string, string | string[] | undefined>>
}

/** A call as it may be written down: nothing secret is in it any more. */
export interface LoggedCall {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  /** Of the body that was sent. */
  readonly bodyBytes: number
  /** What it was for, and by which way it left. */
  readonly comment: string
  /** The service's address, where it is known. */
  readonly serverAddress: () => string | undefined
  /** Takes the key out of a header. */
  readonly mask: (text: string) => string
  /** The reply's body as it may be written down. */
  readonly maskReply: (reply: Reply) => string
}

/** The most of a reply that is written down. */
const MAX_TEXT_LENGTH = 65_536
const VERSION = 'HTTP/1.1'

/** Does the exchange, and writes it down, whatever comes of it. `exchange` fills in what it sees; its reply does not hold the key. */
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
    // A transport's messages are ours, and hold nothing secret.
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
  // Writing is not seen apart from waiting. Looking up, connecting and waiting for a free connection are all in `blocked`.
  return { blocked: round(sent - from), send: 0, wait: round(answered - sent), receive: round(until - answered) }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function bytes(text: string): number {
  return Buffer.byteLength(text)
}
