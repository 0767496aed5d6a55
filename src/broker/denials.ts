import type { Code, SolveguardError } from '../base/errors.js'
import type { ServiceName } from '../wires/services.js'
import type { WireReply } from '../wires/wire.js'

/** What a client has to understand of a denial or failure. */
export type DenialKind =
  | 'origin' // the page is not named
  | 'budget' // no money, or not now: trying again soon is of no use
  | 'slots' // no capacity at the moment: trying again is
  | 'paused' // the account does not work until a person has corrected something
  | 'token' // the token is no good
  | 'request' // the request is wrong
  | 'unsupported' // no service of the guard does that
  | 'proxy' // the proxy of the page
  | 'unsolvable' // this task failed
  | 'internal' // the ledger, the audit log, the secret or the service is away

/** The kind of each code. A code without a row is `internal`: the caller can do nothing about it. */
const KINDS: { readonly [code in Code]?: DenialKind } = {
  ORIGIN_NOT_NAMED: 'origin',
  ORIGIN_OPAQUE: 'origin',
  OUTSIDE_SCHEDULE: 'budget',
  BUDGET_EXHAUSTED: 'budget',
  PRICE_TOO_HIGH: 'budget',
  PAGE_LIMIT_REACHED: 'budget',
  RATE_EXCEEDED: 'slots',
  SLOTS_FULL: 'slots',
  BROKER_DRAINING: 'slots',
  GUARD_PAUSED: 'paused',
  CHALLENGE_INVALID: 'request',
  SOLVER_REFUSED: 'request',
  FAMILY_UNSUPPORTED: 'unsupported',
  PAGE_PROXY_UNSUPPORTED: 'unsupported',
  PAGE_PROXY_CONFLICT: 'proxy',
  PAGE_PROXY_FAILED: 'proxy',
  TEST_KEY_BLOCKS: 'unsolvable',
  CAPTCHA_UNSOLVABLE: 'unsolvable',
  SOLVE_TIMEOUT: 'unsolvable',
  SOLVE_ABORTED: 'unsolvable',
  SOLVER_BUSY: 'unsolvable',
  SOLVER_ERROR: 'unsolvable',
}

/**
 * The services' words for each kind. `ERROR_IP_NOT_ALLOWED` (errorId 11) is not among them: upon it the client
 * `python-anticaptcha` asks a stranger's server for its own address.
 */
const WORDS: Readonly<Record<DenialKind, string>> = {
  origin: 'ERROR_PAGEURL',
  budget: 'ERROR_ZERO_BALANCE',
  slots: 'ERROR_NO_SLOT_AVAILABLE',
  paused: 'ERROR_ACCOUNT_SUSPENDED',
  token: 'ERROR_KEY_DOES_NOT_EXIST',
  request: 'ERROR_BAD_PARAMETERS',
  unsupported: 'ERROR_METHOD_CALL',
  proxy: 'ERROR_BAD_PROXY',
  unsolvable: 'ERROR_CAPTCHA_UNSOLVABLE',
  internal: 'ERROR_INTERNAL_SERVER_ERROR',
}

/** Where a service has other words. */
const OTHER_WORDS: { readonly [service in ServiceName]?: { readonly [kind in DenialKind]?: string } } = {
  // Its client waits when all threads are busy, which `threadsinfo` then has to say, and else gives up.
  captchaai: { slots: 'ERROR_ZERO_BALANCE', unsupported: 'ERROR_BAD_PARAMETERS' },
  anticaptcha: { unsupported: 'ERROR_TASK_NOT_SUPPORTED', proxy: 'ERROR_PROXY_CONNECT_REFUSED' },
  capmonster: { origin: 'ERROR_DOMAIN_NOT_ALLOWED', unsupported: 'ERROR_TASK_NOT_SUPPORTED' },
  capsolver: { unsupported: 'ERROR_TASK_NOT_SUPPORTED' },
}

/** What a client has to understand of an error. */
export function kindOf({ code }: SolveguardError): DenialKind {
  return KINDS[code] ?? (/^(?:TOKEN|HANDLE)_/.test(code) ? 'token' : 'internal')
}

/** Whether a denial ends by itself within seconds. */
export function isBusy(error: SolveguardError): boolean {
  return kindOf(error) === 'slots'
}

/** A denial or failure in a service's words, with its sentence. */
export function denialReply(error: SolveguardError, service: ServiceName): WireReply {
  return refusal(kindOf(error), service, error.message)
}

/** A reply that is no error of the guard. */
export function refusal(kind: DenialKind, service: ServiceName, description: string): WireReply {
  return { error: OTHER_WORDS[service]?.[kind] ?? WORDS[kind], description }
}
