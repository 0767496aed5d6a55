import { counted } from '../../base/counted.js'
import { type DeniedError, SolveguardError } from '../../base/errors.js'
import type { GrantContext } from '../admission/grant-context.js'
import { denied } from '../errors.js'
import type { GuardContext, Notifier } from '../ports.js'

/** The alert comes when one page load was denied this often, for its origin's amount or for the rate. */
const DENIALS_BEFORE_ALERT = 3

/** The counts of one page load. */
interface LoadCount {
  /** Solves that are under way, or have cost something. */
  solves: number
  /** Denials because it asked for too many solves. */
  denials: number
  /** Whether its alert was raised. */
  suspected: boolean
}

/** What the page limits need from the guard. */
export interface PageLimitsDeps extends Pick<GuardContext, 'name'>, Pick<Notifier, 'alert'> {}

/**
 * Counts solves by page load. The counts are of this process, like the page. The caller identifies a page load by an
 * object, the same for all its solves; the counts are garbage collected with that object.
 */
export class PageLimits {
  readonly #deps: PageLimitsDeps
  readonly #loads = new WeakMap<object, LoadCount>()

  constructor(deps: PageLimitsDeps) {
    this.#deps = deps
  }

  /**
   * Counts a solve. A solve without a page load is the only one of its load, and is not counted.
   * @throws DeniedError `PAGE_LIMIT_REACHED`
   */
  count({ policy }: GrantContext, pageLoad: object | undefined): void {
    if (pageLoad === undefined) return
    this.check({ policy }, pageLoad)
    this.#of(pageLoad).solves++
  }

  /**
   * Whether a solve would be counted. Changes nothing.
   * @throws DeniedError `PAGE_LIMIT_REACHED`
   */
  check({ policy }: Pick<GrantContext, 'policy'>, pageLoad: object | undefined): void {
    if (pageLoad === undefined) return
    const { solves } = this.#of(pageLoad)
    const { perPage } = policy.budget
    if (perPage === undefined || solves < perPage) return
    throw denied(
      'PAGE_LIMIT_REACHED',
      `This page load has used ${solves} of the ${counted(perPage, 'solve')} that policy.budget.perPage allows.`,
      undefined,
      { details: { limit: perPage, used: solves } },
    )
  }

  /** A solve cost nothing: it does not count for its page load. */
  uncount(pageLoad: object | undefined): void {
    if (pageLoad !== undefined) this.#of(pageLoad).solves--
  }

  /** Counts a denial. Raises one alert for a page load that asks for more solves than it may have. */
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
    const counts = `${counted(solves, 'solve')}, and ${denials} denied (${code})`
    this.#deps.alert(
      'PAGE_DRAIN_SUSPECTED',
      `A page of ${origin} asks for more solves than its budget allows: ${counts}.`,
      { origin, solves, denials },
    )
  }

  #of(pageLoad: object): LoadCount {
    const known = this.#loads.get(pageLoad)
    if (known) return known
    if (typeof pageLoad !== 'object' || pageLoad === null) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        'options.pageLoad: expected an object, the same one for all solves of a page load.',
      )
    }
    const load = { solves: 0, denials: 0, suspected: false }
    this.#loads.set(pageLoad, load)
    return load
  }
}
