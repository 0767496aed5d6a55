import type { Clock } from '../../base/clock.js'
import type { Call, Reply } from '../../base/wire.js'
import type { BatchPoll, BatchPollResult, Failure, Pending, Polling, Ready, Solver } from '../../solvers/solver.js'
import type { PollSchedule } from '../accounts/poll-schedule.js'
import type { TaskCallback } from '../callbacks/callbacks.js'
import type { SolverTask } from './solver-task.js'

type PollResult = Ready | Pending | Failure

/** Sends a call, and reads its reply. A call without a reply returns a failure. */
export type Send = <T extends Ready | Pending | BatchPollResult>(
  task: SolverTask,
  call: Call,
  read: (reply: Reply) => T | Failure,
) => Promise<T | Failure>

/** The waiting tasks of one account, if its service can poll several tasks in one call. */
export type PollGroup = Set<TaskPoller>

/** A service reports the time of a task in whole seconds: the error may be this large. */
const REPORTED_TIME_ERROR_MS = 1_000

/**
 * With a call-back a task is polled when it has called, and in case that never comes: after three times as long as
 * tasks take, within these bounds, and then every 30 s. Towards the end of its solve it is polled as without it.
 */
const SLOW_FIRST_FACTOR = 3
const MIN_SLOW_FIRST_MS = 30_000
const MAX_SLOW_FIRST_MS = 90_000
const SLOW_EVERY_MS = 30_000
const END_MS = 15_000

const NO_OTHERS: readonly TaskPoller[] = []

/**
 * Polls one task when its schedule says so, in one call with all other tasks that are due, or in the call of one of
 * them. No task is polled sooner, or more often, than the service allows.
 */
export class TaskPoller {
  readonly #clock: Clock
  readonly #task: SolverTask
  readonly #solver: Solver
  readonly #taskId: string
  readonly #schedule: PollSchedule
  readonly #polling: Polling
  readonly #group: PollGroup | undefined
  readonly #callback: TaskCallback | undefined
  /** Monotonic ms at which the task was submitted; undefined if another process submitted it. */
  readonly #submittedAt: number | undefined
  /** Monotonic ms of its last poll. */
  #polledAt: number | undefined
  /** Monotonic ms of the last poll that found it not ready. */
  #notReadyAt: number | undefined
  /** Monotonic ms from which on it may be polled. Infinite while a poll is in progress. */
  #dueAt: number
  /** Whether it waits longer than it would without a call-back. */
  #isSlow = false
  /** The call of another task that polls this one too, while it is in progress. */
  #sharedCall: Promise<void> | undefined
  /** The result of that call; its `result` is undefined if the reply had none for this task. */
  #received: { readonly result: PollResult | undefined; readonly at: number } | undefined

  /**
   * @param justSubmitted whether this process has just submitted it
   * @param group the tasks of the same account that wait to be polled together
   */
  constructor(task: SolverTask, taskId: string, clock: Clock, justSubmitted: boolean, group: PollGroup) {
    const { account, family, variant } = task
    this.#clock = clock
    this.#task = task
    this.#solver = account.solver
    this.#taskId = taskId
    this.#schedule = account.pollSchedule(family, variant)
    this.#polling = this.#schedule.polling
    const now = clock.monotonic()
    this.#submittedAt = justSubmitted ? now : undefined
    const { batchPoll } = this.#solver
    this.#group = batchPoll?.families.includes(family) ? group : undefined
    this.#callback = task.callback
    this.#callback?.follow()
    this.#dueAt = this.#callback ? now + this.wait : now + (justSubmitted ? this.#polling.firstPollMs : 0)
    this.#group?.add(this)
  }

  /** How long to wait until this task's next poll, in ms. */
  get wait(): number {
    const now = this.#clock.monotonic()
    const start = this.#submittedAt
    if (start === undefined) return this.#polledAt === undefined ? 0 : this.#polledAt + this.#polling.everyMs - now
    const scheduled =
      start + this.#schedule.next(this.#polledAt === undefined ? undefined : this.#polledAt - start) - now
    return this.#callback ? this.#waitFor(this.#callback, start, scheduled, now) : scheduled
  }

  #waitFor(callback: TaskCallback, start: number, scheduled: number, now: number): number {
    this.#isSlow = false
    if (callback.isDue) return 0
    if (!callback.isExpected) return scheduled
    const first = Math.max(SLOW_FIRST_FACTOR * this.#schedule.meanMs, MIN_SLOW_FIRST_MS, this.#polling.firstPollMs)
    const slowAt =
      this.#polledAt === undefined
        ? start + Math.min(first, MAX_SLOW_FIRST_MS)
        : this.#polledAt + Math.max(SLOW_EVERY_MS, this.#polling.everyMs)
    const endsAt = Math.max(this.#task.deadlineAt - END_MS, now + scheduled)
    this.#isSlow = slowAt <= endsAt
    return Math.min(slowAt, endsAt) - now
  }

  /** The result of a poll: of another task's call, if it was received there, or of a call sent now. */
  poll(send: Send): Promise<PollResult> {
    // Its own poll is due while another task's call is in progress.
    return this.#sharedCall ? this.#sharedCall.then(() => this.#pollNow(send)) : this.#pollNow(send)
  }

  // Does not await: thousands of these are pending, and an async function needs several times the memory.
  #pollNow(send: Send): Promise<PollResult> {
    const received = this.#received
    this.#received = undefined
    if (received) return Promise.resolve(this.#result(received.result, received.at))
    const at = this.#clock.monotonic()
    const { batchPoll } = this.#solver
    const others = batchPoll && this.#group ? this.#othersDue(this.#group, at, batchPoll.max - 1) : NO_OTHERS
    this.#dueAt = Number.POSITIVE_INFINITY
    return batchPoll && others.length > 0 ? this.#pollTogether(batchPoll, others, send, at) : this.#pollAlone(send, at)
  }

  #pollAlone(send: Send, at: number): Promise<PollResult> {
    const read = (reply: Reply): PollResult => this.#solver.readPoll(reply, this.#task.family)
    const call = this.#withHidden(this.#solver.poll(this.#taskId), NO_OTHERS)
    return send<Ready | Pending>(this.#task, call, read).then((result) => this.#result(result, at))
  }

  #pollTogether(batchPoll: BatchPoll, others: readonly TaskPoller[], send: Send, at: number): Promise<PollResult> {
    const all: readonly TaskPoller[] = [this, ...others]
    const families = all.map((poller) => poller.#task.family)
    const call = this.#withHidden(batchPoll.poll(all.map((poller) => poller.#taskId)), others)
    const sent = send<BatchPollResult>(this.#task, call, (reply) => batchPoll.read(reply, families))
    const results = sent.then(
      (result) => (result.kind === 'batch' ? result.results : []),
      () => [],
    )
    for (const [i, other] of others.entries()) {
      other.#sharedCall = results.then((list) => other.#deliver(list[i + 1], at))
    }
    return sent.then((result) => this.#result(result.kind === 'batch' ? result.results[0] : result, at))
  }

  /** Adds the hidden values of all tasks of a call: the service may repeat them in its reply. */
  #withHidden(call: Call, others: readonly TaskPoller[]): Call {
    const all = [this, ...others]
    if (all.every((poller) => poller.#task.hidden.length === 0)) return call
    return { ...call, sensitive: [...new Set(all.flatMap((poller) => poller.#task.hidden))] }
  }

  /** Ends polling: the task is left out of other tasks' calls from now on. */
  end(): void {
    this.#group?.delete(this)
  }

  #othersDue(group: PollGroup, now: number, max: number): TaskPoller[] {
    const others: TaskPoller[] = []
    for (const other of group) {
      if (others.length >= max) break
      if (other === this || other.#dueAt > now || !this.#canShareCall(other.#task)) continue
      other.#dueAt = Number.POSITIVE_INFINITY
      others.push(other)
    }
    return others
  }

  /** Whether another task may be polled in the same call: it has the same transport and the same key. */
  #canShareCall({ transport, key }: SolverTask): boolean {
    return transport === this.#task.transport && key.value.fingerprint === this.#task.key.value.fingerprint
  }

  #deliver(result: PollResult | undefined, at: number): void {
    this.#sharedCall = undefined
    this.#received = { result, at }
    this.#task.wake?.()
  }

  /** @param result undefined if a call returned no result for this task: it then counts as pending */
  #result(result: PollResult | undefined, at: number): PollResult {
    this.#polledAt = at
    const start = this.#submittedAt
    const calledAt = this.#callback?.calledAt
    if (result?.kind === 'pending') {
      this.#notReadyAt = at
      // What it said was wrong, unless it has called while the poll was under way.
      if (calledAt !== undefined && calledAt <= at) this.#callback?.spend()
    }
    if (result?.kind === 'ready' && start !== undefined) {
      if (this.#isSlow) this.#callback?.missed()
      const after = (this.#notReadyAt ?? start) - start
      this.#schedule.observe(narrowed(after, at - start, result.tookMs ?? calledAfter(calledAt, start)))
    }
    this.#dueAt = at + (this.#callback ? Math.max(this.wait, 0) : this.#polling.everyMs)
    return result ?? { kind: 'pending' }
  }
}

/** How long a task took, by its call-back: it may have come before the reply to the submit. */
function calledAfter(calledAt: number | undefined, start: number): number | undefined {
  return calledAt === undefined ? undefined : Math.max(calledAt - start, 0)
}

/** The interval in which a task became ready, narrowed by the time that the service reports, if the two agree. */
function narrowed(after: number, by: number, tookMs: number | undefined): { after: number; by: number } {
  if (tookMs === undefined) return { after, by }
  const from = Math.max(after, tookMs - REPORTED_TIME_ERROR_MS)
  const to = Math.min(by, tookMs + REPORTED_TIME_ERROR_MS)
  return to > from ? { after: from, by: to } : { after, by }
}
