import type { MaybePromise } from '../base/async.js'

/** A request, wherever it came from: a socket, or a call that was intercepted in this process. */
export interface BrokerRequest {
  /** The HTTP method. */
  readonly method: string
  /** The path with its query. */
  readonly url: string
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The whole body; empty without one. */
  readonly body: Buffer
  /**
   * The host that the client meant to reach, where the connection tells it: a proxy's CONNECT, TLS's server name.
   * @default the header `host`
   */
  readonly host?: string | undefined
  /**
   * The token, where the connection brought it: the password of a proxy. It counts in place of whatever key the request
   * has.
   * @default none
   */
  readonly credential?: string | undefined
}

/** A reply. */
export interface BrokerResponse {
  /** The HTTP status. */
  readonly status: number
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The whole body, or its parts as they come. */
  readonly body: string | AsyncIterable<string>
}

/** Request to response. It knows no socket, and never throws or rejects. */
export type BrokerHandler = (request: BrokerRequest) => MaybePromise<BrokerResponse>

/** A reply whose body is one text. */
export interface TextResponse extends BrokerResponse {
  readonly body: string
}

/** A reply of one text. */
export function textReply(status: number, body: string, type = 'text/plain; charset=utf-8'): TextResponse {
  return { status, headers: { 'content-type': type, 'cache-control': 'no-store' }, body }
}

/** A reply of one JSON value. */
export function jsonReply(status: number, value: unknown): TextResponse {
  return textReply(status, JSON.stringify(value), JSON_TYPE)
}

export const JSON_TYPE = 'application/json; charset=utf-8'
