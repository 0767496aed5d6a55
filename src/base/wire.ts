/**
 * The types between solvers and egress. A solver describes a call and leaves a slot for the credential; egress fills
 * the slot at the last moment, in the body. Neither depends on the other.
 */

/** One call to a solver service, without its credential. Always a POST: proxies would log a key in a URL. */
export interface Call {
  /** The path below the service's base address, e.g. `/in.php`. Never holds a query. */
  readonly path: string
  /** How the body is encoded. */
  readonly encoding: 'form' | 'json'
  /** The body's fields, without the credential. */
  readonly fields: Readonly<Record<string, unknown>>
  /** The name of the field for the credential, at the top level of the body. */
  readonly keyField: string
  /** Values in the fields that must be masked wherever they are shown: a page proxy's password. */
  readonly sensitive?: readonly string[] | undefined
}

/** A service's reply. The body is bounded text that was not checked further. */
export interface Reply {
  /** The HTTP status. */
  readonly status: number
  /** The `content-type` as it was sent, at most 100 characters; empty where there was none. */
  readonly contentType: string
  /** The text, decoded as its content type says. */
  readonly body: string
}

/**
 * Whether the service may have received a call that failed.
 * - `no`: it has not: nothing was sent, or the connection was refused.
 * - `unknown`: it may have: the request was sent, and there is no complete reply. The money counts as spent.
 */
export type Delivered = 'no' | 'unknown'
