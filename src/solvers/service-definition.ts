import type { Family } from '../base/challenge.js'
import { type Capabilities, unsupportedBy } from './capabilities.js'
import type { ErrorTable } from './errors.js'
import { LIST_PRICES } from './list-prices.js'
import { checkOptions, type SolverOptions } from './options.js'
import { type ProxySupport, proxyUnsupported } from './page-proxy.js'
import { priceFunction } from './pricing-options.js'
import type { ReplyRules } from './reply.js'
import type { Polling, Solver } from './solver.js'

/** One service's row: what it can do, how patient it is, and its own words for errors. Its prices stand in `prices.ts`. */
export interface ServiceDefinition {
  readonly name: keyof typeof LIST_PRICES
  readonly baseUrl: string
  readonly capabilities: Capabilities
  readonly proxy: ProxySupport
  /** What most families need, and those that need something else. */
  readonly polling: Polling
  readonly pollingFor?: { readonly [family in Family]?: Polling }
  readonly errors: ErrorTable
  readonly unreadableRetryMs: number
  readonly serverErrorRetryMs: number
  readonly addressHelp: string
}

type Common = Pick<
  Solver,
  | 'name'
  | 'baseUrl'
  | 'polling'
  | 'unsupported'
  | 'proxyUnsupported'
  | 'price'
  | 'threads'
  | 'maxConcurrent'
  | 'addressHelp'
>

/**
 * What all solvers have in common, from a service's row and its user's options.
 * @param more options that this service takes besides the usual ones
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 */
export function fromDefinition(
  row: ServiceDefinition,
  options: SolverOptions,
  more: readonly string[] = [],
): { readonly common: Common; readonly rules: ReplyRules } {
  const { name, capabilities, addressHelp, errors, unreadableRetryMs, serverErrorRetryMs } = row
  const { baseUrl, polling } = checkOptions(name, options, row.baseUrl, more)
  const listed = LIST_PRICES[name].pricing
  const pricing = options.pricing === undefined ? listed : options.pricing
  return {
    common: {
      name,
      baseUrl,
      polling: ({ family }) => polling ?? row.pollingFor?.[family] ?? row.polling,
      unsupported: (challenge) => unsupportedBy(capabilities, challenge),
      proxyUnsupported: (challenge, proxy) => proxyUnsupported(row.proxy, baseUrl, challenge, proxy),
      price: priceFunction(pricing, name, listed),
      threads: pricing.per === 'thread' ? pricing.threads : undefined,
      maxConcurrent: options.pricing?.per === 'thread' ? options.pricing.threads : undefined,
      addressHelp,
    },
    rules: { errors, unreadableRetryMs, serverErrorRetryMs, usesReportedPrices: pricing.per === 'solve' },
  }
}
