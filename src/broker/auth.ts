import type { MaybePromise } from '../base/async.js'
import type { Grant, Guard } from '../guard/types.js'
import type { ServiceName } from '../wires/services.js'

/** Whoever sent a request with a token that is good. */
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
export type Authenticate = (credential: string) => MaybePromise<Caller>

/** The longest credential that is looked at, in characters: a token has at most 4 KiB. */
export const MAX_CREDENTIAL_LENGTH = 4_096

/** The tokens and handles that a guard has issued. The id of a token's last budget has the ids of all its links. */
export function guardTokens(guard: Pick<Guard, 'verifyToken'>): Authenticate {
  return async (credential) => {
    const grant = await guard.verifyToken(credential)
    return { id: grant.path.at(-1) as string, grant }
  }
}
