import type { ServerResponse } from 'node:http'
import type { Spoken } from '../../wires/wire.js'

/** What the stand-in service can be told to misbehave on. */
export type ServiceEndpoint = 'in' | 'res' | 'balance' | 'report'

/**
 * What the service does in place of its usual answer. One of these, with a delay before it if you like. Under `in` the comment says
 * whether the task is made (and, in time, charged); `taken` says otherwise.
 */
export interface Behavior {
  /** Waits before it answers, in milliseconds; by itself: then answers as usual. */
  readonly delayMs?: number
  /** A whole reply with this code, in the form that was asked for. No task. On a poll, a code that ends the task ends it. */
  readonly error?: string
  /** A web page. No task. */
  readonly html?: true | string
  /** A reply without a body. No task. */
  readonly empty?: true
  /** Half of the usual reply, then the connection is cut. The task is made. */
  readonly half?: true
  /** A reply of so many bytes. No task. */
  readonly bytes?: number
  /** No reply, ever; the connection stays up. The task is made. */
  readonly hang?: true
  /** The connection is cut in place of a reply. The task is made. */
  readonly drop?: true
  /** The connection is cut before anything is done. No task. */
  readonly dropBefore?: true
  /** A reply with this status, and `body` or nothing in it. No task. */
  readonly status?: number
  /** A reply with this text, under `status` or 200. No task. */
  readonly body?: string
  /** A redirect to this address. No task. */
  readonly redirect?: string
  /** The task that is made (`in`) or asked for (`res`) stays unready for so many polls. */
  readonly pendingTimes?: number
  /** Whether a submit makes a task all the same. */
  readonly taken?: boolean
}

/** Whether the usual work (making a task, giving an answer) is done under this behavior. */
export function doesWork(behavior: Behavior): boolean {
  if (behavior.taken !== undefined) return behavior.taken
  const { error, html, empty, bytes, dropBefore, status, body, redirect } = behavior
  return [error, html, empty, bytes, dropBefore, status, body, redirect].every((one) => one === undefined)
}

/** The behaviors that were asked for, by endpoint: first those for the next calls, in order, then the standing one. */
export class Script {
  readonly #next: Record<ServiceEndpoint, Behavior[]> = { in: [], res: [], balance: [], report: [] }
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

/** Sends what the behavior says, or else the usual reply. */
export function play(response: ServerResponse, behavior: Behavior, usual: Spoken): void {
  const { html, bytes, status, body, redirect } = behavior
  if (behavior.hang) return
  if (behavior.drop || behavior.dropBefore) response.destroy()
  else if (behavior.half) sendHalf(response, usual.text)
  else if (bytes !== undefined) sendBytes(response, bytes)
  else if (redirect !== undefined) send(response, 302, '', { location: redirect })
  else if (html !== undefined) send(response, status ?? 200, html === true ? PAGE : html)
  else if (behavior.empty) send(response, status ?? 200, '')
  else if (status !== undefined || body !== undefined) send(response, status ?? 200, body ?? '')
  else send(response, usual.status ?? 200, usual.text, { 'content-type': usual.type })
}

const HEADERS = { 'content-type': 'text/html; charset=UTF-8', 'cache-control': 'no-store' }

function send(response: ServerResponse, status: number, text: string, more: Record<string, string> = {}): void {
  response.writeHead(status, { ...HEADERS, ...more, 'content-length': Buffer.byteLength(text) }).end(text)
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
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
      left -= part.length
      if (!response.write(part)) return void response.once('drain', more)
    }
    response.end()
  }
  more()
}
