import { isPromise, type MaybePromise } from '../base/async.js'
import type { TaskHost, TokenPurpose } from '../guard/hosting.js'
import type { Grant } from '../guard/types.js'
import type { ServiceName } from '../wires/services.js'

/** The client that sent a request with a valid token. */
export interface Caller {
  /** Identifies the token, the same in every broker. Tasks are bound to it. It says nothing of the token itself. */
  readonly id: string
  /** What the token allows. */
  readonly grant: Grant
  /**
   * The service whose dialect the token's clients speak.
   * @default by the request
   */
  readonly wire?: ServiceName | undefined
}

/**
 * Finds out who sent a request.
 * @param credential the token or handle, where a key would be
 * @throws SolveguardError why the token is no good; `DeniedError` `LEDGER_UNAVAILABLE` if that cannot be known
 */
export type Authenticate = (credential: string, purpose: TokenPurpose) => MaybePromise<Caller>

/** The longest credential that is looked at, in characters: a token has at most 4 KiB. */
export const MAX_CREDENTIAL_LENGTH = 4_096

/** Authentication by the tokens of a guard. */
export function tokenAuthentication(host: Pick<TaskHost, 'verify' | 'wire'>): Authenticate {
  const callers = new WeakMap<Grant, Caller>()
  const callerOf = (grant: Grant): Caller => {
    const known = callers.get(grant)
    if (known) return known
    const caller = { id: grant.path.at(-1) ?? '', grant, wire: host.wire(grant) }
    callers.set(grant, caller)
    return caller
  }
  return (credential, purpose) => {
    const grant = host.verify(credential, purpose)
    return isPromise(grant) ? grant.then(callerOf) : callerOf(grant)
  }
}
