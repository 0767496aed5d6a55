import { waitAtMost } from '../../base/timeout.js'
import type { Fact } from '../../ledger/ledger.js'
import type { TokenLink } from '../../tokens/claims.js'
import { withLedgerTimeout } from '../ledger-timeout.js'
import type { GuardContext } from '../ports.js'
import { revocationOf, stopDenial } from '../spending/stops.js'

/** How long a check waits for the ledger where what is known will do, in ms. */
const PATIENCE_MS = 1_000

/** How much a check has to know. */
export interface RevocationCheck {
  /** How old the knowledge may be, in ms. 0: the ledger is asked now. `Infinity`: it is not asked. */
  readonly maxAgeMs: number
  /** Whether what is known will do while the ledger does not answer: nothing can be revoked meanwhile. */
  readonly staleOk: boolean
}

/**
 * The revoked links of a guard's tokens, as the ledger has them. A reservation asks the ledger itself, in the same
 * operation; this is for what reserves nothing.
 */
export class Revocations {
  readonly #deps: Pick<GuardContext, 'name' | 'clock' | 'ledger'>
  readonly #scope: string
  /** By the id of the link. */
  #known = new Map<string, Pick<Fact, 'name' | 'value'>>()
  /** What this process has revoked, by the id of the link, with the last question that was asked before. */
  readonly #own = new Map<string, { readonly value: string; readonly asked: number }>()
  /** When the ledger was asked for what is known, monotonic ms. */
  #askedAt = Number.NEGATIVE_INFINITY
  /** The questions so far, and the one whose reply is known: a reply that another has overtaken says less. */
  #asked = 0
  #answered = 0
  #asking: Promise<void> | undefined
  /** Whether the last question that polls share had no answer in time. */
  #isAway = false

  constructor(deps: Pick<GuardContext, 'name' | 'clock' | 'ledger'>) {
    this.#deps = deps
    this.#scope = revocationOf(deps.name, '').scope
  }

  /**
   * @throws DeniedError `TOKEN_REVOKED`; `LEDGER_UNAVAILABLE`
   */
  async check(links: readonly Pick<TokenLink, 'id'>[], { maxAgeMs, staleOk }: RevocationCheck): Promise<void> {
    const { clock } = this.#deps
    if (!staleOk) await withLedgerTimeout(clock, this.#ask())
    else if (maxAgeMs === 0)
      await waitAtMost(
        this.#ask().catch(() => {}),
        clock,
        PATIENCE_MS,
      )
    else if (!this.isKnown(maxAgeMs)) await this.#refresh()
    this.checkKnown(links)
  }

  /** Whether what is known is no older than that, so that the ledger need not be asked. */
  isKnown(maxAgeMs: number): boolean {
    return maxAgeMs > 0 && this.#deps.clock.monotonic() - this.#askedAt <= maxAgeMs
  }

  /** @throws DeniedError `TOKEN_REVOKED`, by what is known */
  checkKnown(links: readonly Pick<TokenLink, 'id'>[]): void {
    for (const { id } of links) {
      const fact = this.#known.get(id)
      if (fact) throw stopDenial({ fact: { scope: this.#scope, ...fact } })
    }
  }

  /** What this process has just revoked. The replies to questions of before may lack it. */
  add(id: string, value: string): void {
    this.#own.set(id, { value, asked: this.#asked })
    this.#known.set(id, { name: id, value })
  }

  /** One question for all that ask at the same time. A ledger that does not answer is not waited for by each. */
  async #refresh(): Promise<void> {
    const { clock } = this.#deps
    const isOverdue = this.#isAway
    this.#asking ??= this.#ask()
      .then(
        () => {
          this.#isAway = false
        },
        () => {
          this.#isAway = true
        },
      )
      .finally(() => {
        this.#asking = undefined
      })
    if (isOverdue) return
    await withLedgerTimeout(clock, this.#asking, PATIENCE_MS).catch(() => {
      this.#isAway = true
    })
  }

  async #ask(): Promise<void> {
    const { clock, ledger } = this.#deps
    const askedAt = clock.monotonic()
    const question = ++this.#asked
    const facts = await ledger.listFacts(this.#scope, clock.now())
    if (question < this.#answered) return
    this.#answered = question
    this.#askedAt = askedAt
    this.#known = new Map(facts.map((fact) => [fact.name, fact]))
    for (const [id, { value, asked }] of this.#own) {
      if (question > asked) this.#own.delete(id)
      else this.#known.set(id, { name: id, value })
    }
  }
}
