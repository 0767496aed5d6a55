import type { Clock } from '../../base/clock.js'
import type { Solution } from '../../guard/types.js'
import { ZERO } from '../../policy/money.js'

/** A solution that was bought, and when. */
export interface Bought {
  readonly solution: Solution
  readonly requestAt: Date
  readonly responseAt: Date
}

const EXTERNAL_TTL_MS = 120_000
/** A solution that expires sooner is bought anew: it has to be entered and sent yet. */
const MIN_LEFT_MS = 10_000

interface Purchase {
  readonly buying: Promise<Bought>
  bought?: Bought
}

/**
 * The solutions of a page that were bought and are not entered yet, by widget: a script that asks for one again,
 * after an error for example, gets the one that is paid for.
 */
export class BoughtSolutions {
  readonly #clock: Clock
  readonly #purchases = new Map<string, Purchase>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The solution of a widget; buys it only where there is none. Rejects as `buy` does. */
  getOrBuy(id: string, buy: () => Promise<Solution>): Promise<Bought> {
    const known = this.find(id)
    if (known) return known
    const purchase: Purchase = { buying: timed(this.#clock, buy) }
    this.#purchases.set(id, purchase)
    purchase.buying.then(
      (bought) => {
        purchase.bought = bought
      },
      () => this.#forget(id, purchase),
    )
    return purchase.buying
  }

  /** The solution of a widget that is being bought, or was, and is still valid; undefined if there is none. */
  find(id: string): Promise<Bought> | undefined {
    const purchase = this.#purchases.get(id)
    if (!purchase?.bought) return purchase?.buying
    return purchase.bought.solution.expiresAt.getTime() - this.#clock.now() >= MIN_LEFT_MS ? purchase.buying : undefined
  }

  /** Forgets a solution that is in the page. */
  entered(id: string, solution: Solution): void {
    const purchase = this.#purchases.get(id)
    if (purchase?.bought?.solution === solution) this.#forget(id, purchase)
  }

  #forget(id: string, purchase: Purchase): void {
    if (this.#purchases.get(id) === purchase) this.#purchases.delete(id)
  }
}

async function timed(clock: Clock, buy: () => Promise<Solution>): Promise<Bought> {
  const requestAt = new Date(clock.now())
  return { solution: await buy(), requestAt, responseAt: new Date(clock.now()) }
}

/** A token that was not bought here: it costs nothing, and cannot be reported to a service. */
export function externalSolution(clock: Clock, token: string): Solution {
  return {
    token,
    cost: ZERO,
    imputed: false,
    taskId: '',
    expiresAt: new Date(clock.now() + EXTERNAL_TTL_MS),
    reportGood: async () => {},
    reportBad: async () => {},
  }
}
