import { createHash, randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Alert, AlertChannel } from '../../alerts/channel.js'
import { isPromise, type MaybePromise } from '../../base/async.js'
import type { Clock } from '../../base/clock.js'
import { CODES, type Code, printable } from '../../base/errors.js'
import type { Fact, Ledger } from '../../ledger/ledger.js'
import { Lane, type Owed } from './delivery-queue.js'

interface OutboxParts {
  readonly name: string
  readonly ownerId: string
  readonly clock: Clock
  readonly ledger: Ledger
  readonly channels: readonly AlertChannel[]
  /** Tells of a channel that is down, or up again. */
  readonly tell: (message: string) => void
}

/** How an alert is told apart from one that was told already. */
export interface Telling {
  /** It comes once by itself: the ledger has seen to that. */
  readonly once?: boolean | undefined
  /** What it is about, where its words differ from one process to another. */
  readonly about?: string | undefined
}

/** How the outbox stands, for `status`. */
export interface ChannelStatus {
  readonly kind: string
  /** A host or a program; never an address that lets anybody in. */
  readonly place: string
  /** How many alerts it is still owed, by all processes together. */
  readonly owed: number
  /** What is wrong with it, as far as this process knows. */
  readonly problem?: string | undefined
}

/** What is said again within that time, by any process, is not sent again. */
const SAME_MS = 3_600_000
/** After that an alert is no longer news. */
const GIVE_UP_MS = 24 * 3_600_000
/** How long a process that owes something is taken for alive after its last sign of life. */
const LEASE_MS = 30_000
/** How long the end waits for what is being delivered. */
const LAST_MS = 5_000
const MOST_TAKEN = 20
const MOST_SAID = 1_000
const LONGEST_FACT = 2_000
const LONGEST_MESSAGE = 1_000

/**
 * What is owed to the channels. An alert is raised by one process; what it owes stands in the ledger until it is delivered, so that another
 * process delivers it when this one dies. The same alert may then arrive twice, under the same id: nobody can know whether a
 * message that was not answered has arrived.
 */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #scope: string
  readonly #lanes: readonly Lane[]
  /** What was said, and when (monotonic ms). */
  readonly #said = new Map<string, number>()
  /** What the ledger is being told of. */
  readonly #writing = new Set<Promise<void>>()
  #closed = false

  constructor(parts: OutboxParts) {
    this.#parts = parts
    this.#scope = `alerts/${parts.name}`
    this.#lanes = parts.channels.map(
      (channel) =>
        new Lane(channel, {
          clock: parts.clock,
          ours: (owed) => this.#isOurs(owed),
          done: (owed) => this.#forget(owed),
          tell: parts.tell,
        }),
    )
  }

  /** Whether an alert goes to a channel: what is said about a channel does not. */
  takes(code: Code): boolean {
    return this.#lanes.length > 0 && code !== 'ALERT_UNDELIVERED'
  }

  /** Has an alert delivered. Waits for nothing, and never throws. */
  raise(alert: Omit<Alert, 'id' | 'guard'>, { once = false, about }: Telling = {}): void {
    if (this.#closed || !this.takes(alert.code)) return
    const id = `alert_${randomUUID()}`
    const raised = { ...alert, id, guard: this.#parts.name, message: printable(alert.message, LONGEST_MESSAGE) }
    if (once) {
      this.#owe(raised)
      return
    }
    const words = createHash('sha256')
      .update(`${alert.code}\n${about ?? alert.message}`)
      .digest('hex')
      .slice(0, 32)
    if (this.#saidLately(words)) return
    const first = (by: string): void => {
      if (by === id) this.#owe(raised)
    }
    // Where the ledger cannot say who was first, rather twice than never.
    this.#try(
      () => this.#remember(`said/${words}`, id, SAME_MS, true),
      first,
      () => this.#owe(raised),
    )
  }

  /** To be called at every beat: says that what this process owes is in good hands, and takes over what others cannot deliver. */
  async beat(): Promise<void> {
    if (this.#closed || this.#lanes.length === 0) return
    const { ownerId, clock } = this.#parts
    if (this.#lanes.some(({ owed }) => owed.length > 0)) await this.#remember(`here/${ownerId}`, '', LEASE_MS)
    const facts = await this.#recall()
    const names = new Set(facts.map(({ name }) => name))
    const orphans = facts.filter((fact) => {
      const owed = readOwed(fact)
      if (!owed || owed.owner === ownerId || names.has(takeName(fact.name))) return false
      return owed.owner === '' || (fact.at + LEASE_MS <= clock.now() && !names.has(`here/${owed.owner}`))
    })
    for (const { name } of orphans.slice(0, MOST_TAKEN)) await this.#takeOver(name)
  }

  /** How each channel stands. */
  async status(): Promise<ChannelStatus[]> {
    if (this.#lanes.length === 0) return []
    const owed = (await this.#recall()).filter((fact) => readOwed(fact) !== undefined)
    return this.#lanes.map(({ channel: { kind, place, id }, problem }) => ({
      kind,
      place,
      owed: owed.filter(({ name }) => channelOf(name) === id).length,
      problem,
    }))
  }

  /** Delivers what can be delivered in a few seconds, and leaves the rest to the next process. */
  async close(): Promise<void> {
    const { clock } = this.#parts
    this.#closed = true
    const drained = (async () => {
      while (this.#writing.size > 0) await Promise.all(this.#writing)
      await Promise.all(this.#lanes.map((lane) => lane.drain()))
    })()
    let cancel = (): void => {}
    const late = new Promise<void>((resolve) => {
      cancel = clock.after(LAST_MS, resolve)
    })
    await Promise.race([drained, late])
    cancel()
    for (const lane of this.#lanes) lane.end()
    for (const { owed } of this.#lanes) {
      // Where the ledger cannot be told, the next process waits until our time is over.
      for (const one of [...owed]) await Promise.resolve(this.#write(one, '')).catch(() => {})
    }
  }

  #saidLately(words: string): boolean {
    const now = this.#parts.clock.monotonic()
    const before = this.#said.get(words)
    if (before !== undefined && now - before < SAME_MS) return true
    if (this.#said.size >= MOST_SAID) this.#said.clear()
    this.#said.set(words, now)
    return false
  }

  #owe(alert: Alert): void {
    const until = this.#parts.clock.now() + GIVE_UP_MS
    for (const lane of this.#lanes) {
      const owed = { alert, until, name: `owed/${alert.id}/${lane.channel.id}` }
      // On the books before it is tried; where the ledger fails, it is tried all the same.
      this.#try(
        () => this.#write(owed, this.#parts.ownerId),
        () => lane.add(owed),
        () => lane.add({ alert, until }),
      )
    }
  }

  async #takeOver(name: string): Promise<void> {
    const { ownerId, clock } = this.#parts
    const lane = this.#lanes.find(({ channel }) => channel.id === channelOf(name))
    if (!lane || this.#closed) return
    if ((await this.#remember(takeName(name), ownerId, LEASE_MS, true)) !== ownerId) return
    // It may have been delivered meanwhile.
    const fact = (await this.#recall()).find((one) => one.name === name)
    const found = fact && readOwed(fact)
    if (!found || found.owner === ownerId) return
    const owed = { alert: { ...found.alert, guard: this.#parts.name }, until: found.until, name }
    if (owed.until <= clock.now()) return
    await this.#write(owed, ownerId)
    lane.add(owed)
  }

  async #isOurs({ name }: Owed): Promise<boolean> {
    if (name === undefined) return true
    const fact = (await this.#recall()).find((one) => one.name === name)
    return fact !== undefined && readOwed(fact)?.owner === this.#parts.ownerId
  }

  #write({ alert, until, name }: Owed, owner: string): MaybePromise<unknown> {
    if (name === undefined) return
    return this.#remember(name, factOf(alert, until, owner), Math.max(until - this.#parts.clock.now(), 0))
  }

  #forget({ name }: Owed): void {
    if (name === undefined) return
    const nothing = (): void => {}
    // Should it fail, another process delivers it once more, under the same id.
    this.#try(() => this.#remember(name, '', 0), nothing, nothing)
  }

  #remember(name: string, value: string, ttlMs: number, ifAbsent = false): MaybePromise<string> {
    const { ledger, clock } = this.#parts
    return ledger.setFact({ scope: this.#scope, name, value, ttlMs: ttlMs, ifAbsent: ifAbsent }, clock.now())
  }

  async #recall(): Promise<readonly Fact[]> {
    return this.#parts.ledger.listFacts(this.#scope, this.#parts.clock.now())
  }

  /** At once where the ledger answers at once: the less time between raising and owing, the better. */
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

function takeName(owedName: string): string {
  return owedName.replace(/^owed/, 'take')
}

function channelOf(owedName: string): string {
  return owedName.slice(owedName.lastIndexOf('/') + 1)
}

/** Small enough for a fact, whatever its details are. */
function factOf({ id, code, message, at, details }: Alert, until: number, owner: string): string {
  const kept = { owner, until, id, code, at: at.getTime() }
  const whole = JSON.stringify({ ...kept, message, details })
  if (whole.length <= LONGEST_FACT) return whole
  const bare = JSON.stringify({ ...kept, message })
  return bare.length <= LONGEST_FACT ? bare : JSON.stringify({ ...kept, message: message.slice(0, 300) })
}

const moment = z.number().min(0).max(8.64e15)
const OWED = z.object({
  owner: z.string().max(200),
  until: moment,
  id: z.string().regex(/^[\w-]{1,100}$/),
  code: z
    .string()
    .refine((code) => Object.hasOwn(CODES, code))
    .transform((code) => code as Code),
  at: moment.transform((at) => new Date(at)),
  message: z.string().transform((message) => printable(message, LONGEST_MESSAGE)),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
})

/** What stands in a fact. Another version may have written it: what it does not know it leaves alone. */
function readOwed({ name, value }: Fact): { owner: string; until: number; alert: Omit<Alert, 'guard'> } | undefined {
  if (!name.startsWith('owed/')) return undefined
  try {
    const { success, data } = OWED.safeParse(JSON.parse(value))
    if (!success) return undefined
    const { owner, until, ...alert } = data
    return { owner, until, alert }
  } catch {
    return undefined
  }
}
