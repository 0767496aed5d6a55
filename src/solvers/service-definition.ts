import type { Family, Variant } from '../base/challenge.js'
import { type Capabilities, unsupportedBy } from './capabilities.js'
import type { ErrorTable } from './errors.js'
import { LIST_PRICES } from './list-prices.js'
import { checkSolverOptions, type SolverOptions } from './options.js'
import { type ProxySupport, proxyUnsupported } from './page-proxy.js'
import { priceFunction } from './pricing-options.js'
import type { ReplyRules } from './reply.js'
import type { KeyFormat, Polling, Solver } from './solver.js'

/**
 * One service: what it solves, how often it may be polled, and its own meanings of error codes. Its prices are in
 * `list-prices.ts`.
 */
export interface ServiceDefinition {
  readonly name: keyof typeof LIST_PRICES
  readonly baseUrl: string
  readonly capabilities: Capabilities
  readonly proxy: ProxySupport
  /** For most families. */
  readonly polling: Polling
  /** For the families, or the variants (`recaptcha/v3`), that need something else. */
  readonly pollingFor?: { readonly [kind in Family | `${Family}/${Variant}`]?: Polling }
  readonly errors: ErrorTable
  /** How long to wait after a reply that could not be read, ms. */
  readonly unreadableRetryMs: number
  /** How long to wait after an HTTP error of the server, ms. */
  readonly serverErrorRetryMs: number
  readonly addressHelp: string
  /** Undefined where the service does not publish it. */
  readonly keyFormat: KeyFormat | undefined
}

/** A format that several services have. */
export const CHARACTERS_32: KeyFormat = { pattern: /^.{32}$/, description: '32 characters' }

type Common = Pick<
  Solver,
  | 'name'
  | 'baseUrl'
  | 'polling'
  | 'unsupported'
  | 'proxyUnsupported'
  | 'price'
  | 'trustCost'
  | 'threads'
  | 'maxConcurrent'
  | 'addressHelp'
  | 'keyFormat'
>

/**
 * What all solvers have in common, from a service's definition and the user's options.
 * @param moreOptions the names of options that this service takes in addition
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 */
export function fromDefinition(
  definition: ServiceDefinition,
  options: SolverOptions,
  moreOptions: readonly string[] = [],
): { readonly common: Common; readonly rules: ReplyRules } {
  const { name, capabilities, addressHelp, errors, unreadableRetryMs, serverErrorRetryMs } = definition
  const { baseUrl, polling } = checkSolverOptions(name, options, definition.baseUrl, moreOptions)
  const listed = LIST_PRICES[name].pricing
  const pricing = options.pricing === undefined ? listed : options.pricing
  return {
    common: {
      name,
      baseUrl,
      polling({ family, variant }) {
        const { pollingFor = {} } = definition
        const own = variant === undefined ? undefined : pollingFor[`${family}/${variant}`]
        return polling ?? own ?? pollingFor[family] ?? definition.polling
      },
      unsupported: (challenge) => unsupportedBy(capabilities, challenge),
      proxyUnsupported: (challenge, proxy) => proxyUnsupported(definition.proxy, baseUrl, challenge, proxy),
      price: priceFunction(pricing, name, listed),
      trustCost: options.trustCost ?? false,
      threads: pricing.per === 'thread' ? pricing.threads : undefined,
      maxConcurrent: options.pricing?.per === 'thread' ? options.pricing.threads : undefined,
      addressHelp,
      // Another service that imitates this one may have keys of another kind.
      keyFormat: baseUrl === definition.baseUrl ? definition.keyFormat : undefined,
    },
    rules: { errors, unreadableRetryMs, serverErrorRetryMs, usesReportedPrices: pricing.per === 'solve' },
  }
}
