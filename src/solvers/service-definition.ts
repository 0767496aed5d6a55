import type { Family } from '../base/challenge.js'
import { missingFrom, type Offer } from './capabilities.js'
import type { ErrorTable } from './errors.js'
import { LIST_PRICES } from './list-prices.js'
import { checkOptions, type SolverOptions } from './options.js'
import { proxyUnsupported, type ThroughProxy } from './page-proxy.js'
import { priceList } from './pricing-options.js'
import type { Habits } from './reply.js'
import type { Patience, Solver } from './solver.js'

/** One service's row: what it can do, how patient it is, and its own words for errors. Its prices stand in `prices.ts`. */
export interface ServiceRow {
  readonly name: keyof typeof LIST_PRICES
  readonly baseUrl: string
  readonly offer: Offer
  readonly throughProxy: ThroughProxy
  /** What most families need, and those that need something else. */
  readonly patience: Patience
  readonly patienceFor?: { readonly [family in Family]?: Patience }
  readonly errors: ErrorTable
  readonly unreadableRetryMs: number
  readonly serverErrorRetryMs: number
  readonly addressHelp: string
}

type Common = Pick<
  Solver,
  | 'name'
  | 'baseUrl'
  | 'patience'
  | 'unsupported'
  | 'proxyUnsupported'
  | 'price'
  | 'threads'
  | 'mostAtATime'
  | 'addressHelp'
>

/**
 * What all solvers have in common, from a service's row and its user's options.
 * @param more options that this service takes besides the usual ones
 * @throws SolveguardError `CONFIG_INVALID`, which names the option
 */
export function fromRow(
  row: ServiceRow,
  options: SolverOptions,
  more: readonly string[] = [],
): { readonly common: Common; readonly habits: Habits } {
  const { name, offer, addressHelp, errors, unreadableRetryMs, serverErrorRetryMs } = row
  const { baseUrl, patience } = checkOptions(name, options, row.baseUrl, more)
  const listed = LIST_PRICES[name].pricing
  const pricing = options.pricing === undefined ? listed : options.pricing
  return {
    common: {
      name,
      baseUrl,
      patience: ({ family }) => patience ?? row.patienceFor?.[family] ?? row.patience,
      unsupported: (challenge) => missingFrom(offer, challenge),
      proxyUnsupported: (challenge, proxy) => proxyUnsupported(row.throughProxy, baseUrl, challenge, proxy),
      price: priceList(pricing, name, listed),
      threads: pricing.per === 'thread' ? pricing.threads : undefined,
      mostAtATime: options.pricing?.per === 'thread' ? options.pricing.threads : undefined,
      addressHelp,
    },
    habits: { errors, unreadableRetryMs, serverErrorRetryMs, pricesCount: pricing.per === 'solve' },
  }
}
