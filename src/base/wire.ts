/**
 * What solvers and egress say to each other. A solver describes a call and leaves a slot for the credential; egress
 * fills the slot at the last moment, in the body. Neither knows more of the other than this.
 */

/**
 * One call to a solver service, without its credential. Always a POST: a key in a URL would end up in proxies' logs.
 */
export interface Call {
  /** The path below the service's base address, e.g. `/in.php`. Never holds a query. */
  readonly path: string
  /** How the body is encoded. */
  readonly encoding: 'form' | 'json'
  /** The body's fields, but for the credential. */
  readonly fields: Readonly<Record<string, unknown>>
  /** The name of the field that the credential goes into, at the top of the body. */
  readonly keyField: string
  /** What else in the fields must be shown to nobody, as it stands there: a proxy's password. */
  readonly sensitive?: readonly string[] | undefined
}

/** What came back. The body is bounded text; nothing else of it has been checked. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/**
 * Whether the service may have taken a call that failed.
 * - `no`: it certainly did not: nothing was sent, or the connection was refused.
 * - `unknown`: it may have: the request went out, and no whole reply came back. Money counts as spent.
 */
export type Delivered = 'no' | 'unknown'
