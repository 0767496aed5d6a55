import type { ServerResponse } from 'node:http'
import type { EncodedReply, ServiceEndpoint } from '../../wires/wire.js'
import type { CallbackBehavior } from './callbacks.js'

/**
 * What the service does in place of its normal reply: one of these, alone or with `delayMs`.
 *
 * At `in`, each says whether a task is created (and charged once it is solved); `taken` overrides that.
 */
export interface Behavior {
  /** Waits this many ms before the reply. Without another property, the reply is the normal one. */
  readonly delayMs?: number
  /**
   * Replies with this code, in the form that the request asked for. No task. On a poll, a code that ends a task
   * (`ERROR_CAPTCHA_UNSOLVABLE`, say) ends it.
   */
  readonly error?: string
  /** Replies with a web page: this one, or (`true`) a page as proxies show it. No task. */
  readonly html?: true | string
  /** Replies without a body. No task. */
  readonly empty?: true
  /** Sends half of the normal reply, then closes the connection. The task is created. */
  readonly half?: true
  /** Replies with a body of this many bytes. No task. */
  readonly bytes?: number
  /** Never replies, and keeps the connection open. The task is created. */
  readonly hang?: true
  /** Closes the connection in place of a reply. The task is created. */
  readonly drop?: true
  /** Closes the connection before anything is done. No task. */
  readonly dropBefore?: true
  /** Replies with this HTTP status, and with `body` or nothing. No task. */
  readonly status?: number
  /** Replies with this text, with `status` or 200. No task. */
  readonly body?: string
  /** Redirects to this address. No task. */
  readonly redirect?: string
  /** The task that is created (`in`) or polled (`res`) is not ready for this many polls. */
  readonly pendingTimes?: number
  /** Replies to a submit with the id of the first task. The task is created. */
  readonly repeatId?: true
  /** How it calls back for the task of a submit that has an address for that. The reply is the normal one. */
  readonly callback?: CallbackBehavior
  /** Whether a submit creates a task. */
  readonly taken?: boolean
}

/**
 * Whether the service processes the request (creates a task, gives an answer) before it does what the behavior says.
 */
export function processesRequest(behavior: Behavior): boolean {
  if (behavior.taken !== undefined) return behavior.taken
  const { error, html, empty, bytes, dropBefore, status, body, redirect } = behavior
  return [error, html, empty, bytes, dropBefore, status, body, redirect].every((value) => value === undefined)
}

/** The behaviors to use, by endpoint: first those queued for the next calls, in order, then the permanent one. */
export class ScriptedReplies {
  readonly #next: Record<ServiceEndpoint, Behavior[]> = { in: [], res: [], balance: [], report: [], threads: [] }
  readonly #always = new Map<ServiceEndpoint, Behavior>()

  next(endpoint: ServiceEndpoint, ...behaviors: Behavior[]): void {
    this.#next[endpoint].push(...behaviors)
  }

  always(endpoint: ServiceEndpoint, behavior: Behavior | undefined): void {
    if (behavior) this.#always.set(endpoint, behavior)
    else this.#always.delete(endpoint)
  }

  take(endpoint: ServiceEndpoint): Behavior {
    return this.#next[endpoint].shift() ?? this.#always.get(endpoint) ?? {}
  }
}

const PAGE = '<!DOCTYPE html><html><head><title>Just a moment…</title></head><body><h1>503</h1></body></html>'

/** Sends what the behavior says, or else the normal reply. */
export function respond(response: ServerResponse, behavior: Behavior, normal: EncodedReply): void {
  const { html, bytes, status, body, redirect } = behavior
  if (behavior.hang) return
  if (behavior.drop || behavior.dropBefore) response.destroy()
  else if (behavior.half) sendHalf(response, normal.text)
  else if (bytes !== undefined) sendBytes(response, bytes)
  else if (redirect !== undefined) send(response, 302, '', { location: redirect })
  else if (html !== undefined) send(response, status ?? 200, html === true ? PAGE : html)
  else if (behavior.empty) send(response, status ?? 200, '')
  else if (status !== undefined || body !== undefined) send(response, status ?? 200, body ?? '')
  else send(response, normal.status ?? 200, normal.text, { 'content-type': normal.type })
}

const HEADERS = { 'content-type': 'text/html; charset=UTF-8', 'cache-control': 'no-store' }

function send(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...HEADERS, ...headers, 'content-length': Buffer.byteLength(text) }).end(text)
}

function sendHalf(response: ServerResponse, text: string): void {
  const bytes = Buffer.from(text)
  response.writeHead(200, { ...HEADERS, 'content-length': bytes.length })
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => response.destroy())
}

function sendBytes(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let left = bytes
  response.writeHead(200, HEADERS)
  const writeMore = (): void => {
    while (left > 0 && !response.destroyed) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
      left -= part.length
      if (!response.write(part)) return void response.once('drain', writeMore)
    }
    response.end()
  }
  writeMore()
}
