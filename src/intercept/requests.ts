import { Buffer } from 'node:buffer'
import { serviceHost } from './names.js'

// Taken before any other code can replace them.
const { apply } = Reflect
const { charCodeAt, slice: sliceText } = String.prototype
const { exec } = RegExp.prototype
const { latin1Slice } = Buffer.prototype as Buffer & { latin1Slice(this: Uint8Array, from: number, to: number): string }
/** The longest method, and how much of a request is looked at: Node's own servers take no longer head. */
const MAX_METHOD_LENGTH = 10
const MAX_HEAD_LENGTH = 16_384
const FIRST_LINE = /^[A-Z]+ (\S+) HTTP\/1\.[01]\r\n/
const ABSOLUTE = /^https?:\/\/(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)/i
const HOST_HEADER = /\r\nhost:[ \t]*(\[[^\]]*\]|[^\s:]*)/i
const TUNNEL = 'CONNECT'

/**
 * The service's host for which the HTTP/1 request is that begins with `chunk`: the one that an address for a proxy
 * names, or the header `host`. A request for a tunnel is for none.
 *
 * @param chunk what is written to a connection: most of it begins no request, which takes no time to see
 */
export function hostOfRequest(chunk: unknown): string | undefined {
  const method = methodOf(chunk)
  if (method === undefined || method === TUNNEL) return undefined
  const head = textOf(chunk as string | Uint8Array, MAX_HEAD_LENGTH)
  const target = apply(exec, FIRST_LINE, [head])?.[1]
  if (target === undefined) return undefined
  const named = apply(exec, ABSOLUTE, [target])?.[1] ?? apply(exec, HOST_HEADER, [head])?.[1]
  return serviceHost(named)
}

/** The capital letters before the first space. */
function methodOf(chunk: unknown): string | undefined {
  const isText = typeof chunk === 'string'
  if (!isText && !(chunk instanceof Uint8Array)) return undefined
  for (let at = 0; at <= MAX_METHOD_LENGTH && at < chunk.length; at++) {
    const code = isText ? apply(charCodeAt, chunk, [at]) : (chunk[at] as number)
    if (code === 0x20) return at === 0 ? undefined : textOf(chunk, at)
    if (code < 0x41 || code > 0x5a) return undefined
  }
  return undefined
}

function textOf(chunk: string | Uint8Array, length: number): string {
  if (typeof chunk === 'string') return apply(sliceText, chunk, [0, length])
  return apply(latin1Slice, chunk, [0, Math.min(length, chunk.length)])
}
