import { type DeniedError, SolveguardError } from '../../base/errors.js'
import type { GrantContext } from '../admission/grant-context.js'
import { denied } from '../errors.js'
import type { GuardContext, Notifier } from '../ports.js'

/** How often one page load is denied for its origin's amount, or for the rate, before it is told of. */
const DENIALS_BEFORE_ALERT = 3

/** What became of one load of a page so far. */
interface LoadCount {
  /** Solves under way, or that something was spent on. */
  solves: number
  /** Denials because it asks for too many. */
  denials: number
  suspected: boolean
}

/** What it takes of the guard. */
export interface PageLimitsDeps extends Pick<GuardContext, 'name'>, Pick<Notifier, 'alert'> {}

/**
 * Counts solves by page load, in this process: that is where a page lives. What a page load is, its caller knows; here it is an
 * object that is the same for all solves of one, and nothing is kept of it once nobody else has it.
 */
export class PageLimits {
  readonly #deps: PageLimitsDeps
  readonly #loads = new WeakMap<object, LoadCount>()

  constructor(deps: PageLimitsDeps) {
    this.#deps = deps
  }

  /**
   * Counts a solve. One without a page load is the only one of its own.
   * @throws DeniedError `PAGE_LIMIT_REACHED`
   */
  count({ policy }: GrantContext, pageLoad: object | undefined): void {
    if (pageLoad === undefined) return
    const load = this.#of(pageLoad)
    const { perPage } = policy.budget
    if (perPage !== undefined && load.solves >= perPage) {
      throw denied(
        'PAGE_LIMIT_REACHED',
        `This load of the page has had ${load.solves} of the ${perPage} solves that policy.budget.perPage allows.`,
        undefined,
        { details: { limit: perPage, used: load.solves } },
      )
    }
    load.solves++
  }

  /** Nothing was spent on a solve: it is none of its page's. */
  uncount(pageLoad: object | undefined): void {
    if (pageLoad !== undefined) this.#of(pageLoad).solves--
  }

  /** Takes in that a page was denied a solve. One that asks for more than it may have is told of, once. */
  denied(pageLoad: object | undefined, origin: string, { code, details }: DeniedError): void {
    if (pageLoad === undefined) return
    const hitsPage = code === 'PAGE_LIMIT_REACHED'
    const hitsOrigin = code === 'BUDGET_EXHAUSTED' && details?.budgetId === `${this.#deps.name}@${origin}`
    if (!hitsPage && !hitsOrigin && code !== 'RATE_EXCEEDED') return
    const load = this.#of(pageLoad)
    load.denials++
    if (load.suspected || !(hitsPage || load.denials >= DENIALS_BEFORE_ALERT)) return
    load.suspected = true
    const { solves, denials } = load
    this.#deps.alert(
      'PAGE_DRAIN_SUSPECTED',
      `A page of ${origin} puts up more challenges than its budget allows: it had ${solves} solves, and ${denials} more were denied (${code}).`,
      { origin, solves, denials },
    )
  }

  #of(pageLoad: object): LoadCount {
    const known = this.#loads.get(pageLoad)
    if (known) return known
    if (typeof pageLoad !== 'object' || pageLoad === null) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        'options.pageLoad: expected an object, the same for one load of a page.',
      )
    }
    const load = { solves: 0, denials: 0, suspected: false }
    this.#loads.set(pageLoad, load)
    return load
  }
}
