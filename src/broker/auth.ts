import type { MaybePromise } from '../base/async.js'
import type { Clock } from '../base/clock.js'
import { DeniedError, SolveguardError } from '../base/errors.js'
import type { Grant } from '../guard/types.js'
import { isHandle } from '../tokens/handle.js'
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
 * @param purpose `fetch` for what was submitted before, `spend` for all else
 * @throws SolveguardError why the token is no good; `DeniedError` `LEDGER_UNAVAILABLE` if that cannot be known
 */
export type Authenticate = (credential: string, purpose: 'fetch' | 'spend') => MaybePromise<Caller>

/** The longest credential that is looked at, in characters: a token has at most 4 KiB. */
export const MAX_CREDENTIAL_LENGTH = 4_096

/** What authentication takes of a guard. */
export interface TokenVerifier {
  verifyToken(token: string): Promise<Grant>
}

/** For how many tokens the caller is remembered after the token has expired. */
const MAX_CALLERS = 10_000
/** How many unknown handles the ledger is asked for in a second: any client can make them up. */
const MAX_UNKNOWN_HANDLES = 100

/**
 * Authentication by the tokens of a guard. A token that has expired since it was used here still fetches what it has
 * submitted: the money is spent by then, and the task is bound to it.
 *
 * @param wireOf the service whose dialect a token states
 */
export function tokenAuthentication(
  guard: TokenVerifier,
  clock: Pick<Clock, 'monotonic'>,
  wireOf: (grant: Grant) => ServiceName | undefined = () => undefined,
): Authenticate {
  const callers = new Map<string, Caller>()
  let unknown = { second: 0, count: 0 }
  return async (credential, purpose) => {
    const known = callers.get(credential)
    const second = Math.floor(clock.monotonic() / 1_000)
    if (unknown.second !== second) unknown = { second, count: 0 }
    if (!known && unknown.count >= MAX_UNKNOWN_HANDLES && isHandle(credential)) throw tooManyUnknown()
    try {
      const grant = await guard.verifyToken(credential)
      if (known?.grant === grant) return known
      const caller = { id: grant.path.at(-1) ?? '', grant, wire: wireOf(grant) }
      if (callers.size >= MAX_CALLERS) callers.clear()
      callers.set(credential, caller)
      return caller
    } catch (error) {
      const code = error instanceof SolveguardError ? error.code : undefined
      if (code === 'HANDLE_UNKNOWN') unknown.count++
      if (known && purpose === 'fetch' && (code === 'TOKEN_EXPIRED' || code === 'HANDLE_UNKNOWN')) return known
      throw error
    }
  }
}

function tooManyUnknown(): DeniedError {
  return new DeniedError('HANDLE_UNKNOWN', 'This handle is not known here; too many unknown ones are being tried.')
}
