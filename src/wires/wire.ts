import type { Family } from '../base/challenge.js'
import type { Money } from '../policy/money.js'

/** A request as it arrived, with its body read. */
export interface RawRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** The body as text; empty where it is in `form`. */
  readonly body: string
  /** The fields of a multipart body, files in base64. */
  readonly form?: Readonly<Record<string, string>> | undefined
}

/** What a request asks for: `in` submits a task, `res` polls for a result, `threads` counts the account's threads. */
export type ServiceEndpoint = 'in' | 'res' | 'balance' | 'report' | 'threads'

/** A task as a client submits it. */
export interface TaskRequest {
  /** Absent if the request names no family that the wire knows. */
  readonly family?: Family | undefined
  /** Empty for tasks about pictures. */
  readonly sitekey: string
  /** Empty for tasks about pictures. */
  readonly pageUrl: string
  /** The pictures in base64. Absent for tasks about widgets. */
  readonly pictures?: readonly string[] | undefined
  /** The question about the pictures. */
  readonly instruction?: string | undefined
  /** The proxy that the service has to solve through, as a URL: `http://user:password@203.0.113.9:3128`. */
  readonly proxy?: string | undefined
  /** The fields as the client sent them, without the key. Values that are not strings are JSON. */
  readonly fields: Readonly<Record<string, string>>
  /** The service's error code if the request is not valid. */
  readonly error?: string | undefined
}

/** What a wire needs to know of a solved task to encode its answer. */
export interface SolvedTask {
  readonly family: Family | undefined
  /** The fields of its {@link TaskRequest}: some services encode an answer according to them. */
  readonly fields: Readonly<Record<string, string>>
  /** Wall time, ms since 1970. */
  readonly submittedAt: number
  /** Wall time at which it was solved, ms since 1970. */
  readonly readyAt: number
}

/** A reply before a wire encodes it: a value, or an error code of the form family. */
export type WireReply =
  | {
      readonly value: string
      /** What the task cost, micro-dollars. */
      readonly cost?: Money
      /** The task whose answer `value` is. */
      readonly task?: SolvedTask
      /** Further values beside the answer: `userAgent`, and hCaptcha's `respKey`. */
      readonly extra?: Readonly<Record<string, string>> | undefined
    }
  | {
      readonly error: string
      /** The error as a sentence, where the reply has a field for one. */
      readonly description?: string | undefined
    }

/** A reply as it is sent. */
export interface EncodedReply {
  readonly text: string
  /** Its content type. */
  readonly type: string
  /** The HTTP status. Default: 200. */
  readonly status?: number
}

/** A request that a wire has decoded. */
export interface DecodedRequest {
  readonly endpoint: ServiceEndpoint
  readonly key: string | undefined
  readonly keyInUrl: boolean
  /** The fields as the client sent them, without the key. */
  readonly fields: Readonly<Record<string, string>>
  /** At `in`: the task to solve. */
  readonly task?: TaskRequest
  /** At `in`: whether the reply has to carry the answer too, as a second {@link WireReply}. */
  readonly immediate?: boolean
  /** At `res` and `report`: the ids of the tasks. */
  readonly ids?: readonly string[]
  /** At `report`: whether the answer was accepted. */
  readonly good?: boolean
  /** Encodes the replies in the form that the request asked for: one for each task id, or one. */
  readonly encode: (replies: readonly WireReply[]) => EncodedReply
}

/** The server half of one wire family: decodes a request. Returns undefined for a path that is not of this family. */
export type Wire = (request: RawRequest) => DecodedRequest | undefined

/** The value, or the error code. */
export function replyText(reply: WireReply | undefined): string {
  if (!reply) return ''
  return 'value' in reply ? reply.value : reply.error
}

/** Micro-dollars as services write amounts: dollars with six decimals. */
export function formatCost(cost: Money): string {
  return (cost / 1e6).toFixed(6)
}

const MIN_PICTURE_BYTES = 100
const MAX_PICTURE_BYTES = 1024 * 1024

/**
 * The error code for the first picture (in base64) that a service would not take; undefined if it takes all of them.
 */
export function pictureError(pictures: readonly string[]): string | undefined {
  for (const base64 of pictures) {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return 'ERROR_UPLOAD'
    const { length } = Buffer.from(base64, 'base64')
    if (length < MIN_PICTURE_BYTES) return 'ERROR_ZERO_CAPTCHA_FILESIZE'
    if (length > MAX_PICTURE_BYTES) return 'ERROR_TOO_BIG_CAPTCHA_FILESIZE'
  }
  return undefined
}

/** Whether a service would take this proxy: a protocol that it knows, a host and a port. */
export function isProxy(proxy: string): boolean {
  return /^(?:https?|socks[45]):\/\/.+:\d{1,5}$/.test(proxy) && URL.canParse(proxy)
}

/**
 * The values as strings: those that are none become JSON. `null` is left out: some clients send it for what they were
 * not given.
 */
export function toStrings(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, typeof value === 'string' ? value : (JSON.stringify(value) ?? '')]),
  )
}

/** The fields that have a value: some clients send an empty text for what they were not given. */
export function withoutEmpty(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}

/** The fields of a JSON object; undefined if the text is not one. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  // Most texts that are no object are empty: an error, with its stack, would take longer than the rest of a request.
  if (!/^\s*\{/.test(text)) return undefined
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
