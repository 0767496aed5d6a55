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
   * The host that the client meant to reach, where the connection has it: a proxy's CONNECT, TLS's server name.
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
  /**
   * What the access log says of the request besides its line.
   * @default nothing
   */
  readonly facts?: RequestFacts | undefined
}

/** What a request asked for, for the access log. None of it is a text that the client chose. */
export interface RequestFacts {
  /** The kind of request: `in` for a submit, `res` for a poll, and so on. */
  readonly endpoint?: string | undefined
  /** The service whose dialect was spoken. */
  readonly dialect?: string | undefined
  /** The dialect's word or the code of an error; absent for a reply that is no error. */
  readonly error?: string | undefined
  /** Identifies the token, and gives no use of it: the path of its last link's budget. */
  readonly tokenId?: string | undefined
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
