import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { AnyChallenge, Family } from '../../base/challenge.js'
import { type Code, messageOf, SolveguardError } from '../../base/errors.js'
import type { Fact } from '../../ledger/ledger.js'
import { type Money, micros } from '../../policy/money.js'
import { parseChallenge } from '../admission/parse-challenge.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { SubmitObserver } from '../service/solver-task.js'
import type { BatchItem } from '../types.js'
import { BatchLock, type BatchLockDeps } from './batch-lock.js'

const DAY_MS = 86_400_000
const MAX_KEY_LENGTH = 128

/** An item as stored. It holds no solution: that is polled again, from the service. */
const STORED_ITEM = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('submitted'),
    /** A digest of the challenge: an answer is valid for the same challenge only. */
    identity: z.string(),
    solver: z.string(),
    taskId: z.string(),
    keyVersion: z.string(),
    family: z.string().transform((family) => family as Family),
    reservationId: z.string(),
    amount: z.number().transform(micros),
    path: z.array(z.string()),
  }),
  z.object({ state: z.literal('solved'), cost: z.number().transform(micros) }),
  z.object({ state: z.literal('failed'), code: z.string().transform((code) => code as Code) }),
])

type StoredItem = z.output<typeof STORED_ITEM>

/** A stored item, and when it was stored: wall-clock ms. */
export type KnownItem = StoredItem & { readonly at: number }

/** The name of a batch, and how its items are identified and kept. */
export interface BatchPlan {
  readonly name: string
  readonly key?: ((challenge: AnyChallenge, index: number) => string) | undefined
  /** How long items are kept, in ms. @default 86_400_000 */
  readonly keepForMs?: number | undefined
}

/** What a batch needs from the guard. */
export interface BatchDeps extends BatchLockDeps, Pick<Notifier, 'alert'> {}

/**
 * The stored items of one batch, for the process that holds its lock. An item is stored when the service has accepted
 * its task, and again when it has ended.
 */
export class Batch {
  readonly #deps: BatchDeps
  readonly #plan: BatchPlan
  readonly #lock: BatchLock
  readonly #scope: string
  readonly #known = new Map<string, KnownItem>()
  readonly #seen = new Map<string, number>()
  readonly #keys = new Set<string>()
  /** One promise for each item whose task the service may accept; resolves when the task is stored, or not accepted. */
  readonly #submitting = new Set<Promise<void>>()

  constructor(deps: BatchDeps, plan: BatchPlan) {
    this.#deps = deps
    this.#plan = plan
    this.#lock = new BatchLock(deps, plan.name)
    this.#scope = scopeOf(deps, plan.name)
  }

  /** Aborted when another process has acquired the batch. */
  get lost(): AbortSignal {
    return this.#lock.lost
  }

  /** @throws SolveguardError `BATCH_UNDER_WAY` */
  async open(): Promise<void> {
    await this.#lock.acquire()
    for (const { name, item } of await itemsOf(this.#deps, this.#scope)) this.#known.set(name, item)
  }

  /**
   * Waits until each task that is being submitted is stored. Otherwise a process that opens the batch next could buy it
   * a second time.
   */
  async close(): Promise<void> {
    await Promise.all(this.#submitting)
    await this.#lock.release()
  }

  /**
   * The key of an item: from the caller's function, or a digest of the challenge. Equal challenges are numbered, so the
   * second of two is the second again in the next run.
   * @throws SolveguardError `CONFIG_INVALID` for an invalid key, or one used twice; `CHALLENGE_INVALID`
   */
  keyOf(challenge: AnyChallenge, index: number): string {
    const own = this.#plan.key?.(challenge, index)
    if (own === undefined) {
      const identity = identityOf(challenge)
      const seen = (this.#seen.get(identity) ?? 0) + 1
      this.#seen.set(identity, seen)
      return `${identity}:${seen}`
    }
    if (typeof own !== 'string' || !/^[\x20-\x7e]+$/.test(own) || own.length > MAX_KEY_LENGTH) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        `batch.key: expected 1 to ${MAX_KEY_LENGTH} printable ASCII characters.`,
      )
    }
    if (this.#keys.has(own)) throw new SolveguardError('CONFIG_INVALID', `batch.key: two items have the key ${own}.`)
    this.#keys.add(own)
    return own
  }

  known(key: string): KnownItem | undefined {
    return this.#known.get(key)
  }

  /** Whether a task was submitted for this challenge, and not for another one with the same key. */
  isFor(item: Extract<KnownItem, { state: 'submitted' }>, challenge: AnyChallenge): boolean {
    return item.identity === identityOf(challenge)
  }

  /**
   * The observer of an item's solve. It stores each task before its first poll: from then on its answer can be polled
   * again.
   */
  submitObserver(key: string, challenge: AnyChallenge): SubmitObserver {
    let finish = (): void => {}
    return {
      begin: () => {
        finish()
        const storing = new Promise<void>((resolve) => {
          finish = resolve
        }).finally(() => this.#submitting.delete(storing))
        this.#submitting.add(storing)
      },
      onSubmitted: async (task) => {
        await this.#store(key, {
          state: 'submitted',
          identity: identityOf(challenge),
          ...task,
          path: [...task.path],
        })
        finish()
      },
      end: () => finish(),
    }
  }

  solved(key: string, cost: Money): Promise<void> {
    return this.#store(key, { state: 'solved', cost })
  }

  failed(key: string, code: Code): Promise<void> {
    return this.#store(key, { state: 'failed', code })
  }

  /**
   * Stores an item. Never rejects: the solve continues. An item that is not stored may be bought again by a later run.
   */
  async #store(key: string, item: StoredItem): Promise<void> {
    this.#known.set(key, { ...item, at: this.#deps.clock.now() })
    // The ledger closes with the guard: the item keeps its state, and its answer can be polled again. A task that is
    // being submitted is still stored: closing waits for that.
    if (this.#deps.closed && item.state !== 'submitted') return
    try {
      const fact = { scope: this.#scope, name: key, value: JSON.stringify(item), ttlMs: this.#plan.keepForMs ?? DAY_MS }
      await this.#deps.ledger.setFact(fact, this.#deps.clock.now())
    } catch (error) {
      this.#deps.alert('LEDGER_UNAVAILABLE', `An item of a batch could not be stored: ${messageOf(error)}`)
    }
  }
}

type ItemsDeps = Pick<GuardContext, 'name' | 'clock' | 'ledger'>

/** The stored items of a batch, in the order in which they last changed. */
export async function batchItems(deps: ItemsDeps, name: string): Promise<BatchItem[]> {
  const items = await itemsOf(deps, scopeOf(deps, name))
  return items
    .sort((a, b) => a.item.at - b.item.at)
    .map(({ name: key, item: { state, at, ...item } }) => ({
      key,
      state,
      at: new Date(at),
      cost: 'cost' in item ? item.cost : undefined,
      code: 'code' in item ? item.code : undefined,
    }))
}

function scopeOf(deps: ItemsDeps, batch: string): string {
  return `batch:${deps.name}/${batch}`
}

async function itemsOf(deps: ItemsDeps, scope: string): Promise<{ name: string; item: KnownItem }[]> {
  const facts = await deps.ledger.listFacts(scope, deps.clock.now())
  return facts.flatMap((fact) => {
    const item = read(fact)
    return item ? [{ name: fact.name, item }] : []
  })
}

/** Parses a stored item. A ledger is shared, so an item of another version may have any shape: it is ignored. */
function read({ value, at }: Fact): KnownItem | undefined {
  try {
    const parsed = STORED_ITEM.safeParse(JSON.parse(value))
    return parsed.success ? { ...parsed.data, at } : undefined
  } catch {
    return undefined
  }
}

/**
 * A digest of a challenge, one-time values included. A digest, because page addresses may hold private data.
 * @throws SolveguardError `CHALLENGE_INVALID`
 */
function identityOf(challenge: AnyChallenge): string {
  const hash = createHash('sha256')
  for (const [name, value] of Object.entries(parseChallenge(challenge)).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (value === undefined) continue
    hash.update(`${name}\0`)
    for (const part of [value].flat()) hash.update(part instanceof Uint8Array ? part : String(part)).update('\0')
  }
  return hash.digest('base64url').slice(0, 22)
}
