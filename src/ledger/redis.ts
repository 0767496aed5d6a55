import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { ChainHead } from '../base/chain.js'
import { DeniedError, SolveguardError } from '../base/errors.js'
import { check } from '../policy/schema.js'
import { checkRequest, checkSettlement, usedTwice } from './checks.js'
import { checkFact } from './facts.js'
import type {
  AttachedTask,
  BudgetClaim,
  CalendarCap,
  ClaimedTask,
  ClaimRequest,
  Fact,
  Ledger,
  Limits,
  NewFact,
  Owner,
  PauseReason,
  RegisterResult,
  ReserveRequest,
  ReserveResult,
  Settlement,
  SettleResult,
  Usage,
} from './ledger.js'
import { isForbidden, mayHaveHappened, RedisError } from './redis/errors.js'
import { Link } from './redis/link.js'
import type { Time } from './redis/lua.js'
import { capWords, inGroups, readHead, readLimits, readReserved, readTask, readUsage } from './redis/replies.js'
import {
  connect,
  type Keeping,
  keepingByConfig,
  keepingByInfo,
  parseAddress,
  type RedisClient,
} from './redis/server.js'

/** Where a `redisLedger` lies, and how it is reached. Either `url` or `client`. */
export interface RedisLedgerOptions {
  /** `redis://host:6379/0`; with TLS `rediss://user:password@host:6380`. */
  readonly url?: string | undefined
  /** A client of ioredis of your own: for a cluster, for sentinels, for a login that changes. It stays open. */
  readonly client?: RedisClient | undefined
  /** What the names of its keys begin with; in braces, so that a cluster keeps them together. Default: `solveguard`. */
  readonly prefix?: string | undefined
  /** Certificates (PEM) to trust in place of the machine's. */
  readonly ca?: string | readonly string[] | undefined
  /** A certificate of our own (PEM), where the server asks for one; the name that the server's has to be for. */
  readonly tls?: {
    readonly cert?: string | undefined
    readonly key?: string | undefined
    readonly servername?: string | undefined
  }
  /** How long a call may take, reconnecting and trying again included, before it is denied. Default: 5,000. */
  readonly commandTimeoutMs?: number | undefined
}

const shape = z.strictObject({
  url: z.string().optional(),
  client: z
    .custom<RedisClient>((value) => typeof (value as Partial<RedisClient> | null)?.evalsha === 'function', {
      message: 'expected a client of ioredis, such as new Redis(…) or new Cluster([…])',
    })
    .optional(),
  prefix: z
    .string()
    .regex(/^[\w.:-]{1,64}$/, { message: 'expected 1 to 64 letters, digits and . : _ -' })
    .optional(),
  ca: z.union([z.string(), z.array(z.string())]).optional(),
  tls: z
    .strictObject({ cert: z.string().optional(), key: z.string().optional(), servername: z.string().optional() })
    .optional(),
  commandTimeoutMs: z.number().int().min(50).max(600_000).optional(),
})

/** Books that a later version writes otherwise begin with another number. */
const VERSION = '1.'
/** How many ids are remembered that may have been reserved after all. More of them lapse, and count as spent. */
const MOST_ORPHANS = 10_000

/** What this process was told already. */
const WARNINGS = new Set<string>()

/**
 * A ledger in Redis 6.2 or newer, or Valkey, that any number of machines share. Needs the package `ioredis`, 5 or newer.
 * Every operation is one call of a script, which the server carries out as a whole; the time that counts is the server's.
 * docs/ledgers.md says how to set a server up, and what it survives.
 *
 * Its methods throw `DeniedError`: `LEDGER_UNAVAILABLE` when the server cannot be reached or used within
 * `commandTimeoutMs`, `LEDGER_UNSAFE` when the server may throw books away. The message says what to do.
 *
 * @throws SolveguardError `CONFIG_INVALID` when an option is not of the shape it has to be
 * @example
 * const guard = await createGuard({ ledger: redisLedger({ url: 'rediss://guard:…@redis.internal:6380' }), … })
 */
export function redisLedger(options: RedisLedgerOptions): Ledger {
  return ledgerInRedis(options, 'server')
}

/** The same; for tests also with the caller's time in place of the server's. */
export function ledgerInRedis(options: RedisLedgerOptions, time: Time): Ledger {
  const { url, client, prefix = 'solveguard', ca, tls, commandTimeoutMs = 5_000 } = check(shape, options, 'redisLedger')
  if ((url === undefined) === (client === undefined)) {
    throw new SolveguardError('CONFIG_INVALID', 'redisLedger takes either `url` or `client`.')
  }
  const address = url === undefined ? undefined : parseAddress(url)
  if (address?.tls !== true && (ca !== undefined || tls !== undefined)) {
    throw new SolveguardError('CONFIG_INVALID', 'redisLedger.ca, tls: only for `url: rediss://…`.')
  }
  const place = address?.place ?? `{${prefix}} of the client given`
  const whole = { cert: tls?.cert, key: tls?.key, servername: tls?.servername }
  const link = new Link({
    connect: async () => client ?? connect({ url: url ?? '', ca, tls: whole, timeoutMs: commandTimeoutMs }),
    own: client === undefined,
    place,
    prefix,
    patienceMs: commandTimeoutMs,
    time,
  })
  return new RedisLedger(place, link)
}

class RedisLedger implements Ledger {
  readonly kind = 'redis'
  readonly place: string
  readonly #link: Link
  /** Begins the name of each call, so that the server knows one that it has carried out. */
  readonly #self = randomUUID()
  #calls = 0
  /** Who joined by this instance, to join again after a silence longer than the ledger remembers. */
  readonly #joined = new Map<string, Owner>()
  /** Ids that may have been reserved, after all: their callers were told that they were not. */
  readonly #orphans = new Set<string>()
  #freeing: Promise<void> | undefined
  /** Why nothing may be booked: the server may throw books away. */
  #unsafe: DeniedError | undefined

  constructor(place: string, link: Link) {
    this.place = place
    this.#link = link
  }

  async open(): Promise<void> {
    await this.#link.open()
    try {
      await this.#inspect()
      this.#link.use(`${VERSION}${randomUUID()}`)
      const [, books = ''] = await this.#link.call('open', 0, [])
      if (!String(books).startsWith(VERSION)) {
        throw this.#link.unavailable(new RedisError('NEWER', `Its books are called ${String(books).slice(0, 50)}.`))
      }
      this.#link.use(String(books))
    } catch (error) {
      this.#link.close()
      throw error
    }
  }

  async register(owner: Owner, now: number): Promise<RegisterResult> {
    this.#joined.set(owner.id, owner)
    const declares = owner.declares.map(({ budgetId, limits }) => [budgetId, ...limitWords(limits)])
    const words = [owner.id, owner.leaseMs, JSON.stringify(declares)]
    const [, ...differing] = await this.#link.call('join', now, words)
    return {
      differing: inGroups(differing, 5).map(([budgetId, ...limits]) => ({
        budgetId: String(budgetId),
        effective: readLimits(limits),
      })),
    }
  }

  async heartbeat(ownerId: string, now: number): Promise<void> {
    const [known] = await this.#link.call('beat', now, [ownerId])
    const owner = this.#joined.get(ownerId)
    if (known === 'unknown' && owner) await this.register(owner, now)
    await this.#inspect()
  }

  async unregister(ownerId: string, now: number): Promise<void> {
    this.#joined.delete(ownerId)
    await this.#link.call('leave', now, [ownerId])
  }

  async reserve(request: ReserveRequest, now: number): Promise<ReserveResult> {
    checkRequest(request)
    if (this.#unsafe) throw this.#unsafe
    const { id, ownerId, path, amount, deadline } = request
    const { ids, claims } = wordsOf(path)
    try {
      const words = [id, amount, deadline - now, this.#name(), ownerId, ids, claims]
      // As long as the caller meant, less what was waited for the server.
      const reply = await this.#link.call('reserve', now, words, 2)
      if (reply[0] === 'twice') throw usedTwice()
      if (this.#orphans.size > 0) this.#freeing ??= this.#free()
      return readReserved(reply, path)
    } catch (error) {
      // Its caller is told no. Should the server have taken it, or take it yet, it is to be given back.
      if (mayHaveHappened(error) && this.#orphans.size < MOST_ORPHANS) this.#orphans.add(id)
      throw error
    }
  }

  async attachTask(reservationId: string, task: AttachedTask): Promise<void> {
    const words = [reservationId, JSON.stringify(task)]
    await this.#link.call('note', 0, words)
  }

  async settle(settlement: Settlement, now: number): Promise<SettleResult> {
    checkSettlement(settlement)
    const { reservationId, cost, head, unsure } = settlement
    const told = head === undefined ? '' : `${head.seq} ${head.hash}`
    const words = [reservationId, cost, this.#name(), head?.file ?? '', told, unsure ? '1' : '']
    const [settled, late] = await this.#link.call('settle', now, words)
    if (settled !== 'ok') return { settled: false }
    return late === '1' ? { settled: true, late: true } : { settled: true }
  }

  async claim(request: ClaimRequest, now: number): Promise<readonly ClaimedTask[]> {
    const { ownerId, solver, budgetId, limit, egressRoutes = [] } = request
    const claimed: ClaimedTask[] = []
    let passed = 0
    while (passed >= 0 && claimed.length < limit) {
      const words = [ownerId, solver, budgetId, limit - claimed.length, passed, JSON.stringify(egressRoutes)]
      const [, next, ...tasks] = await this.#link.call('claim', now, words)
      claimed.push(...inGroups(tasks, 5).map(readTask))
      passed = Number(next)
    }
    return claimed
  }

  async pause(budgetId: string, { code, message, at }: PauseReason): Promise<boolean> {
    const words = [budgetId, JSON.stringify({ code, message, at, by: this.#name() })]
    const [paused] = await this.#link.call('pause', 0, words)
    return paused === 'ok'
  }

  async resume(budgetId: string): Promise<void> {
    await this.#link.call('resume', 0, [budgetId])
  }

  async usage(budgetId: string, now: number, days: readonly CalendarCap[] = []): Promise<Usage> {
    return readUsage(await this.#link.call('usage', now, [budgetId, JSON.stringify(days.map(capWords))]))
  }

  async setFact(fact: NewFact, now: number): Promise<string> {
    checkFact(fact)
    const words = [fact.scope, fact.name, fact.value, fact.ttlMs, fact.ifAbsent ? '1' : '']
    const [, value] = await this.#link.call('remember', now, words)
    return String(value)
  }

  async listFacts(scope: string, now: number): Promise<readonly Fact[]> {
    const [, ...words] = await this.#link.call('recall', now, [scope])
    return inGroups(words, 3).map(([name, value, at]) => ({ name: String(name), value: String(value), at: Number(at) }))
  }

  async saveHead({ file, seq, hash }: ChainHead): Promise<void> {
    await this.#link.call('saveHead', 0, [file, `${seq} ${hash}`])
  }

  async heads(): Promise<readonly ChainHead[]> {
    const [, ...words] = await this.#link.call('heads', 0, [])
    return inGroups(words, 2).map(readHead)
  }

  async close(): Promise<void> {
    await this.#freeing
    this.#link.close()
  }

  /** A name for one call. */
  #name(): string {
    return `${this.#self}.${this.#calls++}`
  }

  /** Gives back what may have been reserved for callers who were told no; or has it refused, should it come yet. */
  async #free(): Promise<void> {
    try {
      for (const id of this.#orphans) {
        await this.#link.call('free', 0, [id, 0, this.#name(), '', ''])
        this.#orphans.delete(id)
      }
    } catch {
      // The next reserve that succeeds has it tried again.
    } finally {
      this.#freeing = undefined
    }
  }

  /** Looks whether the server keeps what it is given. */
  async #inspect(): Promise<void> {
    const keeping = await this.#keeping()
    const evicting = keeping.find(({ policy }) => policy?.startsWith('allkeys'))
    this.#unsafe =
      evicting &&
      new DeniedError(
        'LEDGER_UNSAFE',
        `The server of the ledger ${this.place} may evict what was spent (maxmemory-policy ${evicting.policy}): set it to noeviction.`,
        { details: { place: this.place, policy: evicting.policy ?? '' } },
      )
    if (this.#unsafe) throw this.#unsafe
    if (keeping.some(({ policy }) => policy === undefined)) {
      this.#warn('does not say whether it evicts keys: see to it that its maxmemory-policy is noeviction.')
    }
    if (keeping.some(({ appendOnly }) => appendOnly === false)) {
      this.#warn(
        'has no append-only file: when it is restarted, it forgets what was spent since its last snapshot. Set appendonly to yes.',
      )
    }
  }

  async #keeping(): Promise<readonly Keeping[]> {
    for (const ask of [keepingByInfo, keepingByConfig]) {
      try {
        return await this.#link.patiently(ask)
      } catch (error) {
        if (!isForbidden(error)) throw error
      }
    }
    return [{}]
  }

  #warn(text: string): void {
    const warning = `The server of the ledger ${this.place} ${text}`
    if (WARNINGS.has(warning)) return
    WARNINGS.add(warning)
    process.emitWarning(warning, { type: 'SolveguardLedger' })
  }
}

/** A path as the scripts take it: the ids of its budgets, and what the caller allows of each. Both as JSON. */
interface PathWords {
  readonly ids: string
  readonly claims: string
}

/** A guard's paths are few, and asked for at every solve. */
const PATHS = new WeakMap<readonly BudgetClaim[], PathWords>()

function wordsOf(path: readonly BudgetClaim[]): PathWords {
  const known = PATHS.get(path)
  if (known) return known
  const claims = path.map(({ id, limits, alertsAt }) => {
    const [perDay, perMinute, concurrent, days] = limitWords(limits)
    return [id, perDay, perMinute, concurrent, alertsAt?.length ? alertsAt : false, days]
  })
  const words = { ids: JSON.stringify(path.map(({ id }) => id)), claims: JSON.stringify(claims) }
  PATHS.set(path, words)
  return words
}

function limitWords({ perDay, perMinute, concurrent, perCalendarDay }: Limits) {
  const limits = [perDay, perMinute, concurrent]
  const words = limits.map((limit) => (limit === undefined || limit === Infinity ? false : limit))
  return [...words, perCalendarDay?.map(capWords) ?? false]
}
