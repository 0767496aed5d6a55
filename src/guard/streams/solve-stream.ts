import { setMaxListeners } from 'node:events'
import { z } from 'zod'
import { type AnyChallenge, withoutPictures } from '../../base/challenge.js'
import { type Code, SolveguardError } from '../../base/errors.js'
import { micros } from '../../policy/money.js'
import { check } from '../../policy/schema.js'
import { duration } from '../../policy/shapes.js'
import type { Account } from '../accounts/account.js'
import type { GrantContext } from '../admission/grant-context.js'
import { checkName } from '../admission/names.js'
import { asSolveguardError, denied, withoutKey } from '../errors.js'
import type { GuardContext, Notifier } from '../ports.js'
import type { Recovery } from '../service/recovery.js'
import type { SolvePipeline } from '../solve/pipeline.js'
import type {
  GuardEvents,
  Solution,
  SolveStream,
  StreamItem,
  StreamOptions,
  StreamResult,
  StreamSummary,
} from '../types.js'
import { Batch, type BatchDeps } from './batch.js'
import { concurrentMap } from './concurrent-map.js'
import { NO_ANSWER, OUTCOME_UNKNOWN, type ReattachDeps, reattach, type SubmittedItem } from './reattach.js'

const DEFAULT_CONCURRENCY = 10
const MAX_CONCURRENCY = 100_000

const expected = `expected a whole number from 1 to ${MAX_CONCURRENCY}`

const shape = z.strictObject({
  order: z.enum(['arrival', 'input'], { error: "expected 'arrival' or 'input'" }).optional(),
  concurrency: z.number({ error: expected }).int(expected).min(1, expected).max(MAX_CONCURRENCY, expected).optional(),
  signal: z.instanceof(AbortSignal, { error: 'expected an AbortSignal' }).optional(),
  batch: z
    .union([
      z.string(),
      z.strictObject({
        name: z.string(),
        key: z
          .custom<object>((value) => typeof value === 'function', 'expected a function of the challenge and its index')
          .optional(),
        keepFor: duration.refine((ms) => ms >= 60_000 && ms <= 31 * 86_400_000, 'expected 1m to 31d').optional(),
      }),
    ])
    .optional(),
})

/** Codes with which the caller or the guard ended a solve: its item has not ended. */
const ENDED_BY_CALLER: ReadonlySet<Code> = new Set<Code>(['SOLVE_ABORTED', 'GUARD_CLOSED'])

/** What solves the items of a stream. */
type StreamPipeline = Pick<SolvePipeline, 'solve'>

/** What a stream without a batch needs from the guard. */
export interface StreamDeps extends Pick<GuardContext, 'clock'>, Pick<Notifier, 'emit' | 'isObserved'> {
  /** For each open stream, the number of items that it has not started. */
  readonly pendingItems: Set<{ left: number }>
}

/** What a stream needs from the guard. */
export interface SolveStreamDeps extends StreamDeps, BatchDeps, ReattachDeps {
  readonly accounts: readonly Account[]
}

/** What a batch needs besides. */
export interface StreamBatches {
  readonly deps: BatchDeps & ReattachDeps
  readonly recovery: Pick<Recovery, 'recover'>
}

/**
 * Solves many challenges under one grant.
 * @param batches absent where there is no ledger to keep them
 */
export function solveStream(
  deps: StreamDeps,
  pipeline: StreamPipeline,
  grant: GrantContext,
  challenges: Iterable<AnyChallenge> | AsyncIterable<AnyChallenge>,
  options: StreamOptions = {},
  batches?: StreamBatches,
): SolveStream {
  const { order = 'arrival', concurrency, signal, batch: batchInput } = check(shape, options, 'stream')
  const slots = grant.policy.budget.concurrent
  const maxConcurrent = Math.min(concurrency ?? slots ?? DEFAULT_CONCURRENCY, slots ?? MAX_CONCURRENCY)
  const { name, key, keepForMs } = planOf(batchInput, options)
  const batch =
    name === undefined
      ? undefined
      : new Batch(needed(batches).deps, { name: checkName(name, 'stream.batch'), key, keepForMs })
  /** Aborted when the consumer stops iterating: queued solves must not be bought. */
  const stopped = new AbortController()
  const ended = firstOf(stopped.signal, signal, batch?.ended)
  // The number of items of a generator is unknown.
  const backlog = { left: Array.isArray(challenges) ? challenges.length : 0 }
  const summary = { solved: 0, failed: 0, alreadySolved: 0, cost: 0 }
  /** The keys of items whose submitted task could not be polled: they have not ended. */
  const unresolved = new Set<string>()

  async function solveItem(challenge: AnyChallenge, index: number): Promise<StreamResult | undefined> {
    let item: StreamItem = { challenge, index }
    backlog.left = Math.max(backlog.left - 1, 0)
    try {
      if (batch) item = { challenge, index, key: batch.keyOf(challenge, index) }
      const solution = await solutionOf(item)
      return solution && { ...item, ok: true, solution }
    } catch (error) {
      return { ...item, ok: false, error: asSolveguardError(error, 'SOLVER_ERROR') }
    }
  }

  /** The item's solution; undefined if an earlier run has solved the item. */
  async function solutionOf({ challenge, index, key: itemKey }: StreamItem): Promise<Solution | undefined> {
    if (!batch || itemKey === undefined) return pipeline.solve(grant, challenge, { signal: ended })
    const known = batch.known(itemKey)
    if (known?.state === 'solved') {
      summary.alreadySolved++
      emitItem({ index, key: itemKey, outcome: 'already-solved', cost: known.cost })
      return undefined
    }
    if (known?.state === 'unreadable') {
      unresolved.add(itemKey)
      throw denied(
        'LEDGER_UNAVAILABLE',
        'What the ledger has of this item of the batch cannot be read (it is damaged, or of another version): it may ' +
          'have been bought. Give the batch another name to buy it again.',
      )
    }
    const submitted = known?.state === 'submitted' && batch.isFor(known, challenge) ? known : undefined
    const solution = submitted && (await reattached(submitted, challenge, itemKey))
    return solution ?? pipeline.solve(grant, challenge, { signal: ended }, batch.submitObserver(itemKey, challenge))
  }

  /** The solution of a task that an earlier run submitted. On an error, the item ends only if the service states it. */
  async function reattached(
    submitted: SubmittedItem,
    challenge: AnyChallenge,
    itemKey: string,
  ): Promise<Solution | undefined> {
    try {
      const { deps: stored, recovery } = needed(batches)
      const facts = withoutPictures(challenge)
      const admitted = grant.gate.admit(facts, stored.clock.now())
      return await reattach(stored, recovery, grant, admitted, facts, submitted, ended)
    } catch (error) {
      if (!(error instanceof SolveguardError && NO_ANSWER.has(error.code))) unresolved.add(itemKey)
      throw error
    }
  }

  /** The consumer has asked for the next result: it has handled this one, so the item has ended. */
  async function onConsumed(result: StreamResult): Promise<void> {
    const { index, key: itemKey } = result
    if (result.ok) {
      const { cost } = result.solution
      summary.solved++
      summary.cost += cost
      if (batch && itemKey !== undefined) await batch.solved(itemKey, cost)
      emitItem({ index, key: itemKey, outcome: 'solved', cost })
    } else {
      const { code } = result.error
      summary.failed++
      if (batch && itemKey !== undefined && !unresolved.has(itemKey) && !mayStillBeSolved(batch, itemKey, code))
        await batch.failed(itemKey, code)
      emitItem({ index, key: itemKey, outcome: 'failed', code })
    }
  }

  function emitItem(item: Omit<GuardEvents['item'], 'batch' | 'at'>): void {
    if (deps.isObserved('item'))
      deps.emit('item', { batch: name, ...item, at: new Date(deps.clock.now()) }, item.outcome)
  }

  async function* results(): AsyncGenerator<StreamResult, void, undefined> {
    try {
      deps.pendingItems.add(backlog)
      await batch?.open(Array.isArray(challenges) ? challenges : [])
      yield* concurrentMap(challenges, solveItem, {
        concurrency: maxConcurrent,
        ordered: order === 'input',
        signal: ended,
        onConsumed,
      })
      batch?.ended.throwIfAborted()
    } finally {
      stopped.abort()
      deps.pendingItems.delete(backlog)
      await batch?.close()
    }
  }

  const all = results()
  return {
    [Symbol.asyncIterator]: () => all,
    async forEach(callback): Promise<StreamSummary> {
      for await (const result of all) await callback(result)
      return { ...summary, cost: micros(summary.cost) }
    },
  }
}

function needed(batches: StreamBatches | undefined): StreamBatches {
  if (batches) return batches
  throw withoutKey('stream({ batch })')
}

/** One signal for all of them. Without a listener limit, because every solve under way listens to it. */
function firstOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const any = AbortSignal.any(signals.filter((signal) => signal !== undefined))
  setMaxListeners(0, any)
  return any
}

/** Whether an item has not ended: the caller ended its solve, or the service may still solve its submitted task. */
function mayStillBeSolved(batch: Batch, key: string, code: Code): boolean {
  return ENDED_BY_CALLER.has(code) || (OUTCOME_UNKNOWN.has(code) && batch.known(key)?.state === 'submitted')
}

function planOf(batchInput: z.output<typeof shape>['batch'], { batch }: StreamOptions) {
  if (batchInput === undefined || typeof batchInput === 'string')
    return { name: batchInput, key: undefined, keepForMs: undefined }
  // The caller's function itself, not the schema's copy.
  const key = typeof batch === 'object' ? batch.key : undefined
  return { name: batchInput.name, key, keepForMs: batchInput.keepFor }
}
