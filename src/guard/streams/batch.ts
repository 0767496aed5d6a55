import { createHash } from 'node:crypto'
import { z } from 'zod'
import { isPromise, type MaybePromise } from '../../base/async.js'
import { callUserCode } from '../../base/call-back.js'
import { type AnyChallenge, type Family, isPicture } from '../../base/challenge.js'
import { type Code, messageOf, printable, SolveguardError } from '../../base/errors.js'
import { MAX_FACT_LENGTH } from '../../ledger/facts.js'
import type { Fact } from '../../ledger/ledger.js'
import { type Money, micros } from '../../policy/money.js'
import { parseChallenge } from '../admission/parse-challenge.js'
import { asLedgerError } from '../errors.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { SubmitObserver, SubmittedTask } from '../service/solver-task.js'
import type { BatchItem } from '../types.js'
import { BatchLock, type BatchLockDeps } from './batch-lock.js'
import { shortPath, wholePath } from './stored-path.js'

const DAY_MS = 86_400_000
const MAX_KEY_LENGTH = 128
/** The longest id of a task that solvers accept. */
const LONGEST_TASK_ID = 'x'.repeat(64)

/** A digest of what a challenge keeps from run to run. Only where the caller has keys of its own. */
const subject = z.string().optional()

/** An item as stored. It holds no solution: that is polled again, from the service. */
const STORED_ITEM = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('submitted'),
    subject,
    /** A digest of the challenge: an answer is valid for the same challenge only. */
    identity: z.string(),
    solver: z.string(),
    taskId: z.string(),
    keyVersion: z.string(),
    family: z.string().transform((family) => family as Family),
    reservationId: z.string(),
    amount: z.number().transform(micros),
    path: z.array(z.string()).transform(wholePath),
  }),
  z.object({ state: z.literal('solved'), subject, cost: z.number().transform(micros) }),
  z.object({ state: z.literal('failed'), subject, code: z.string().transform((code) => code as Code) }),
])

type StoredItem = z.output<typeof STORED_ITEM>

/** What is stored cannot be read: it is damaged, or of another version. The item may have been bought. */
interface UnreadableItem {
  readonly state: 'unreadable'
  readonly subject?: undefined
}

/** A stored item, and when it was stored: wall-clock ms. */
export type KnownItem = (StoredItem | UnreadableItem) & { readonly at: number }

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
  /** The subjects of the items of this run, by the caller's own keys. */
  readonly #subjects = new Map<string, string>()
  readonly #refused = new AbortController()
  /** One promise for each item whose task the service may accept; resolves when the task is stored, or not accepted. */
  readonly #submitting = new Set<Promise<void>>()

  constructor(deps: BatchDeps, plan: BatchPlan) {
    this.#deps = deps
    this.#plan = plan
    this.#lock = new BatchLock(deps, plan.name)
    this.ended = AbortSignal.any([this.#lock.lost, this.#refused.signal])
    this.#scope = scopeOf(deps, plan.name)
  }

  /**
   * Aborted, with the error of the stream, when another process has acquired the batch, or an item of the batch is
   * another one in this run.
   */
  readonly ended: AbortSignal

  /**
   * @param challenges the items, if they are known before the first one is solved: none is bought if one is refused
   * @throws SolveguardError `BATCH_UNDER_WAY`, `BATCH_ITEMS_DIFFER`
   */
  async open(challenges: readonly AnyChallenge[]): Promise<void> {
    try {
      await this.#lock.acquire()
      for (const { name, item } of await itemsOf(this.#deps, this.#scope)) this.#known.set(name, item)
    } catch (error) {
      throw asLedgerError(error)
    }
    if (this.#known.size === 0) return
    for (const [index, challenge] of challenges.entries()) this.#check(challenge, index)
    this.#refused.signal.throwIfAborted()
  }

  /** Refuses an item that differs. Any other problem of an item, or of the caller's function, is that item's own. */
  #check(challenge: AnyChallenge, index: number): void {
    try {
      const own = this.#plan.key?.(challenge, index)
      if (typeof own === 'string') this.#refuseIfOther(own, subjectOf(challenge))
      else callUserCode(() => own)
    } catch {}
  }

  /** @throws SolveguardError `BATCH_ITEMS_DIFFER` if an earlier run had another item with this key */
  #refuseIfOther(key: string, subject: string): void {
    const before = this.#known.get(key)?.subject
    if (before === undefined || before === subject) return
    const error = new SolveguardError(
      'BATCH_ITEMS_DIFFER',
      `The batch '${this.#plan.name}' was begun with other items: its item ${printable(key, 64)} was for another ` +
        'challenge. Give this batch another name. (If only a part of the address differs, such as a session, leave ' +
        'that part out of pageUrl.)',
    )
    this.#refused.abort(error)
    throw error
  }

  /**
   * Waits until each task that is being submitted is stored. Otherwise a process that opens the batch next could buy it
   * a second time.
   */
  async close(): Promise<void> {
    await Promise.all(this.#submitting)
    try {
      await this.#lock.release()
    } catch (error) {
      // The lease of the lock expires by itself.
      this.#deps.alert('LEDGER_UNAVAILABLE', `A batch could not be released: ${messageOf(error)}`)
    }
  }

  /**
   * The key of an item: from the caller's function, or a digest of the challenge. Equal challenges are numbered, so the
   * second of two is the second again in the next run.
   * @throws SolveguardError `CONFIG_INVALID` for an invalid key, or one used twice; `CHALLENGE_INVALID`;
   *   `BATCH_ITEMS_DIFFER`, which ends the batch
   */
  keyOf(challenge: AnyChallenge, index: number): string {
    const own = this.#plan.key?.(challenge, index)
    if (own === undefined) {
      const identity = identityOf(challenge)
      const seen = (this.#seen.get(identity) ?? 0) + 1
      this.#seen.set(identity, seen)
      return `${identity}:${seen}`
    }
    if (typeof own !== 'string') callUserCode(() => own)
    if (typeof own !== 'string' || !/^[\x20-\x7e]+$/.test(own) || own.length > MAX_KEY_LENGTH) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        `batch.key: expected 1 to ${MAX_KEY_LENGTH} printable ASCII characters.`,
      )
    }
    if (this.#subjects.has(own))
      throw new SolveguardError('CONFIG_INVALID', `batch.key: two items have the key ${own}.`)
    const subject = subjectOf(challenge)
    this.#refuseIfOther(own, subject)
    this.#subjects.set(own, subject)
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
    const note = (task: SubmittedTask): StoredItem => ({
      state: 'submitted',
      identity: identityOf(challenge),
      ...task,
      path: [...task.path],
    })
    return {
      begin: (task) => {
        this.#checkNote(note({ ...task, taskId: LONGEST_TASK_ID }), key)
        finish()
        const begin = (): void => {
          const storing = new Promise<void>((resolve) => {
            finish = resolve
          }).finally(() => this.#submitting.delete(storing))
          this.#submitting.add(storing)
        }
        const confirming = this.#confirmLock()
        return isPromise(confirming) ? confirming.then(begin) : begin()
      },
      onSubmitted: async (task) => {
        await this.#store(key, note(task))
        finish()
      },
      end: () => finish(),
    }
  }

  /** @throws SolveguardError `BATCH_UNDER_WAY` if another process has acquired the batch; `LEDGER_UNAVAILABLE` */
  #confirmLock(): MaybePromise<void> {
    const confirming = this.#lock.confirm()
    if (!isPromise(confirming)) return
    return confirming.catch((error) => {
      throw asLedgerError(error)
    })
  }

  /**
   * Checks that the ledger can store an item, before its task is bought.
   * @throws SolveguardError `CONFIG_INVALID`
   */
  #checkNote(item: StoredItem, key: string): void {
    const { length } = this.#valueOf(key, item)
    if (length <= MAX_FACT_LENGTH) return
    throw new SolveguardError(
      'CONFIG_INVALID',
      `The ledger cannot store this item of the batch: ${length} characters, and at most ${MAX_FACT_LENGTH} fit. ` +
        "Shorten the version's name of the key, or the names of the grants.",
    )
  }

  solved(key: string, cost: Money): Promise<void> {
    return this.#store(key, { state: 'solved', cost })
  }

  failed(key: string, code: Code): Promise<void> {
    return this.#store(key, { state: 'failed', code })
  }

  #valueOf(key: string, item: StoredItem): string {
    const path = item.state === 'submitted' ? { path: shortPath(item.path) } : {}
    return JSON.stringify({ ...item, ...path, subject: this.#subjects.get(key) })
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
      const value = this.#valueOf(key, item)
      // Another process that has acquired the batch may have stored more than a task or a failure of this one.
      const ifAbsent = this.#lock.lost.aborted && item.state !== 'solved'
      const fact = { scope: this.#scope, name: key, value, ttlMs: this.#plan.keepForMs ?? DAY_MS, ifAbsent }
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
    .flatMap(({ name: key, item }) => {
      if (item.state === 'unreadable') return []
      const { state, at } = item
      const cost = state === 'solved' ? item.cost : undefined
      const code = state === 'failed' ? item.code : undefined
      return [{ key, state, at: new Date(at), cost, code }]
    })
}

function scopeOf(deps: ItemsDeps, batch: string): string {
  return `batch:${deps.name}/${batch}`
}

async function itemsOf(deps: ItemsDeps, scope: string): Promise<{ name: string; item: KnownItem }[]> {
  const facts = await deps.ledger.listFacts(scope, deps.clock.now())
  return facts.map((fact) => ({ name: fact.name, item: read(fact) }))
}

/** Parses a stored item. A ledger is shared, so an item of another version may have any shape. */
function read({ value, at }: Fact): KnownItem {
  try {
    const parsed = STORED_ITEM.safeParse(JSON.parse(value))
    if (parsed.success) return { ...parsed.data, at }
  } catch {}
  return { state: 'unreadable', at }
}

/**
 * A digest of a challenge, one-time values included. A digest, because page addresses may hold private data.
 * @throws SolveguardError `CHALLENGE_INVALID`
 */
function identityOf(challenge: AnyChallenge): string {
  return digest(parseChallenge(challenge))
}

/**
 * A digest of what a challenge keeps from run to run: without the one-time values of widgets.
 * @throws SolveguardError `CHALLENGE_INVALID`
 */
function subjectOf(challenge: AnyChallenge): string {
  const parsed = parseChallenge(challenge)
  const { family, variant } = parsed
  const pageUrl = parsed.pageUrl.replace(/#.*$/s, '')
  if (!isPicture(parsed)) return digest({ family, variant, pageUrl, sitekey: parsed.sitekey })
  return digest({ ...parsed, pageUrl, frameUrl: undefined })
}

function digest(facts: object): string {
  const hash = createHash('sha256')
  for (const [name, value] of Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (value === undefined) continue
    hash.update(`${name}\0`)
    for (const part of [value].flat()) hash.update(part instanceof Uint8Array ? part : String(part)).update('\0')
  }
  return hash.digest('base64url').slice(0, 22)
}
