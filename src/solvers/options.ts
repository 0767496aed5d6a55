import { printable, SolveguardError } from '../base/errors.js'
import { checkBaseUrl } from '../base/service-url.js'
import type { Pricing } from './pricing-options.js'
import type { Polling } from './solver.js'

/** What every solver takes. */
export interface SolverOptions {
  /** Where the service is, if not at its usual address: `https:`, or `http:` on a loopback address. */
  readonly baseUrl?: string | undefined
  /** What it charges, if not its list price. */
  readonly pricing?: Pricing | undefined
  /**
   * How often to ask for an answer: for a service of your own, or a stand-in. The vendors block clients that ask more
   * often than their manners allow, so less than a second is for loopback addresses only.
   */
  readonly polling?: Polling | undefined
}

const MIN_POLL_MS = 1_000
const MAX_POLL_MS = 10 * 60_000
const FIELDS = ['baseUrl', 'pricing', 'polling'] as const satisfies readonly (keyof SolverOptions)[]

/**
 * The base address without its trailing slash, and the polling if there is one.
 * @param more what this solver takes besides the usual options
 * @throws SolveguardError `CONFIG_INVALID`, which names the field
 */
export function checkOptions(
  solver: string,
  options: SolverOptions,
  usualBaseUrl: string,
  more: readonly string[] = [],
): { readonly baseUrl: string; readonly polling: Polling | undefined } {
  // A text in place of options has its characters as fields.
  if (
    typeof options !== 'object' ||
    options === null ||
    Object.keys(options).some((field) => /^(0|(api)?key)$/i.test(field))
  )
    throw new SolveguardError(
      'CONFIG_INVALID',
      `${solver}: takes options such as { baseUrl }, and no key: put the key into SOLVEGUARD_KEY, or say where it is by createGuard({ secret }).`,
    )
  // A mistyped `baseUrl` must not lead to the real service.
  const fields = new Set([...FIELDS, ...more])
  const unknown = Object.keys(options).find((field) => !fields.has(field))
  if (unknown !== undefined) {
    const known = [...fields].join(', ')
    throw new SolveguardError(
      'CONFIG_INVALID',
      `${solver}: there is no option ${printable(unknown, 60)}, only ${known}.`,
    )
  }
  const { baseUrl, polling } = options
  const { origin, prefix, loopback } = checkBaseUrl(baseUrl ?? usualBaseUrl, `${solver}: baseUrl`)
  if (polling) {
    const least = loopback ? 0 : MIN_POLL_MS
    for (const field of ['firstPollMs', 'everyMs'] as const) {
      const ms: unknown = polling[field]
      if (typeof ms !== 'number' || !(ms >= least && ms <= MAX_POLL_MS)) {
        throw new SolveguardError(
          'CONFIG_INVALID',
          `${solver}: polling.${field} must be a number of milliseconds from ${least} to ${MAX_POLL_MS}.`,
        )
      }
    }
  }
  return {
    baseUrl: origin + prefix,
    polling: polling && { firstPollMs: polling.firstPollMs, everyMs: polling.everyMs },
  }
}
