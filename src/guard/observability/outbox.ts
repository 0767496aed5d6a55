import { createHash, randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Alert, AlertChannel } from '../../alerts/channel.js'
import { isPromise, type MaybePromise, promised } from '../../base/async.js'
import { type Clock, isTime } from '../../base/clock.js'
import { CODES, type Code, printable } from '../../base/errors.js'
import { waitAtMost } from '../../base/timeout.js'
import { MAX_FACT_LENGTH } from '../../ledger/facts.js'
import type { Fact, Ledger } from '../../ledger/ledger.js'
import type { AlertOrigin } from '../ports.js'
import type { ChannelStatus } from '../types.js'
import { DeliveryQueue, type PendingAlert } from './delivery-queue.js'

interface OutboxParts {
  readonly name: string
  readonly ownerId: string
  readonly clock: Clock
  readonly ledger: Ledger
  readonly channels: readonly AlertChannel[]
  /** Raises an alert when a channel fails, and when it works again. */
  readonly alert: (message: string) => void
}

/** An alert that any process repeats within that time is not sent again. */
const DUPLICATE_MS = 3_600_000
/** After that an alert is no longer news. */
const GIVE_UP_MS = 24 * 3_600_000
/** How long a process with pending alerts counts as alive after its last heartbeat. */
const LEASE_MS = 30_000
/** How long `close()` waits for deliveries under way. */
const CLOSE_TIMEOUT_MS = 5_000
const MAX_TAKEOVERS = 20
const MAX_RAISED = 1_000
const MAX_MESSAGE_LENGTH = 1_000

/**
 * The alerts that are not yet delivered to their channels. An alert is raised by one process and is kept in the ledger
 * until it is delivered, so that another process delivers it when this one dies. The same alert may then arrive twice,
 * under the same id: it is unknown whether a message without a reply has arrived.
 */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #scope: string
  readonly #queues: readonly DeliveryQueue[]
  /** By digest: when an alert was raised last (monotonic ms). */
  readonly #raised = new Map<string, number>()
  /** Ledger writes under way. */
  readonly #writing = new Set<Promise<void>>()
  #closed = false

  constructor(parts: OutboxParts) {
    this.#parts = parts
    this.#scope = `alerts/${parts.name}`
    this.#queues = parts.channels.map(
      (channel) =>
        new DeliveryQueue(channel, {
          clock: parts.clock,
          isOwner: (pending) => this.#isOwner(pending),
          onDone: (pending) => this.#forget(pending),
          alert: parts.alert,
        }),
    )
  }

  /** Whether an alert is sent to the channels. An alert about a channel is not. */
  accepts(code: Code): boolean {
    return this.#queues.length > 0 && code !== 'ALERT_UNDELIVERED'
  }

  /** Queues an alert for delivery. Returns at once and never throws. */
  raise(alert: Omit<Alert, 'id' | 'guard'>, { once = false, about }: AlertOrigin = {}): void {
    if (this.#closed || !this.accepts(alert.code)) return
    const id = `alert_${randomUUID()}`
    const raised = { ...alert, id, guard: this.#parts.name, message: printable(alert.message, MAX_MESSAGE_LENGTH) }
    if (once) {
      this.#enqueue(raised)
      return
    }
    const digest = createHash('sha256')
      .update(`${alert.code}\n${about ?? alert.message}`)
      .digest('hex')
      .slice(0, 32)
    if (this.#wasRaisedLately(digest)) return
    const first = (by: string): void => {
      if (by === id) this.#enqueue(raised)
    }
    // If the ledger fails, it is unknown which process was first: sending twice is better than never.
    this.#try(
      () => this.#setFact(`said/${digest}`, id, DUPLICATE_MS, true),
      first,
      () => this.#enqueue(raised),
    )
  }

  /** Called at every heartbeat: renews the lease on this process's alerts, and takes over those of dead processes. */
  async heartbeat(): Promise<void> {
    if (this.#closed || this.#queues.length === 0) return
    const { ownerId, clock } = this.#parts
    if (this.#queues.some(({ pending }) => pending.length > 0)) await this.#setFact(`here/${ownerId}`, '', LEASE_MS)
    const facts = await this.#listFacts()
    const names = new Set(facts.map(({ name }) => name))
    const orphans = facts.filter((fact) => {
      const pending = parsePending(fact)
      if (!pending || pending.owner === ownerId || names.has(takeName(fact.name))) return false
      return pending.owner === '' || (fact.at + LEASE_MS <= clock.now() && !names.has(`here/${pending.owner}`))
    })
    for (const { name } of orphans.slice(0, MAX_TAKEOVERS)) await this.#takeOver(name)
  }

  /** The status of each channel. */
  async status(): Promise<ChannelStatus[]> {
    if (this.#queues.length === 0) return []
    const pending = (await this.#listFacts()).filter((fact) => parsePending(fact) !== undefined)
    return this.#queues.map(({ channel: { kind, place, id }, problem }) => ({
      kind,
      place,
      pending: pending.filter(({ name }) => channelOf(name) === id).length,
      problem,
    }))
  }

  /** Delivers what it can within 5 s, and leaves the rest to the next process. */
  async close(): Promise<void> {
    const { clock } = this.#parts
    this.#closed = true
    const drained = (async () => {
      while (this.#writing.size > 0) await Promise.all(this.#writing)
      await Promise.all(this.#queues.map((queue) => queue.drain()))
    })()
    await waitAtMost(drained, clock, CLOSE_TIMEOUT_MS)
    for (const queue of this.#queues) queue.end()
    for (const { pending } of this.#queues) {
      // If this write fails, the next process takes over when the lease of this one has expired.
      for (const one of [...pending]) await promised(() => this.#write(one, '')).catch(() => {})
    }
  }

  #wasRaisedLately(digest: string): boolean {
    const now = this.#parts.clock.monotonic()
    const raisedAt = this.#raised.get(digest)
    if (raisedAt !== undefined && now - raisedAt < DUPLICATE_MS) return true
    if (this.#raised.size >= MAX_RAISED) this.#raised.clear()
    this.#raised.set(digest, now)
    return false
  }

  #enqueue(alert: Alert): void {
    const until = this.#parts.clock.now() + GIVE_UP_MS
    for (const queue of this.#queues) {
      const pending = { alert, until, name: `pending/${alert.id}/${queue.channel.id}` }
      // Written to the ledger before the first attempt. If the ledger fails, the alert is delivered all the same.
      this.#try(
        () => this.#write(pending, this.#parts.ownerId),
        () => queue.add(pending),
        () => queue.add({ alert, until }),
      )
    }
  }

  async #takeOver(name: string): Promise<void> {
    const { ownerId, clock } = this.#parts
    const queue = this.#queues.find(({ channel }) => channel.id === channelOf(name))
    if (!queue || this.#closed) return
    if ((await this.#setFact(takeName(name), ownerId, LEASE_MS, true)) !== ownerId) return
    // The alert may have been delivered in the meantime.
    const fact = (await this.#listFacts()).find((one) => one.name === name)
    const found = fact && parsePending(fact)
    if (!found || found.owner === ownerId) return
    const pending = { alert: { ...found.alert, guard: this.#parts.name }, until: found.until, name }
    if (pending.until <= clock.now()) return
    await this.#write(pending, ownerId)
    queue.add(pending)
  }

  async #isOwner({ name }: PendingAlert): Promise<boolean> {
    if (name === undefined) return true
    const fact = (await this.#listFacts()).find((one) => one.name === name)
    return fact !== undefined && parsePending(fact)?.owner === this.#parts.ownerId
  }

  #write({ alert, until, name }: PendingAlert, owner: string): MaybePromise<unknown> {
    if (name === undefined) return
    return this.#setFact(name, factOf(alert, until, owner), Math.max(until - this.#parts.clock.now(), 0))
  }

  #forget({ name }: PendingAlert): void {
    if (name === undefined) return
    const nothing = (): void => {}
    // If this write fails, another process delivers the alert once more, under the same id.
    this.#try(() => this.#setFact(name, '', 0), nothing, nothing)
  }

  #setFact(name: string, value: string, ttlMs: number, ifAbsent = false): MaybePromise<string> {
    const { ledger, clock } = this.#parts
    return ledger.setFact({ scope: this.#scope, name, value, ttlMs, ifAbsent }, clock.now())
  }

  async #listFacts(): Promise<readonly Fact[]> {
    return this.#parts.ledger.listFacts(this.#scope, this.#parts.clock.now())
  }

  /** Synchronous where the ledger is: the less time between raising an alert and storing it, the better. */
  #try<T>(work: () => MaybePromise<T>, then: (value: T) => void, failed: () => void): void {
    try {
      const done = work()
      if (!isPromise(done)) {
        then(done)
        return
      }
      const written = done.then(then, failed).finally(() => this.#writing.delete(written))
      this.#writing.add(written)
    } catch {
      failed()
    }
  }
}

function takeName(pendingName: string): string {
  return pendingName.replace(/^pending/, 'take')
}

function channelOf(pendingName: string): string {
  return pendingName.slice(pendingName.lastIndexOf('/') + 1)
}

/** The value of an alert's fact, shortened to the size of a fact whatever its details are. */
function factOf({ id, code, message, at, details }: Alert, until: number, owner: string): string {
  const kept = { owner, until, id, code, at: at.getTime() }
  const whole = JSON.stringify({ ...kept, message, details })
  if (whole.length <= MAX_FACT_LENGTH) return whole
  const bare = JSON.stringify({ ...kept, message })
  return bare.length <= MAX_FACT_LENGTH ? bare : JSON.stringify({ ...kept, message: message.slice(0, 300) })
}

const moment = z.number().refine(isTime)
const PENDING_ALERT = z.object({
  owner: z.string().max(200),
  until: moment,
  id: z.string().regex(/^[\w-]{1,100}$/),
  code: z
    .string()
    .refine((code) => Object.hasOwn(CODES, code))
    .transform((code) => code as Code),
  at: moment.transform((at) => new Date(at)),
  message: z.string().transform((message) => printable(message, MAX_MESSAGE_LENGTH)),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
})

/** The alert in a fact. Another version may have written it: a value that cannot be parsed is ignored. */
function parsePending({
  name,
  value,
}: Fact): { owner: string; until: number; alert: Omit<Alert, 'guard'> } | undefined {
  if (!name.startsWith('pending/')) return undefined
  try {
    const { success, data } = PENDING_ALERT.safeParse(JSON.parse(value))
    if (!success) return undefined
    const { owner, until, ...alert } = data
    return { owner, until, alert }
  } catch {
    return undefined
  }
}
