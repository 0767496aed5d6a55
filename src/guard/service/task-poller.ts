import type { Clock } from '../../base/clock.js'
import type { Call, Reply } from '../../base/wire.js'
import type { BatchPoll, BatchPollResult, Failure, Pending, Ready, Solver } from '../../solvers/solver.js'
import type { PollSchedule } from '../accounts/poll-schedule.js'
import type { SolverTask } from './solver-task.js'

type PollResult = Ready | Pending | Failure

/** Sends a call, and reads the reply; a call without a reply is a failure too. */
export type Send = <T extends Ready | Pending | BatchPollResult>(
  task: SolverTask,
  call: Call,
  read: (reply: Reply) => T | Failure,
) => Promise<T | Failure>

/** The tasks that wait at one account, where the service can be asked for several in one call. */
export type PollGroup = Set<TaskPoller>

/** What a service says of its time, in whole seconds, may be off by so much. */
const REPORTED_TIME_ERROR_MS = 1_000

const NO_OTHERS: readonly TaskPoller[] = []

/**
 * Asks for one task: when its pace says so, together with all others that may be asked for by then, or in the call of one of those. No
 * task is asked for sooner, or more often, than the service's manners allow.
 */
export class TaskPoller {
  readonly #clock: Clock
  readonly #task: SolverTask
  readonly #solver: Solver
  readonly #taskId: string
  readonly #schedule: PollSchedule
  readonly #group: PollGroup | undefined
  /** Monotonic ms at which the task was handed in; absent where nobody here knows. */
  readonly #submittedAt: number | undefined
  #polledAt: number | undefined
  /** When a poll last found it not ready. */
  #notReadyAt: number | undefined
  /** From when on it may be asked for; monotonic ms. Infinite while it is being asked for. */
  #dueAt: number
  /** The call of another task's turn that asks for it too, while there is one; and its result, undefined where the call brought none. */
  #sharedCall: Promise<void> | undefined
  #received: { readonly result: PollResult | undefined; readonly at: number } | undefined

  /**
   * @param justSubmitted whether this process has just submitted it
   * @param group the tasks of the same account that wait to be polled together
   */
  constructor(task: SolverTask, taskId: string, clock: Clock, justSubmitted: boolean, group: PollGroup) {
    const { account, family } = task
    this.#clock = clock
    this.#task = task
    this.#solver = account.solver
    this.#taskId = taskId
    this.#schedule = account.pollSchedule(family)
    this.#submittedAt = justSubmitted ? clock.monotonic() : undefined
    const { batchPoll } = this.#solver
    this.#group = batchPoll?.families.includes(family) ? group : undefined
    this.#dueAt = clock.monotonic() + (justSubmitted ? this.#solver.polling(task).firstPollMs : 0)
    this.#group?.add(this)
  }

  /** How long to wait until it is this task's turn, in ms. */
  get wait(): number {
    const now = this.#clock.monotonic()
    const start = this.#submittedAt
    if (start === undefined) return this.#polledAt === undefined ? 0 : this.#polledAt + this.#everyMs - now
    return start + this.#schedule.next(this.#polledAt === undefined ? undefined : this.#polledAt - start) - now
  }

  get #everyMs(): number {
    return this.#solver.polling(this.#task).everyMs
  }

  /** What the service says of the task: already received, or asked for now. */
  poll(send: Send): Promise<PollResult> {
    // Its own turn came while another's call was under way.
    return this.#sharedCall ? this.#sharedCall.then(() => this.#pollNow(send)) : this.#pollNow(send)
  }

  // Thousands of these wait at a time: a function that awaits would hold several times as much as what is handed on here.
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
    const families = all.map((one) => one.#task.family)
    const call = this.#withHidden(batchPoll.poll(all.map((one) => one.#taskId)), others)
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

  /** A call in the reply to which what is hidden may be repeated. */
  #withHidden(call: Call, others: readonly TaskPoller[]): Call {
    const all = [this, ...others]
    if (all.every((one) => one.#task.hidden.length === 0)) return call
    return { ...call, sensitive: [...new Set(all.flatMap((one) => one.#task.hidden))] }
  }

  /** No longer to be asked for. */
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

  /** Whether another's task may be asked for in the same call: by the same way out, with the same key. */
  #canShareCall({ transport, key }: SolverTask): boolean {
    return transport === this.#task.transport && key.value.fingerprint === this.#task.key.value.fingerprint
  }

  #deliver(result: PollResult | undefined, at: number): void {
    this.#sharedCall = undefined
    this.#received = { result, at }
    this.#task.wake?.()
  }

  /** @param result undefined where a call brought no reply that would say anything of this task */
  #result(result: PollResult | undefined, at: number): PollResult {
    this.#polledAt = at
    this.#dueAt = at + this.#everyMs
    const start = this.#submittedAt
    if (result?.kind === 'pending') this.#notReadyAt = at
    if (result?.kind === 'ready' && start !== undefined) {
      this.#schedule.observe(narrowed((this.#notReadyAt ?? start) - start, at - start, result.tookMs))
    }
    return result ?? { kind: 'pending' }
  }
}

/** The time in which a task became ready; narrower where the service says how long it took, and that fits. */
function narrowed(after: number, by: number, tookMs: number | undefined): { after: number; by: number } {
  if (tookMs === undefined) return { after, by }
  const from = Math.max(after, tookMs - REPORTED_TIME_ERROR_MS)
  const to = Math.min(by, tookMs + REPORTED_TIME_ERROR_MS)
  return to > from ? { after: from, by: to } : { after, by }
}
