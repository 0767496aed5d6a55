import { printable, SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import type { Pricing } from './pricing-options.js'
import type { Polling } from './solver.js'

/** The options of every solver. */
export interface SolverOptions {
  /**
   * The service's base address: `https:`, or `http:` on a loopback address.
   * @default the service's own
   */
  readonly baseUrl?: string | undefined
  /**
   * What the service charges.
   * @default its list price
   */
  readonly pricing?: Pricing | undefined
  /**
   * How often to poll: for your own service, or a stand-in. Services block clients that poll more often than they
   * allow, so less than a second is accepted for loopback addresses only.
   * @default the service's own, adapted to the times that are measured
   */
  readonly polling?: Polling | undefined
  /**
   * Whether a cost that the service reports is booked however low it is. Without it a solve counts as at least half of
   * its price, so that a service that reports a cost of 0 does not switch the cap off.
   * @default false
   */
  readonly trustCost?: boolean | undefined
}

const MIN_POLL_MS = 1_000
const MAX_POLL_MS = 10 * 60_000
const FIELDS = ['baseUrl', 'pricing', 'polling', 'trustCost'] as const satisfies readonly (keyof SolverOptions)[]

/**
 * Returns the base address without its trailing slash, and the polling if there is one.
 * @param moreOptions the names of options that this solver takes in addition
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 */
export function checkSolverOptions(
  solver: string,
  options: SolverOptions,
  usualBaseUrl: string,
  moreOptions: readonly string[] = [],
): { readonly baseUrl: string; readonly polling: Polling | undefined } {
  // A string in place of options has its characters as fields. A key must not be among the options.
  if (
    typeof options !== 'object' ||
    options === null ||
    Object.keys(options).some((field) => /^(0|(api)?key)$/i.test(field))
  )
    throw new SolveguardError(
      'CONFIG_INVALID',
      `${solver}: takes options such as { baseUrl }, and no key: put the key into SOLVEGUARD_KEY or createGuard({ secret }).`,
    )
  // A mistyped `baseUrl` must not lead to the real service.
  const fields = new Set([...FIELDS, ...moreOptions])
  const unknown = Object.keys(options).find((field) => !fields.has(field))
  if (unknown !== undefined) {
    const known = [...fields].join(', ')
    throw new SolveguardError(
      'CONFIG_INVALID',
      `${solver}: there is no option ${printable(unknown, 60)}, only ${known}.`,
    )
  }
  const { baseUrl, polling, trustCost } = options
  if (trustCost !== undefined && typeof trustCost !== 'boolean')
    throw new SolveguardError('CONFIG_INVALID', `${solver}: trustCost must be true or false.`)
  const { origin, prefix, loopback } = checkBaseUrl(baseUrl ?? usualBaseUrl, `${solver}: baseUrl`)
  if (polling) {
    const minMs = loopback ? 0 : MIN_POLL_MS
    for (const field of ['firstPollMs', 'everyMs'] as const) {
      const ms: unknown = polling[field]
      if (typeof ms !== 'number' || !(ms >= minMs && ms <= MAX_POLL_MS)) {
        throw new SolveguardError(
          'CONFIG_INVALID',
          `${solver}: polling.${field} must be a number of milliseconds from ${minMs} to ${MAX_POLL_MS}.`,
        )
      }
    }
  }
  return {
    baseUrl: origin + prefix,
    polling: polling && { firstPollMs: polling.firstPollMs, everyMs: polling.everyMs },
  }
}
