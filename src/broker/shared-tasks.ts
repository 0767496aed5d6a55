import { z } from 'zod'
import type { MaybePromise } from '../base/async.js'
import type { ChallengeFacts, Family, Variant } from '../base/challenge.js'
import { type Code, SolveguardError } from '../base/errors.js'
import {
  MAX_FACT_LENGTH,
  type StoredTask,
  type SubmittedTask,
  shortPath,
  type TaskHost,
  wholePath,
} from '../guard/hosting.js'
import { micros } from '../policy/money.js'
import { SERVICES, type ServiceName } from '../wires/services.js'
import type { SolvedTask } from '../wires/wire.js'

/** How long a broker counts as alive after its last heartbeat, in ms. */
const LEASE_MS = 12_000
const HEARTBEAT_MS = 4_000
/** For how long a list of brokers that are alive is used, in ms. */
const BROKERS_FRESH_MS = 1_000
const MAX_MESSAGE_LENGTH = 300
const MAX_PATH_LENGTH = 300

/** What all brokers of a ledger know of a task. No token, no key and no answer that cost anything. */
const STORED = z.object({
  /** The id of the caller whose task it is. */
  caller: z.string(),
  /** The broker that has it. */
  owner: z.string(),
  service: z.string().transform((name) => name as ServiceName),
  family: z.string().transform((family) => family as Family),
  variant: z.string().transform((variant) => variant as Variant),
  sitekey: z.string(),
  /** Without its query, which may be private. */
  pageUrl: z.string(),
  fields: z.record(z.string(), z.string()),
  submittedAt: z.number(),
  /** The service's task, from when the service has accepted it. */
  task: z
    .object({
      solver: z.string(),
      taskId: z.string(),
      keyVersion: z.string(),
      family: z.string().transform((family) => family as Family),
      reservationId: z.string(),
      amount: z.number().transform(micros),
      path: z.array(z.string()).transform(wholePath),
    })
    .optional(),
  /** Whether it is solved: the service gives its answer again. */
  solved: z.boolean().optional(),
  /** An answer that cost nothing, of a sitekey that its vendor publishes for tests. */
  free: z.object({ token: z.string(), fields: z.record(z.string(), z.string()).optional() }).optional(),
  /** Why it failed. */
  failed: z.object({ code: z.string().transform((code) => code as Code), message: z.string() }).optional(),
})

/** A task as the ledger has it. */
export type SharedTask = z.output<typeof STORED>

/** What a broker stores of a task. */
export interface TaskFacts {
  readonly id: number
  readonly caller: string
  readonly service: ServiceName
  readonly challenge: ChallengeFacts
  /** The fields by which an answer is encoded. */
  readonly fields: SolvedTask['fields']
  readonly submittedAt: number
}

/** What becomes of a task: the rest of what is stored. */
export type TaskProgress = Pick<SharedTask, 'solved' | 'free' | 'failed'> & { readonly task?: SubmittedTask }

/**
 * Tasks as facts of the ledger, for the other brokers that use it. Each task is a scope of its own, so that reading one
 * does not read all.
 */
export class SharedTasks {
  readonly #host: TaskHost
  readonly #scope: string
  readonly #brokerId: string
  #brokers: { readonly ids: ReadonlySet<string>; readonly until: number } | undefined
  #cancelHeartbeat: (() => void) | undefined
  #closed = false

  constructor(host: TaskHost, brokerId: string) {
    this.#host = host
    this.#scope = `broker:${host.name}`
    this.#brokerId = brokerId
  }

  /** Shows the other brokers that this one runs. Rejects if the ledger does not answer. */
  async open(): Promise<void> {
    await this.#heartbeat()
    const next = (): void => {
      this.#cancelHeartbeat = this.#host.clock.after(HEARTBEAT_MS, beat, false)
    }
    const beat = (): void => {
      if (this.#closed || this.#host.closed) return
      this.#host.background(() => this.#heartbeat())
      next()
    }
    next()
  }

  #heartbeat(): MaybePromise<string> {
    return this.#host.setFact({ scope: this.#scope, name: this.#brokerId, value: '', ttlMs: LEASE_MS })
  }

  /** From now on another broker takes over what this one has under way. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelHeartbeat?.()
    if (this.#host.closed) return
    await this.#host.setFact({ scope: this.#scope, name: this.#brokerId, value: '', ttlMs: 0 })
  }

  /** Stores a new task. @returns false if another task has its id */
  async add(facts: TaskFacts, ttlMs: number): Promise<boolean> {
    const value = this.#valueOf(facts, {})
    const fact = { scope: this.#scopeOf(facts.id), name: 'task', value, ttlMs, ifAbsent: true }
    return (await this.#host.setFact(fact)) === value
  }

  /** Stores what became of a task. */
  update(facts: TaskFacts, progress: TaskProgress, ttlMs: number): MaybePromise<unknown> {
    const value = this.#valueOf(facts, progress)
    return this.#host.setFact({ scope: this.#scopeOf(facts.id), name: 'task', value, ttlMs })
  }

  /** Reads a task. A ledger is shared, so a fact of another version may have any shape: it is ignored. */
  async read(id: number): Promise<{ readonly shared: SharedTask; readonly at: number } | undefined> {
    const [fact] = await this.#host.listFacts(this.#scopeOf(id))
    if (!fact) return undefined
    try {
      const parsed = STORED.safeParse(JSON.parse(fact.value))
      const isKnown = parsed.success && Object.hasOwn(SERVICES, parsed.data.service)
      return isKnown ? { shared: parsed.data, at: fact.at } : undefined
    } catch {
      return undefined
    }
  }

  /** Whether a broker lives. */
  async isAlive(brokerId: string): Promise<boolean> {
    const { clock } = this.#host
    if (!this.#brokers || clock.monotonic() >= this.#brokers.until) {
      const facts = await this.#host.listFacts(this.#scope)
      const ids = new Set(facts.map(({ name }) => name))
      this.#brokers = { ids, until: clock.monotonic() + BROKERS_FRESH_MS }
    }
    return this.#brokers.ids.has(brokerId)
  }

  #scopeOf(id: number): string {
    return `${this.#scope}/${id}`
  }

  #valueOf({ caller, service, challenge, fields, submittedAt }: TaskFacts, progress: TaskProgress): string {
    const { family, variant, pageUrl } = challenge
    const { task, failed, solved, free } = progress
    // What is undefined is not in the text.
    const whole = {
      caller,
      owner: this.#brokerId,
      service,
      family,
      variant,
      sitekey: 'sitekey' in challenge ? challenge.sitekey.slice(0, 256) : '',
      pageUrl: withoutQuery(pageUrl),
      fields,
      submittedAt,
      task: task && { ...task, path: shortPath(task.path) },
      failed: failed && { code: failed.code, message: failed.message.slice(0, MAX_MESSAGE_LENGTH) },
      solved,
      free,
    }
    const value = JSON.stringify(whole)
    // With long names of guards, keys and hosts: another broker needs the task, and the rest only for its records.
    return value.length <= MAX_FACT_LENGTH
      ? value
      : JSON.stringify({ ...whole, sitekey: '', pageUrl: new URL(pageUrl).origin })
  }
}

/** The address of a page as another broker needs it: for its origin, and for records. */
function withoutQuery(pageUrl: string): string {
  const { origin, pathname } = new URL(pageUrl)
  return `${origin}${pathname.slice(0, MAX_PATH_LENGTH)}`
}

/** The challenge of a stored task. */
export function challengeFacts({ family, variant, sitekey, pageUrl }: SharedTask): ChallengeFacts {
  return { family, variant, pageUrl, ...(sitekey !== '' && { sitekey }) } as ChallengeFacts
}

/** The service's task of a stored one. */
export function storedTask({ task }: SharedTask, at: number): StoredTask | undefined {
  return task && { ...task, at }
}

/** The error of a stored task. */
export function storedError({ code, message }: NonNullable<SharedTask['failed']>): SolveguardError {
  return new SolveguardError(code, message)
}
