import type { IncomingMessage, ServerResponse } from 'node:http'
import { hasAddressForm } from './address.js'
import type { CallbackOptions } from './options.js'

/** The reply to every call-back, whatever it is. */
const REPLY = 'ok'
const TYPE = 'text/plain; charset=utf-8'
/** How much of a body is read and thrown away, and for how long: then the connection is closed. */
const MAX_BODY_BYTES = 256 * 1024
const MAX_BODY_MS = 5_000
/** The longest address that is looked at, in characters. CaptchaAI sends the answer in the query. */
const MAX_URL_LENGTH = 16_384

/** A reply: always 200. */
export interface CallbackReply {
  readonly status: 200
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a guard answers at the address of its call-backs. */
export interface CallbackReceiver {
  /** Whether a request is one for it: the address of a call-back, or a file that proves the domain. */
  isFor(url: string): boolean
  /** Takes a call-back. What it says is never looked at. */
  receive(method: string, url: string): CallbackReply
}

/** What takes the call-backs. */
interface Recipient {
  readonly options: CallbackOptions | undefined
  /** @param address the last part of an address; any text */
  receive(address: string): void
}

/** Answers requests: files by their path, and everything else in the same way. */
export function callbackReceiver(callbacks: Recipient): CallbackReceiver {
  const files = callbacks.options?.files ?? new Map<string, string>()
  const { prefix = '' } = callbacks.options?.at ?? {}
  return {
    isFor(url) {
      const path = pathOf(url)
      if (files.has(path)) return true
      return path.startsWith(`${prefix}/`) && hasAddressForm(path.slice(prefix.length + 1))
    },
    receive(method, url) {
      const path = pathOf(url)
      const file = method === 'GET' || method === 'HEAD' ? files.get(path) : undefined
      if (file !== undefined) return replyOf(file)
      // The path before it may be another one here: a server in front may have removed a part.
      if (method === 'GET' || method === 'POST') callbacks.receive(path.slice(path.lastIndexOf('/') + 1))
      return replyOf(REPLY)
    },
  }
}

/** The path of a request, from an address with a host or without one. */
function pathOf(url: string): string {
  if (url.length > MAX_URL_LENGTH) return ''
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}

function replyOf(body: string): CallbackReply {
  const length = String(Buffer.byteLength(body))
  return {
    status: 200,
    headers: { 'content-type': TYPE, 'cache-control': 'no-store', 'content-length': length },
    body,
  }
}

/** Answers a request of a server at once, before its body has arrived. */
export function answer(receiver: CallbackReceiver, request: IncomingMessage, response: ServerResponse): void {
  const { status, headers, body } = receiver.receive(request.method ?? '', request.url ?? '')
  response.writeHead(status, headers).end(body)
  discardBody(request)
}

/**
 * Reads the rest of a request and throws it away. A sender of more than a call-back has, or one that is too slow, is
 * disconnected.
 */
export function discardBody(request: IncomingMessage): void {
  if (request.complete) return
  let bytes = 0
  const timer = setTimeout(() => request.destroy(), MAX_BODY_MS)
  timer.unref()
  request
    .on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_BODY_BYTES) request.destroy()
    })
    .on('error', () => {})
    .once('close', () => clearTimeout(timer))
  request.resume()
}
