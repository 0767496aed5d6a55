import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { ChainHead } from '../base/chain.js'
import { type Clock, systemClock } from '../base/clock.js'
import { DeniedError, SolveguardError } from '../base/errors.js'
import { check } from '../policy/schema.js'
import { checkRequest, checkSettlement, duplicateReservation } from './checks.js'
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
  OpenOptions,
  Owner,
  PauseReason,
  PreviewRequest,
  RegisterResult,
  ReserveRequest,
  ReserveResult,
  Settlement,
  SettleResult,
  Usage,
} from './ledger.js'
import { isCut, isForbidden, mayHaveRun, RedisError } from './redis/errors.js'
import { RedisLink } from './redis/link.js'
import { SERVER_TIME } from './redis/lua.js'
import {
  capTuple,
  clocksOf,
  inGroups,
  readDeclarer,
  readHead,
  readLimits,
  readReserved,
  readTask,
  readUsage,
} from './redis/replies.js'
import {
  connectRedis,
  isRedisClient,
  parseAddress,
  persistenceByConfig,
  persistenceByInfo,
  type RedisClient,
  type ServerPersistence,
  selectDatabase,
} from './redis/server.js'

/** Where a `redisLedger` is stored, and how to connect to it. Takes either `url` or `client`. */
export interface RedisLedgerOptions {
  /**
   * `redis://host:6379/0`; with TLS `rediss://user:password@host:6380`.
   * @default none: then `client` is required
   */
  readonly url?: string | undefined
  /**
   * Your own ioredis client: for a cluster, for sentinels, for a login that changes. `close` leaves it open.
   * @default none: then `url` is required
   */
  readonly client?: RedisClient | undefined
  /**
   * The prefix of the key names. It is put in braces, so that a cluster keeps the keys together.
   * @default 'solveguard'
   */
  readonly prefix?: string | undefined
  /**
   * Certificates (PEM) of the authorities to trust.
   * @default those that Node.js trusts
   */
  readonly ca?: string | readonly string[] | undefined
  /**
   * The client's side of TLS.
   * @default no client certificate, and the server's name from `url`
   */
  readonly tls?: {
    /** A client certificate (PEM), where the server requires one. */
    readonly cert?: string | undefined
    /** The key of that certificate (PEM). */
    readonly key?: string | undefined
    /** The name that the server's certificate has to be for. */
    readonly servername?: string | undefined
  }
  /**
   * How long a call may take before it is denied, with reconnects and retries, ms.
   * @default 5_000
   */
  readonly commandTimeoutMs?: number | undefined
  /**
   * Measures `commandTimeoutMs`.
   * @default systemClock
   */
  readonly clock?: Clock | undefined
}

const shape = z.strictObject({
  url: z.string().optional(),
  client: z
    .custom<RedisClient>(isRedisClient, {
      message:
        'expected a client of ioredis, such as new Redis(…) or new Cluster([…]); clients of a REST API and of other ' +
        'packages have other methods',
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
  clock: z
    .custom<Clock>((value) => typeof (value as Partial<Clock> | null)?.monotonic === 'function', {
      message: "expected a clock such as manualClock(), from 'solveguard/testing'",
    })
    .optional(),
})

/** How the identity of a ledger begins. Data of another meaning gets another number. */
const VERSION = '1.'
/** How many uncertain reservations are kept in mind. Those above expire, and count as spent. */
const MAX_UNCERTAIN = 10_000

/** How often the connection may be lost while a server is asked how it keeps its data. */
const MAX_CUTS = 2

/** The warnings that this process has already emitted. */
const WARNINGS = new Set<string>()

/**
 * A ledger in Redis 6.2 or newer, or Valkey, that any number of machines share. Needs the package `ioredis`, 5 or
 * newer. Every operation is one script call, which the server carries out as a whole; the time that counts is the
 * server's. docs/ledgers.md describes how to set a server up, and what it survives.
 *
 * Its methods throw `DeniedError`: `LEDGER_UNAVAILABLE` when the server cannot be reached or used within
 * `commandTimeoutMs`, `LEDGER_UNSAFE` when the server may evict data. The message states what to do.
 *
 * @throws SolveguardError `CONFIG_INVALID`, with the name of the option
 * @example
 * const ledger = redisLedger({ url: process.env.REDIS_URL }) // rediss://guard:password@redis.internal:6380
 * const guard = await createGuard({ ledger, policy: { origins: ['https://staging.example.com'] } })
 */
export function redisLedger(options: RedisLedgerOptions): Ledger {
  return createRedisLedger(options)
}

/** `redisLedger`, in tests also with another time in place of the server's. */
export function createRedisLedger(options: RedisLedgerOptions, time = SERVER_TIME): Ledger {
  const { url, client, prefix = 'solveguard', ca, tls, ...rest } = check(shape, options, 'redisLedger')
  const { commandTimeoutMs: timeoutMs = 5_000, clock = systemClock } = rest
  if ((url === undefined) === (client === undefined)) {
    throw new SolveguardError('CONFIG_INVALID', 'redisLedger takes either `url` or `client`.')
  }
  const address = url === undefined ? undefined : parseAddress(url)
  if (address?.tls !== true && (ca !== undefined || tls !== undefined)) {
    throw new SolveguardError('CONFIG_INVALID', 'redisLedger.ca, tls: only for `url: rediss://…`.')
  }
  const place = address?.place ?? `{${prefix}} of the client given`
  const whole = { cert: tls?.cert, key: tls?.key, servername: tls?.servername }
  const link = new RedisLink({
    connect: async () => client ?? connectRedis({ url: url ?? '', ca, tls: whole, timeoutMs, clock }),
    closesClient: client === undefined,
    place,
    prefix,
    timeoutMs,
    time,
    clock,
  })
  return new RedisLedger(place, link)
}

class RedisLedger implements Ledger {
  readonly kind = 'redis'
  readonly place: string
  readonly #link: RedisLink
  /** The beginning of each call's id, by which the server recognises a call that it has already carried out. */
  readonly #instance = randomUUID()
  #calls = 0
  /** The owners that this instance registered, to register them again if the server has forgotten them. */
  readonly #owners = new Map<string, Owner>()
  /** Ids of reservations that may exist although their reserve failed. */
  readonly #uncertain = new Set<string>()
  #releasing: Promise<void> | undefined
  /** Whether the server reports how it keeps its data, or refuses to. Otherwise it is not asked again. */
  #reports = true
  /** Why every reserve is denied: the server may evict data. */
  #unsafe: DeniedError | undefined

  constructor(place: string, link: RedisLink) {
    this.place = place
    this.#link = link
  }

  async open({ create = true }: OpenOptions = {}): Promise<void> {
    await this.#link.open()
    try {
      await this.#link.withRetries(selectDatabase)
      await this.#inspect()
      this.#link.selectLedger(`${VERSION}${randomUUID()}`)
      const [, found = ''] = await this.#link.call(create ? 'open' : 'identify', 0, [])
      const identity = String(found)
      if (identity === '') throw this.#link.unavailable(new RedisError('NONE', 'No guard has used it.'))
      if (!identity.startsWith(VERSION)) {
        throw this.#link.unavailable(new RedisError('NEWER', `Its identity is ${identity.slice(0, 50)}.`))
      }
      this.#link.selectLedger(identity)
    } catch (error) {
      this.#link.close()
      throw error
    }
  }

  async register(owner: Owner, now: number): Promise<RegisterResult> {
    this.#owners.set(owner.id, owner)
    const declares = owner.declares.map(({ budgetId, limits }) => [budgetId, ...limitArguments(limits)])
    const args = [owner.id, owner.leaseMs, JSON.stringify(declares)]
    const [, serverTime, ...differing] = await this.#link.call('register', now, args)
    return {
      clocks: clocksOf(now, serverTime),
      differing: inGroups(differing, 8).map(([budgetId, ...items]) => ({
        budgetId: String(budgetId),
        effective: readLimits(items.slice(0, 4)),
        declaredBy: readDeclarer(items.slice(4)),
      })),
    }
  }

  async heartbeat(ownerId: string, now: number, head?: ChainHead): Promise<void> {
    const [known] = await this.#link.call('heartbeat', now, [ownerId, head?.file ?? '', headText(head)])
    const owner = this.#owners.get(ownerId)
    if (known === 'unknown' && owner) await this.register(owner, now)
    await this.#inspect()
  }

  async unregister(ownerId: string, now: number): Promise<void> {
    this.#owners.delete(ownerId)
    await this.#link.call('unregister', now, [ownerId])
  }

  async reserve(request: ReserveRequest, now: number): Promise<ReserveResult> {
    checkRequest(request)
    if (this.#unsafe) throw this.#unsafe
    const { id, ownerId, path, amount, deadline, unless, head } = request
    const { ids, claims } = pathArguments(path)
    try {
      const args = [
        ...[id, amount, deadline - now, this.#callId(), ownerId, ids, claims],
        ...[head?.file ?? '', headText(head)],
        factsText(unless),
      ]
      // The third argument is a duration: it gets shorter by the time spent waiting for the server.
      const reply = await this.#link.call('reserve', now, args, 2)
      if (reply[0] === 'duplicate') throw duplicateReservation()
      if (this.#uncertain.size > 0) this.#releasing ??= this.#releaseUncertain()
      return readReserved(reply, request)
    } catch (error) {
      // The caller gets an error. If the server made the reservation, or still does, it has to be given back.
      if (mayHaveRun(error) && this.#uncertain.size < MAX_UNCERTAIN) this.#uncertain.add(id)
      throw error
    }
  }

  async preview(request: PreviewRequest, now: number): Promise<ReserveResult> {
    checkRequest({ ...request, deadline: now })
    if (this.#unsafe) throw this.#unsafe
    const { path, amount, unless } = request
    const { ids, claims } = pathArguments(path)
    const args = ['', amount, '', '', '', ids, claims, '', '', factsText(unless)]
    return readReserved(await this.#link.call('reserve', now, args), request)
  }

  async attachTask(reservationId: string, task: AttachedTask): Promise<boolean> {
    const { solver, taskId } = task
    const name = `${Buffer.byteLength(solver)}:${solver}:${taskId}`
    const [, repeated] = await this.#link.call('attachTask', 0, [reservationId, JSON.stringify(task), name])
    return repeated === '1'
  }

  async settle(settlement: Settlement, now: number): Promise<SettleResult> {
    checkSettlement(settlement)
    const { reservationId, cost, head, unsure } = settlement
    const args = [reservationId, cost, this.#callId(), head?.file ?? '', headText(head), unsure ? '1' : '']
    const [settled, late] = await this.#link.call('settle', now, args)
    if (settled !== 'ok') return { settled: false }
    return late === '1' ? { settled: true, late: true } : { settled: true }
  }

  async claim(request: ClaimRequest, now: number): Promise<readonly ClaimedTask[]> {
    const { ownerId, solver, budgetId, limit, egressRoutes = [] } = request
    const claimed: ClaimedTask[] = []
    let skip = 0
    while (skip >= 0 && claimed.length < limit) {
      const args = [ownerId, solver, budgetId, limit - claimed.length, skip, JSON.stringify(egressRoutes)]
      const [, next, ...tasks] = await this.#link.call('claim', now, args)
      claimed.push(...inGroups(tasks, 5).map(readTask))
      skip = Number(next)
    }
    return claimed
  }

  async pause(budgetId: string, { code, message, at }: PauseReason): Promise<boolean> {
    const args = [budgetId, JSON.stringify({ code, message, at, by: this.#callId() })]
    const [paused] = await this.#link.call('pause', 0, args)
    return paused === 'ok'
  }

  async resume(budgetId: string): Promise<void> {
    await this.#link.call('resume', 0, [budgetId])
  }

  async usage(budgetId: string, now: number, days: readonly CalendarCap[] = []): Promise<Usage> {
    return readUsage(await this.#link.call('usage', now, [budgetId, JSON.stringify(days.map(capTuple))]), now)
  }

  async setFact(fact: NewFact, now: number): Promise<string> {
    checkFact(fact)
    const args = [fact.scope, fact.name, fact.value, fact.ttlMs, fact.ifAbsent ? '1' : '']
    const [, value] = await this.#link.call('setFact', now, args)
    return String(value)
  }

  async listFacts(scope: string, now: number): Promise<readonly Fact[]> {
    const [, ...items] = await this.#link.call('listFacts', now, [scope])
    return inGroups(items, 3).map(([name, value, at]) => ({ name: String(name), value: String(value), at: Number(at) }))
  }

  async saveHead(head: ChainHead): Promise<void> {
    await this.#link.call('saveHead', 0, [head.file, headText(head)])
  }

  async heads(): Promise<readonly ChainHead[]> {
    const [, ...items] = await this.#link.call('heads', 0, [])
    return inGroups(items, 2).map(readHead)
  }

  async close(): Promise<void> {
    await this.#releasing
    this.#link.close()
  }

  /** A unique id for one call. */
  #callId(): string {
    return `${this.#instance}.${this.#calls++}`
  }

  /** Gives uncertain reservations back. One that the server makes later is refused by then. */
  async #releaseUncertain(): Promise<void> {
    try {
      for (const id of this.#uncertain) {
        await this.#link.call('release', 0, [id, 0, this.#callId(), '', ''])
        this.#uncertain.delete(id)
      }
    } catch {
      // The next reserve that succeeds retries it.
    } finally {
      this.#releasing = undefined
    }
  }

  /** Checks that the server keeps its data. */
  async #inspect(): Promise<void> {
    const servers = await this.#persistence()
    const evicting = servers.find(({ policy }) => policy?.startsWith('allkeys'))
    this.#unsafe =
      evicting &&
      new DeniedError(
        'LEDGER_UNSAFE',
        `The server of the ledger ${this.place} may evict what was spent ` +
          `(maxmemory-policy ${evicting.policy}): set it to noeviction.`,
        { details: { place: this.place, policy: evicting.policy ?? '' } },
      )
    if (this.#unsafe) throw this.#unsafe
    if (servers.some(({ policy }) => policy === undefined)) {
      this.#warn('does not report whether it evicts keys: make sure that its maxmemory-policy is noeviction.')
    }
    if (servers.some(({ appendOnly }) => appendOnly === false)) {
      this.#warn(
        'has no append-only file: a restart forgets what was spent since its last snapshot. Set appendonly to yes.',
      )
    }
  }

  async #persistence(): Promise<readonly ServerPersistence[]> {
    for (const read of this.#reports ? [persistenceByInfo, persistenceByConfig] : []) {
      try {
        return await this.#link.withRetries(read, MAX_CUTS)
      } catch (error) {
        if (isForbidden(error)) continue
        if (!isCut(error)) throw error
        // twemproxy ends a connection in which it gets a command that it does not know. Scripts are known to it.
        await this.#link.call('ping', 0, [])
        this.#reports = false
        break
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

/** The names of facts as the scripts take them: empty where there are none. */
function factsText(facts: ReserveRequest['unless']): string {
  return facts?.length ? JSON.stringify(facts.map(({ scope, name }) => [scope, name])) : ''
}

/** A head as the scripts take it: empty where there is none. */
function headText(head: ChainHead | undefined): string {
  if (head === undefined) return ''
  const { seq, hash, end } = head
  return end === undefined ? `${seq} ${hash}` : `${seq} ${hash} ${end}`
}

/** A path as the scripts take it: the ids of its budgets, and the caller's limits for each. Both as JSON. */
interface PathArguments {
  readonly ids: string
  readonly claims: string
}

/** A cache: a guard has few paths, and needs one at every solve. */
const PATHS = new WeakMap<readonly BudgetClaim[], PathArguments>()

function pathArguments(path: readonly BudgetClaim[]): PathArguments {
  const known = PATHS.get(path)
  if (known) return known
  const claims = path.map(({ id, limits, alertsAt }) => {
    const [perDay, perMinute, concurrent, days] = limitArguments(limits)
    return [id, perDay, perMinute, concurrent, alertsAt?.length ? alertsAt : false, days]
  })
  const args = { ids: JSON.stringify(path.map(({ id }) => id)), claims: JSON.stringify(claims) }
  PATHS.set(path, args)
  return args
}

function limitArguments({ perDay, perMinute, concurrent, perCalendarDay }: Limits) {
  const limits = [perDay, perMinute, concurrent]
  const args = limits.map((limit) => (limit === undefined || limit === Infinity ? false : limit))
  return [...args, perCalendarDay?.map(capTuple) ?? false]
}
