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

/** What is kept of an item. Holds no solution: that is asked for again, from the service. */
const STORED_ITEM = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('submitted'),
    /** What the challenge was, as a digest: the answer to another one is none to this. */
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

/** An item as the ledger knows it. */
export type KnownItem = StoredItem & { readonly at: number }

/** What a batch is called, and its items. */
export interface BatchPlan {
  readonly name: string
  readonly key?: ((challenge: AnyChallenge, index: number) => string) | undefined
  readonly keepForMs?: number | undefined
}

/** What it takes of the guard. */
export interface BatchDeps extends BatchLockDeps, Pick<Notifier, 'alert'> {}

/**
 * What the ledger knows of the items of one batch, for the process that is at it. An item is written down when the service has taken
 * its task, and again when it is over.
 */
export class Batch {
  readonly #deps: BatchDeps
  readonly #plan: BatchPlan
  readonly #lock: BatchLock
  readonly #scope: string
  readonly #known = new Map<string, KnownItem>()
  readonly #seen = new Map<string, number>()
  readonly #keys = new Set<string>()
  /** Items that the service may be about to take. */
  readonly #submitting = new Set<Promise<void>>()

  constructor(deps: BatchDeps, plan: BatchPlan) {
    this.#deps = deps
    this.#plan = plan
    this.#lock = new BatchLock(deps, plan.name)
    this.#scope = scopeOf(deps, plan.name)
  }

  /** Aborted when the batch was lost to another process. */
  get lost(): AbortSignal {
    return this.#lock.lost
  }

  /** @throws SolveguardError `BATCH_UNDER_WAY` */
  async open(): Promise<void> {
    await this.#lock.acquire()
    for (const { name, item } of await itemsOf(this.#deps, this.#scope)) this.#known.set(name, item)
  }

  /** Waits until each task is written down that is being handed in: whoever takes the batch up at once would buy it a second time. */
  async close(): Promise<void> {
    await Promise.all(this.#submitting)
    await this.#lock.release()
  }

  /**
   * What an item goes by: as its user says, or by what the challenge is; the second of two alike is the second again next time.
   * @throws SolveguardError `CONFIG_INVALID` for a key that is none, or was there before; `CHALLENGE_INVALID`
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
        `batch.key: expected 1 to ${MAX_KEY_LENGTH} printable characters of ASCII.`,
      )
    }
    if (this.#keys.has(own)) throw new SolveguardError('CONFIG_INVALID', `batch.key: two items go by the key ${own}.`)
    this.#keys.add(own)
    return own
  }

  known(key: string): KnownItem | undefined {
    return this.#known.get(key)
  }

  /** Whether a task was handed in for this very challenge, and not for another by the same key. */
  isFor(item: Extract<KnownItem, { state: 'submitted' }>, challenge: AnyChallenge): boolean {
    return item.identity === identityOf(challenge)
  }

  /** For an item that is solved: its task is written down before it is asked for, since from then on the answer can be had again. */
  submitObserver(key: string, challenge: AnyChallenge): SubmitObserver {
    let end = (): void => {}
    return {
      begin: () => {
        end()
        const written = new Promise<void>((resolve) => {
          end = resolve
        }).finally(() => this.#submitting.delete(written))
        this.#submitting.add(written)
      },
      onSubmitted: async (task) => {
        await this.#write(key, {
          state: 'submitted',
          identity: identityOf(challenge),
          ...task,
          path: [...task.path],
        })
        end()
      },
      end: () => end(),
    }
  }

  solved(key: string, cost: Money): Promise<void> {
    return this.#write(key, { state: 'solved', cost })
  }

  failed(key: string, code: Code): Promise<void> {
    return this.#write(key, { state: 'failed', code })
  }

  /** The solve goes on whatever comes of this: what is not written down may be bought again, and never lost twice. */
  async #write(key: string, item: StoredItem): Promise<void> {
    this.#known.set(key, { ...item, at: this.#deps.clock.now() })
    // Its ledger is closed: the item stays what it was, and its answer is to be had again. But for what is being handed in it waits.
    if (this.#deps.closed && item.state !== 'submitted') return
    try {
      const fact = { scope: this.#scope, name: key, value: JSON.stringify(item), ttlMs: this.#plan.keepForMs ?? DAY_MS }
      await this.#deps.ledger.setFact(fact, this.#deps.clock.now())
    } catch (error) {
      this.#deps.alert('LEDGER_UNAVAILABLE', `An item of a batch could not be written down: ${messageOf(error)}`)
    }
  }
}

type ItemsDeps = Pick<GuardContext, 'name' | 'clock' | 'ledger'>

/** What is known of a batch's items, in the order in which they were last heard of. */
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

/** A ledger is shared: what another version wrote there may be anything. */
function read({ value, at }: Fact): KnownItem | undefined {
  try {
    const parsed = STORED_ITEM.safeParse(JSON.parse(value))
    return parsed.success ? { ...parsed.data, at } : undefined
  } catch {
    return undefined
  }
}

/**
 * What a challenge is, as a digest: addresses may hold what is nobody's business. One-time values belong to it.
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
