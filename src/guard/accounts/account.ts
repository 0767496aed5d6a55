import type { AnyChallenge, Family, Variant } from '../../base/challenge.js'
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
import type { SpendingMeter } from '../spending/meter.js'
import { KeyRotation } from './key-rotation.js'
import { type LearnedTimes, PollSchedule } from './poll-schedule.js'
import { RecentTexts } from './recent-texts.js'

/** The parts of an account, already validated. */
export interface AccountParts {
  /** The account's name in budgets, audit records and the ledger. */
  readonly name: string
  readonly solver: Solver
  readonly secret: SecretProvider
  readonly secretCache?: Pick<SecretCacheOptions, 'ttlMs' | 'staleForMs'> | undefined
  readonly transport: (egress: Policy['egress']) => Transport
  /** The account's own budget, where a guard has several accounts. Each solve of the account draws on it. */
  readonly claim?: Budget | undefined
  /** The highest price of a single solve with this account, in micro-dollars. */
  readonly perSolve?: Money | undefined
  /** Whether the key is also used outside this ledger. */
  readonly sharedKey?: boolean | undefined
  /** Counts what this process spends, where a host asks for that. */
  readonly meter?: Pick<SpendingMeter, 'budget'> | undefined
}

const NO_BUDGETS: readonly string[] = []
const DAY_MS = 86_400_000
/** How many ids of tasks are remembered at least. More of them would slow down every solve. */
const TASK_IDS = 2_000

/** Tasks that are polled alike: of a family, or of a variant whose times differ from its family's. */
export type PollKind = Family | `${Family}/${Variant}`

/** A kind of challenge, as a service offers it or not. A solve through a proxy is another kind of task. */
export function kindOf({ family, variant }: Pick<AnyChallenge, 'family' | 'variant'>, isByProxy: boolean): string {
  return `${family} (${variant})${isByProxy ? ' through a proxy' : ''}`
}

/** One service with one key. Each solve is sent to one account. */
export class Account {
  readonly name: string
  readonly solver: Solver
  readonly secrets: SecretCache
  readonly secretPlace: string
  readonly keys: KeyRotation
  /** The environment that the key must belong to. `sharedWith` lists the others that it may belong to. */
  readonly environment: string | undefined
  readonly sharedWith: readonly string[]
  readonly claim: Budget | undefined
  readonly perSolve: Money | undefined
  readonly sharedKey: boolean
  readonly #pollSchedules = new Map<PollKind, PollSchedule>()
  /** The same schedules by family and variant: each solve asks for one, and the solver's table need not be searched. */
  readonly #schedulesByVariant = new Map<Family, Map<Variant | undefined, PollSchedule>>()
  readonly #learnedElsewhere = new Map<PollKind, LearnedTimes>()
  readonly #transportFor: AccountParts['transport']
  /** Most accounts have no budget of their own, and each solve asks several times: computed once. */
  readonly #hasNoBudget: boolean
  readonly #meter: AccountParts['meter']
  #threads: Budget | undefined
  readonly #paths = new WeakMap<readonly BudgetClaim[], readonly BudgetClaim[]>()
  readonly #transports = new Map<string, Transport>()
  /** Kinds of challenges that the service said it no longer does, and until when that is remembered; monotonic ms. */
  readonly #notOffered = new Map<string, number>()
  /** The ids of the latest tasks that the service has given out to this process. */
  readonly taskIds = new RecentTexts(TASK_IDS)
  #dueVersion: string | undefined

  /** @param onStale called when the secrets store is down and a cached key is used instead */
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
    this.#meter = parts.meter
    this.#transportFor = parts.transport
    this.secrets = createSecretCache(parts.secret, { ...parts.secretCache, clock, onStale })
    this.keys = new KeyRotation(this.secrets)
  }

  /**
   * Concurrency limit of the paid threads, as a ledger budget shared by all guards that use this key, whatever their
   * names are. Undefined when the user has not set the number of threads.
   */
  threads({ value: { fingerprint } }: SecretVersion): Budget | undefined {
    const { name, maxConcurrent } = this.solver
    if (maxConcurrent === undefined) return undefined
    const id = `threads/${name}/${fingerprint}`
    if (this.#threads?.id !== id) this.#threads = new Budget(id, { concurrent: maxConcurrent })
    return this.#threads
  }

  /** The ids of this account's own budgets, as far as its key is known. */
  ownBudgetIds(key: SecretVersion | undefined): readonly string[] {
    if (this.#hasNoBudget) return NO_BUDGETS
    return [this.claim, key && this.threads(key)].flatMap((budget) => budget?.id ?? [])
  }

  /** A grant's claims plus the account's own. Returns the same list object until one of the claims changes. */
  path(claims: readonly BudgetClaim[], key: SecretVersion | undefined, now: number): readonly BudgetClaim[] {
    if (this.#hasNoBudget && !this.#meter) return claims
    const own = [this.claim, key && this.threads(key), this.#meter?.budget].flatMap((budget) => budget?.at(now) ?? [])
    const known = this.#paths.get(claims)
    if (known && own.every((claim, i) => known[known.length - own.length + i] === claim)) return known
    const path = [...claims, ...own]
    this.#paths.set(claims, path)
    return path
  }

  /** Remembers for a day that the service no longer does a kind of challenge. @returns whether that is new */
  markNotOffered(kind: string, monotonic: number): boolean {
    const isNew = monotonic >= (this.#notOffered.get(kind) ?? 0)
    this.#notOffered.set(kind, monotonic + DAY_MS)
    return isNew
  }

  /** The kind of a challenge, if the service said within the last day that it no longer does it. */
  notOffered(challenge: AnyChallenge, isByProxy: boolean, clock: Pick<Clock, 'monotonic'>): string | undefined {
    if (this.#notOffered.size === 0) return undefined
    const kind = kindOf(challenge, isByProxy)
    return clock.monotonic() < (this.#notOffered.get(kind) ?? 0) ? kind : undefined
  }

  /** When to poll for tasks of a family, or of one of its variants, from the times learned so far. */
  pollSchedule(family: Family, variant?: Variant): PollSchedule {
    const known = this.#schedulesByVariant.get(family)?.get(variant)
    if (known) return known
    const schedule = this.#scheduleOfKind(family, variant)
    const byVariant = this.#schedulesByVariant.get(family) ?? new Map<Variant | undefined, PollSchedule>()
    this.#schedulesByVariant.set(family, byVariant.set(variant, schedule))
    return schedule
  }

  #scheduleOfKind(family: Family, variant: Variant | undefined): PollSchedule {
    const polling = this.solver.polling({ family, variant })
    const isOwn = variant !== undefined && polling !== this.solver.polling({ family })
    const kind: PollKind = isOwn ? `${family}/${variant}` : family
    const known = this.#pollSchedules.get(kind)
    if (known) return known
    const schedule = new PollSchedule(polling)
    const learned = this.#learnedElsewhere.get(kind)
    if (learned) schedule.seed(learned)
    this.#pollSchedules.set(kind, schedule)
    return schedule
  }

  /** Sets the times that other processes have learned for a kind of task. This process starts from them. */
  seedPollSchedule(kind: PollKind, learned: LearnedTimes): void {
    this.#learnedElsewhere.set(kind, learned)
    this.#pollSchedules.get(kind)?.seed(learned)
  }

  /** The poll schedules, by kind of task. */
  get pollSchedules(): ReadonlyMap<PollKind, PollSchedule> {
    return this.#pollSchedules
  }

  /** The transport for the egress that a policy requires. */
  transport(egress: Policy['egress']): Transport {
    const key = JSON.stringify(egress)
    const known = this.#transports.get(key)
    if (known) return known
    if (egress.proxies.length > 1 || egress.localAddresses.length > 1) {
      throw denied(
        'EGRESS_CONFLICT',
        'Two policies on the path each require a different egress; set policy.egress in one place.',
      )
    }
    const transport = this.#transportFor(egress)
    this.#transports.set(key, transport)
    return transport
  }

  /** The route as text, for a status. When the transport cannot be created, the error's message is the route. */
  describeRoute(egress: Policy['egress']): Pick<Transport, 'route' | 'address'> {
    try {
      const { route, address } = this.transport(egress)
      return { route, address }
    } catch (error) {
      return { route: messageOf(error) }
    }
  }

  /** The current key if it has just become due for rotation. Returns each version once. */
  newlyDue(rotateEveryMs: number | undefined, now: number): SecretVersion | undefined {
    const key = rotateEveryMs === undefined ? undefined : this.secrets.peek(now)?.current
    if (!key?.createdAt || key.version === this.#dueVersion || now - key.createdAt < (rotateEveryMs ?? 0)) return
    this.#dueVersion = key.version
    return key
  }

  /** Closes every connection. Requests under way fail. */
  async closeTransports(): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()))
  }
}
