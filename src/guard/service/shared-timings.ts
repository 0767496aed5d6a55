import { z } from 'zod'
import { type Family, VARIANTS } from '../../base/challenge.js'
import type { Learnt } from '../accounts/poll-schedule.js'
import type { GuardRuntime } from '../runtime.js'

const KEPT_MS = 7 * 86_400_000

/** A ledger is shared: what stands there is believed within bounds, and moves no poll beyond a service's manners. */
const LEARNT = z.object({
  mu: z.number().min(0).max(16),
  sigma: z.number().min(0.05).max(2),
  seen: z.number().min(1).max(1_000),
})

/**
 * How long tasks take, handed on in facts of the ledger: a process that has seen none begins with what others have learnt, by account and
 * family.
 */
export class Experience {
  readonly #core: GuardRuntime
  /** What was told last, by the fact's name. */
  readonly #told = new Map<string, string>()

  constructor(core: GuardRuntime) {
    this.#core = core
  }

  /** Hears of others, and tells what is new here. */
  async share(): Promise<void> {
    await this.listen()
    await this.tell()
  }

  async listen(): Promise<void> {
    const { accounts, clock, ledger } = this.#core
    for (const { name, value } of await ledger.listFacts(this.#scope, clock.now())) {
      const at = name.lastIndexOf('/')
      const family = name.slice(at + 1)
      const learnt = read(value)
      if (!learnt || !Object.hasOwn(VARIANTS, family)) continue
      accounts.find((account) => account.name === name.slice(0, at))?.hear(family as Family, learnt)
    }
  }

  async tell(): Promise<void> {
    const { accounts, clock, ledger } = this.#core
    for (const { name: account, paces } of accounts) {
      for (const [family, { learnt }] of paces) {
        const name = `${account}/${family}`
        const value = JSON.stringify(learnt)
        if (!learnt || value === this.#told.get(name)) continue
        this.#told.set(name, value)
        await ledger.setFact({ scope: this.#scope, name, value, ttlMs: KEPT_MS }, clock.now())
      }
    }
  }

  get #scope(): string {
    return `solve-times:${this.#core.name}`
  }
}

function read(value: string): Learnt | undefined {
  try {
    return LEARNT.parse(JSON.parse(value))
  } catch {
    return undefined
  }
}
