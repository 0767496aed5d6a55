import type { Family } from '../../base/challenge.js'
import type { Clock } from '../../base/clock.js'
import { messageOf } from '../../base/errors.js'
import type { Transport } from '../../egress/transport.js'
import type { BudgetClaim } from '../../ledger/ledger.js'
import type { Money } from '../../policy/money.js'
import type { Policy } from '../../policy/schema.js'
import { createSecretCache, type SecretCache, type SecretCacheOptions } from '../../secrets/cache.js'
import type { SecretProvider, SecretVersion } from '../../secrets/provider.js'
import type { Solver } from '../../solvers/solver.js'
import { denied } from '../errors.js'
import { Budget } from '../spending/budgets.js'
import { KeyRotation } from './key-rotation.js'
import { type LearnedTimes, PollSchedule } from './poll-schedule.js'

/** What an account is made of. Everything has been checked. */
export interface AccountParts {
  /** How it is called in budgets, records and the ledger. */
  readonly name: string
  readonly solver: Solver
  readonly secret: SecretProvider
  readonly secretCache?: Pick<SecretCacheOptions, 'ttlMs' | 'staleForMs'> | undefined
  readonly transport: (egress: Policy['egress']) => Transport
  /** The budget of its own that each of its solves draws on, where a guard has several accounts. */
  readonly claim?: Budget | undefined
  /** The dearest single solve here. */
  readonly perSolve?: Money | undefined
  /** Whether others use the key too, beyond what this ledger knows of. */
  readonly sharedKey?: boolean | undefined
}

const NO_BUDGETS: readonly string[] = []

/** One service with one key: what a solve is taken to. */
export class Account {
  readonly name: string
  readonly solver: Solver
  readonly secrets: SecretCache
  readonly secretPlace: string
  readonly keys: KeyRotation
  /** Which environment the key has to be of, and which others it may be of. */
  readonly environment: string | undefined
  readonly sharedWith: readonly string[]
  readonly claim: Budget | undefined
  readonly perSolve: Money | undefined
  readonly sharedKey: boolean
  readonly #pollSchedules = new Map<Family, PollSchedule>()
  readonly #learnedElsewhere = new Map<Family, LearnedTimes>()
  readonly #transportFor: AccountParts['transport']
  /** It has no budget of its own: most have none, and each solve asks several times. */
  readonly #hasNoBudget: boolean
  #threads: Budget | undefined
  readonly #paths = new WeakMap<readonly BudgetClaim[], readonly BudgetClaim[]>()
  readonly #transports = new Map<string, Transport>()
  #dueVersion: string | undefined

  /** @param onStale told when the secrets store is down and a cached key serves */
  constructor(parts: AccountParts, clock: Clock, onStale: NonNullable<SecretCacheOptions['onStale']>) {
    this.name = parts.name
    this.solver = parts.solver
    this.secretPlace = parts.secret.place
    this.environment = parts.secret.environment
    this.sharedWith = parts.secret.sharedWith ?? []
    this.claim = parts.claim
    this.perSolve = parts.perSolve
    this.#hasNoBudget = parts.claim === undefined && parts.solver.maxConcurrent === undefined
    this.sharedKey = parts.sharedKey ?? false
    this.#transportFor = parts.transport
    this.secrets = createSecretCache(parts.secret, { ...parts.secretCache, clock, onStale })
    this.keys = new KeyRotation(this.secrets)
  }

  /**
   * The threads that were paid for with a key, as a budget of slots: every guard of the ledger that has the key draws on it, whatever
   * its name is. Undefined where the user has not said how many there are.
   */
  threads({ value: { fingerprint } }: SecretVersion): Budget | undefined {
    const { name, maxConcurrent } = this.solver
    if (maxConcurrent === undefined) return undefined
    const id = `threads/${name}/${fingerprint}`
    if (this.#threads?.id !== id) this.#threads = new Budget(id, { concurrent: maxConcurrent })
    return this.#threads
  }

  /** The ids of the budgets that are this account's own. */
  ownBudgetIds(key: SecretVersion): readonly string[] {
    if (this.#hasNoBudget) return NO_BUDGETS
    return [this.claim, this.threads(key)].flatMap((budget) => budget?.id ?? [])
  }

  /** A grant's claims with those on the account: the same list for as long as they are the same. */
  path(claims: readonly BudgetClaim[], key: SecretVersion, now: number): readonly BudgetClaim[] {
    if (this.#hasNoBudget) return claims
    const own = [this.claim, this.threads(key)].flatMap((budget) => budget?.at(now) ?? [])
    const known = this.#paths.get(claims)
    if (known && own.every((claim, i) => known[known.length - own.length + i] === claim)) return known
    const path = [...claims, ...own]
    this.#paths.set(claims, path)
    return path
  }

  /** When to ask for tasks of a family: what has been learned so far. */
  pollSchedule(family: Family): PollSchedule {
    const known = this.#pollSchedules.get(family)
    if (known) return known
    const schedule = new PollSchedule(this.solver.polling({ family }))
    const learned = this.#learnedElsewhere.get(family)
    if (learned) schedule.seed(learned)
    this.#pollSchedules.set(family, schedule)
    return schedule
  }

  /** What other processes have learned of a family: this one begins with it. */
  seedPollSchedule(family: Family, learned: LearnedTimes): void {
    this.#learnedElsewhere.set(family, learned)
    this.#pollSchedules.get(family)?.seed(learned)
  }

  /** What was learned, by family. */
  get pollSchedules(): ReadonlyMap<Family, PollSchedule> {
    return this.#pollSchedules
  }

  /** The way out that a policy asks for. */
  transport(egress: Policy['egress']): Transport {
    const key = JSON.stringify(egress)
    const known = this.#transports.get(key)
    if (known) return known
    if (egress.proxies.length > 1 || egress.localAddresses.length > 1) {
      throw denied(
        'EGRESS_CONFLICT',
        'Two policies on the path each require another way out; set policy.egress in one place.',
      )
    }
    const transport = this.#transportFor(egress)
    this.#transports.set(key, transport)
    return transport
  }

  /** The same, for telling: a way out that cannot be taken is no reason to tell nothing. */
  describeRoute(egress: Policy['egress']): Pick<Transport, 'route' | 'address'> {
    try {
      const { route, address } = this.transport(egress)
      return { route, address }
    } catch (error) {
      return { route: messageOf(error) }
    }
  }

  /** The key, if it has just been found to be due for rotation: once for each version. */
  newlyDue(rotateEveryMs: number | undefined, now: number): SecretVersion | undefined {
    const key = rotateEveryMs === undefined ? undefined : this.secrets.peek(now)?.current
    if (!key?.createdAt || key.version === this.#dueVersion || now - key.createdAt < (rotateEveryMs ?? 0)) return
    this.#dueVersion = key.version
    return key
  }

  /** Ends every connection; what is being sent fails. */
  async closeTransports(): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()))
  }
}
