import { messageOf } from '../../base/errors.js'

/**
 * A call that failed: with the server's code (`NOPERM`), the operating system's (`ECONNREFUSED`), or one of this
 * package: `OFFLINE`, `TIMEOUT`, `CLOSED`, `LOST`, `NEWER`, `NONE`, `AGAIN`, `MISPLACED`, `NODB`, `NOTLS`, `HANDSHAKE`,
 * `CUT`.
 */
export class RedisError extends Error {
  readonly code: string
  /** Whether the server may have carried the call out all the same, or may still do so. */
  readonly mayHaveRun: boolean
  constructor(code: string, message: string, maybe = false) {
    super(message)
    this.code = code
    this.mayHaveRun = maybe
  }
}

const UNTRUSTED = /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|ERR_TLS|CERT_)/
const REFUSED = /^(WRONGPASS|NOAUTH)$/

/**
 * The failure, without what ioredis attaches to its errors: the command's arguments, which may contain a password.
 * @param sent whether the server may have carried out what failed
 */
export function toRedisError(error: unknown, sent: boolean): RedisError {
  if (error instanceof RedisError) return error
  const message = messageOf(error)
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown }
  // The server replied with an error: nothing was done.
  if (name === 'ReplyError') {
    // A missing permission has another message when a script runs into it.
    const forbidden = /can't run this command|ACL failure in script|can't access at least one of the keys/.test(message)
    if (/DB index/i.test(message)) return new RedisError('NODB', message)
    return new RedisError(forbidden ? 'NOPERM' : (/^[A-Z]+/.exec(message)?.[0] ?? 'ERR'), message)
  }
  if (/wrong version number|packet length too long/.test(message)) return new RedisError('NOTLS', message)
  // The message of ioredis when it has no connection. Any other error may be a connection that was lost after the
  // command was sent.
  const maybe = sent && !/isn't writeable/.test(message)
  return new RedisError(typeof code === 'string' ? code : 'OFFLINE', message, maybe)
}

/** Whether a retry cannot succeed. */
export function isPermanent(code: string): boolean {
  return (
    REFUSED.test(code) ||
    UNTRUSTED.test(code) ||
    /^(NOPERM|OOM|MISCONF|MOVED|CROSSSLOT|WRONGTYPE|ERR|TIMEOUT|CLOSED|LOST|NEWER|NODB|NOTLS|CUT)$/.test(code)
  )
}

/** Whether the connection was lost, or there was none. */
export function isLost(code: string): boolean {
  return /^(OFFLINE|ECONNRESET|EPIPE|ECONNABORTED)$/.test(code)
}

/** Whether the server ends the connection of a client that sends it what it was sent. */
export function isCut(error: unknown): boolean {
  return causeOf(error)?.code === 'CUT'
}

/** The call's failure that caused a denial, if a call did. */
function causeOf(error: unknown): RedisError | undefined {
  const cause = (error as { readonly cause?: unknown } | undefined)?.cause
  return cause instanceof RedisError ? cause : undefined
}

/** Whether a failed call may have been carried out. */
export function mayHaveRun(error: unknown): boolean {
  return causeOf(error)?.mayHaveRun ?? false
}

/** Whether a call was refused because this user may not make it, or because this server does not have it. */
export function isForbidden(error: unknown): boolean {
  const cause = causeOf(error)
  return cause?.code === 'NOPERM' || /(unknown|unsupported) (sub)?command/i.test(cause?.message ?? '')
}

/** What the user can do about a failure. */
export function whatToDo(code: string, place: string, timeoutMs: number): string {
  if (code === 'CLOSED') return `The ledger ${place} was closed, or never opened: call open() first and close() last.`
  if (code === 'LOST') {
    return (
      `The ledger ${place} has lost its data (flushed, or restarted without it): restart this process to begin a new ` +
      'ledger, which knows of nothing that was spent in the last 24 hours.'
    )
  }
  if (code === 'NONE') return `There is no ledger ${place}: name the one that your guards use, and its \`prefix\`.`
  if (code === 'NEWER') return `The ledger ${place} was written by a newer solveguard: use that version here too.`
  if (code === 'TIMEOUT') {
    return `The ledger ${place} did not answer within ${timeoutMs / 1000} s: is its server suspended or overloaded?`
  }
  if (code === 'MISPLACED') {
    return (
      `The connection to the ledger ${place} does not give each call its own reply: look for a proxy that repeats or ` +
      'drops replies, or for other uses of your `client` that read them.'
    )
  }
  if (REFUSED.test(code))
    return `The ledger ${place} does not accept the user or the password: correct them in \`url\`.`
  if (code === 'NOPERM') return `The ledger ${place} denies this user something: docs/ledgers.md has the rule it needs.`
  if (code === 'OOM') return `The ledger ${place} has no memory left: raise its server's maxmemory.`
  if (code === 'MISCONF') return `The ledger ${place} cannot write to its disk: look at its server's log.`
  if (code === 'MOVED') {
    return `The ledger ${place} is one node of a cluster: pass a client of all nodes, { client: new Cluster([…]) }.`
  }
  if (/^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS)$/.test(code)) {
    return `The ledger ${place} takes no writes now: look at its server's role and state.`
  }
  if (code === 'NODB') {
    return (
      `The server of the ledger ${place} has no such database: give another number at the end of \`url\`, or as the ` +
      '`db` of your `client`.'
    )
  }
  if (code === 'NOTLS') {
    return `The ledger ${place} does not speak TLS at that port: give the port at which it does, or use redis://.`
  }
  if (code === 'HANDSHAKE') {
    return (
      `The ledger ${place} accepts connections and does not begin TLS: is that a port without TLS (then use redis://), ` +
      'or is its server suspended?'
    )
  }
  if (UNTRUSTED.test(code)) {
    return (
      `The certificate of the ledger ${place} is not trusted: give the authority that signed it as \`ca\`, and in ` +
      '`url` the name that it is for.'
    )
  }
  if (/^(E[A-Z]+|OFFLINE)$/.test(code) && code !== 'ERR') {
    return `The ledger ${place} cannot be reached: does its server run there, and does it need TLS (rediss://)?`
  }
  return `The ledger ${place} could not be read or written.`
}
