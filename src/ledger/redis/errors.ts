import { messageOf } from '../../base/errors.js'

/**
 * A call that failed: with the server's own code (`NOPERM`), the system's (`ECONNREFUSED`), or one of ours: `OFFLINE`,
 * `TIMEOUT`, `CLOSED`, `LOST`, `NEWER`.
 */
export class RedisError extends Error {
  readonly code: string
  /** Whether the server may have carried it out all the same, or may yet. */
  readonly maybe: boolean
  constructor(code: string, message: string, maybe = false) {
    super(message)
    this.code = code
    this.maybe = maybe
  }
}

const UNTRUSTED = /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|ERR_TLS|CERT_)/
const REFUSED = /^(WRONGPASS|NOAUTH)$/

/**
 * What went wrong, without what ioredis hangs onto its errors: the words of the command, which may be a password.
 * @param sent whether the server may have carried out what failed
 */
export function failure(error: unknown, sent: boolean): RedisError {
  if (error instanceof RedisError) return error
  const message = messageOf(error)
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown }
  // An answer: nothing was done.
  if (name === 'ReplyError') {
    // What a user may not do is told in other words when a script does it.
    const forbidden = /can't run this command|ACL failure in script|can't access at least one of the keys/.test(message)
    return new RedisError(forbidden ? 'NOPERM' : (/^[A-Z]+/.exec(message)?.[0] ?? 'ERR'), message)
  }
  // What ioredis says when it has no connection. All else may mean one that was lost when the words had been sent.
  const maybe = sent && !/isn't writeable/.test(message)
  return new RedisError(typeof code === 'string' ? code : 'OFFLINE', message, maybe)
}

/** Whether another try mends nothing. */
export function isHopeless(code: string): boolean {
  return (
    REFUSED.test(code) ||
    UNTRUSTED.test(code) ||
    /^(NOPERM|OOM|MISCONF|MOVED|CROSSSLOT|WRONGTYPE|ERR|TIMEOUT|CLOSED|LOST|NEWER)$/.test(code)
  )
}

/** The failure under a denial, if it is one of a call. */
function causeOf(error: unknown): RedisError | undefined {
  const cause = (error as { readonly cause?: unknown } | undefined)?.cause
  return cause instanceof RedisError ? cause : undefined
}

/** Whether a failed call may have been carried out. */
export function mayHaveHappened(error: unknown): boolean {
  return causeOf(error)?.maybe ?? false
}

/** Whether a failed call was refused, because this user may not make it or this server does not know it. */
export function isForbidden(error: unknown): boolean {
  const cause = causeOf(error)
  return cause?.code === 'NOPERM' || /unknown (sub)?command/i.test(cause?.message ?? '')
}

/** What a person can do about a failure. */
export function whatToDo(code: string, place: string, patienceMs: number): string {
  if (code === 'CLOSED') return `The ledger ${place} was closed, or never opened: call open() first and close() last.`
  if (code === 'LOST') {
    return `The ledger ${place} has lost its books (flushed, or started anew without its data): restart this process to begin new ones, which know of nothing that was spent in the last 24 hours.`
  }
  if (code === 'NEWER') return `The ledger ${place} was written by a newer solveguard: use that version here too.`
  if (code === 'TIMEOUT') {
    return `The ledger ${place} did not answer within ${patienceMs / 1000} s: look whether its server is paused or overloaded.`
  }
  if (REFUSED.test(code))
    return `The ledger ${place} does not accept the user or the password: correct them in \`url\`.`
  if (code === 'NOPERM') return `The ledger ${place} denies this user something: docs/ledgers.md has the rule it needs.`
  if (code === 'OOM') return `The ledger ${place} has no memory left: raise its server's maxmemory.`
  if (code === 'MISCONF') return `The ledger ${place} cannot write to its disk: look at its server's log.`
  if (code === 'MOVED') {
    return `The ledger ${place} is one node of a cluster: hand in a client that knows all of them, { client: new Cluster([…]) }.`
  }
  if (/^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS)$/.test(code)) {
    return `The ledger ${place} takes no writes now: look at its server's role and state.`
  }
  if (UNTRUSTED.test(code)) {
    return `The certificate of the ledger ${place} is not trusted: give the authority that signed it as \`ca\`, and in \`url\` the name that it is for.`
  }
  if (/^(E[A-Z]+|OFFLINE)$/.test(code) && code !== 'ERR') {
    return `The ledger ${place} cannot be reached: look whether its server runs there, and whether it wants TLS (rediss://).`
  }
  return `The ledger ${place} could not be read or written.`
}
