import { randomInt, randomUUID } from 'node:crypto'
import { Abort, type AbortWatch } from '../base/abort.js'
import type { MaybePromise } from '../base/async.js'
import { type AnyChallenge, withoutPictures } from '../base/challenge.js'
import { DeniedError, messageOf, SolveguardError } from '../base/errors.js'
import { MissLimit } from '../base/miss-limit.js'
import { withTimeout } from '../base/timeout.js'
import type { SubmittedTask, TaskHost } from '../guard/hosting.js'
import type { Solution } from '../guard/types.js'
import { ZERO } from '../policy/money.js'
import type { ServiceName } from '../wires/services.js'
import type { SolvedTask } from '../wires/wire.js'
import type { Caller } from './auth.js'
import {
  challengeFacts,
  type SharedTask,
  SharedTasks,
  storedError,
  storedTask,
  type TaskFacts,
  type TaskProgress,
} from './shared-tasks.js'

/** Task ids are positive and below 2³¹: some clients keep them in a signed integer of 32 bits. */
const MAX_ID = 2 ** 31
/** The most tasks that a broker has in memory. */
const MAX_TASKS = 100_000
/** How long a failure is kept for its client, in ms; and how long a solved task is kept at least. */
const KEEP_FAILED_MS = 300_000
const KEEP_SOLVED_MS = 60_000
/** How much longer than a solve's own deadline the ledger keeps its task, in ms. */
const GRACE_MS = 120_000
const SWEEP_EVERY_MS = 5_000
/** For how long the reply to a poll for another broker's task is repeated without asking the ledger, in ms. */
const FOREIGN_FRESH_MS = 400
/** How many unknown ids a caller may ask the ledger for in a second. */
const MAX_MISSES = 20

/** A task of a client. One flat literal: thousands are in memory at a time. */
interface BrokerTask extends Omit<TaskFacts, 'id'> {
  id: number
  solution: Solution | undefined
  error: SolveguardError | undefined
  /** The service's task, once the service has accepted it. */
  submitted: SubmittedTask | undefined
  /** Wall-clock ms; 0 while it is under way. */
  endedAt: number
  /** When it is forgotten, wall-clock ms; 0 while it is under way. */
  keepUntil: number
  fetched: boolean
  reported: boolean
}

/** What a poll finds out. */
export type PollResult =
  | { readonly kind: 'working' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'failed'; readonly error: SolveguardError; readonly service: ServiceName }
  | {
      readonly kind: 'solved'
      readonly solution: Solution
      readonly task: SolvedTask
      readonly service: ServiceName
    }

/** A task to submit. */
export interface NewTask {
  readonly challenge: AnyChallenge
  readonly service: ServiceName
  readonly fields: SolvedTask['fields']
}

/** A task that was submitted. */
export interface AcceptedTask {
  readonly id: number
  /** Settles with the task. Its rejection is handled. */
  readonly ended: Promise<Solution>
  /** Its client has got the answer. */
  fetched(): void
  /** Whether its client has got the answer. */
  isFetched(): boolean
  /** Whether the answer is kept no longer: it has become too old for the site. */
  isForgotten(): boolean
  /** What a poll would find out, without one. */
  result(): PollResult
}

/** Bounds of a submit. */
export interface TaskLimits {
  /** How long a submit waits for a slot or for rate, in ms. */
  readonly acceptWaitMs: number
  /** A submit is answered within this time, in ms. */
  readonly answerWithinMs: number
}

/** How many tasks there were, since the broker was started. */
export interface TaskCounts {
  /** Accepted from clients. */
  submitted: number
  /** Solved by the service. */
  solved: number
  /** Ended without an answer. */
  failed: number
  /** Solved, and given to their client. */
  fetched: number
  /** Solved, and never fetched while the answer was valid. */
  unclaimed: number
  /** Taken over from another broker. */
  adopted: number
}

const WORKING = { kind: 'working' } as const
const UNKNOWN = { kind: 'unknown' } as const

/** The tasks of a broker's clients, between their submit and the poll that fetches the answer. */
export class BrokerTasks {
  readonly counts: TaskCounts = { submitted: 0, solved: 0, failed: 0, fetched: 0, unclaimed: 0, adopted: 0 }
  readonly #host: TaskHost
  readonly #limits: TaskLimits
  readonly #shared: SharedTasks
  readonly #tasks = new Map<number, BrokerTask>()
  readonly #foreign = new Map<number, { readonly caller: string; readonly until: number }>()
  /** By caller: how often the ledger was asked for an id that is not the caller's. */
  readonly #misses = new Map<string, MissLimit>()
  /** How many submits have not been answered yet. */
  #waiting = 0
  #draining = false
  #cancelSweep: (() => void) | undefined
  /** Called when a task has been forgotten: `drain` waits for the last one. */
  #onForgotten: () => void = () => {}

  constructor(host: TaskHost, limits: TaskLimits) {
    this.#host = host
    this.#limits = limits
    this.#shared = new SharedTasks(host, `${host.ownerId}/${randomUUID().slice(0, 8)}`)
  }

  async open(): Promise<void> {
    await this.#shared.open()
    this.#scheduleSweep()
  }

  /** How many tasks are under way. */
  get working(): number {
    let working = 0
    for (const task of this.#tasks.values()) if (task.endedAt === 0) working++
    return working
  }

  /** How many submits wait for a slot, for rate, or for the ledger. */
  get waiting(): number {
    return this.#waiting
  }

  /** How many tasks are kept, ended ones included. */
  get kept(): number {
    return this.#tasks.size
  }

  get draining(): boolean {
    return this.#draining
  }

  /**
   * Submits a task. Resolves when the ledger has reserved, the audit log has the record, and the other
   * brokers can find it; what the service says comes with the poll.
   *
   * @throws SolveguardError why nothing was submitted
   */
  async submit(caller: Caller, task: NewTask, limits: Partial<TaskLimits> = {}): Promise<AcceptedTask> {
    if (this.#draining || this.#host.closed) throw draining()
    if (this.#tasks.size >= MAX_TASKS) throw busy(`The broker has ${MAX_TASKS} tasks; retry when some have ended.`)
    this.#waiting++
    try {
      return await this.#submit(caller, task, { ...this.#limits, ...limits })
    } finally {
      this.#waiting--
    }
  }

  async #submit(
    caller: Caller,
    { challenge, service, fields }: NewTask,
    { acceptWaitMs, answerWithinMs }: TaskLimits,
  ): Promise<AcceptedTask> {
    const { clock } = this.#host
    const abort = new Abort()
    let allow = (): void => {}
    let deny: (error: unknown) => void = () => {}
    const allowed = new Promise<void>((resolve, reject) => {
      allow = resolve
      deny = reject
    })
    let answer = (): void => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const task: BrokerTask = {
      id: this.#newId(),
      caller: caller.id,
      service,
      challenge: withoutPictures(challenge),
      fields,
      submittedAt: clock.now(),
      solution: undefined,
      error: undefined,
      submitted: undefined,
      endedAt: 0,
      keepUntil: 0,
      fetched: false,
      reported: false,
    }
    const keepMs = (caller.grant.policy.deadlineMs ?? 0) + GRACE_MS
    const solving = this.#host.solve(caller.grant, challenge, {
      signal: abort,
      waitMs: Math.min(acceptWaitMs, answerWithinMs),
      observer: {
        begin: () => {
          // Its client has been answered already.
          if (abort.aborted) {
            throw new SolveguardError('SOLVE_ABORTED', 'The client was answered that it has to try again.')
          }
          allow()
          // Its client first: what the service's call takes of this process is not for the client to wait for.
          return answered
        },
        onSubmitted: async (submitted) => {
          task.submitted = submitted
          if (this.#tasks.get(task.id) === task) await this.#store(task, { task: submitted }, keepMs)
        },
        end: () => {},
      },
    })
    solving.then(
      // A free answer passes no `begin`.
      () => allow(),
      (error) => deny(error),
    )
    const accepted = allowed.then(() => this.#register(task, keepMs, abort))
    try {
      await withTimeout(accepted, { clock, ms: answerWithinMs, error: tooSlow })
    } catch (error) {
      abort.abort()
      this.#tasks.delete(task.id)
      throw error
    } finally {
      // The reply is written in this turn of the event loop.
      setImmediate(answer)
    }
    this.counts.submitted++
    solving.then(
      (solution) => this.#solved(task, solution),
      (error) => this.#failed(task, error),
    )
    return {
      id: task.id,
      ended: solving,
      fetched: () => this.#fetched(task),
      isFetched: () => task.fetched,
      isForgotten: () => this.#tasks.get(task.id) !== task,
      result: () => resultOf(task),
    }
  }

  #fetched(task: BrokerTask): void {
    if (task.fetched) return
    task.fetched = true
    this.counts.fetched++
  }

  /** Stores a new task under an id that no other has, here and in the ledger. @param signal its client was refused */
  async #register(task: BrokerTask, keepMs: number, signal: AbortWatch): Promise<void> {
    while (!signal.aborted) {
      this.#tasks.set(task.id, task)
      try {
        if (await this.#shared.add(task, keepMs)) return
      } catch (error) {
        throw ledgerError(error)
      }
      this.#tasks.delete(task.id)
      task.id = this.#newId()
    }
  }

  #newId(): number {
    for (;;) {
      const id = randomInt(1, MAX_ID)
      if (!this.#tasks.has(id)) return id
    }
  }

  /** Never rejects: the task continues here, and only other brokers cannot find out about it. */
  async #store(task: BrokerTask, progress: TaskProgress, ttlMs: number): Promise<void> {
    if (this.#host.closed) return
    try {
      await this.#shared.update(task, progress, ttlMs)
    } catch (error) {
      // One alert for all of them.
      this.#host.background(() => {
        throw ledgerError(error)
      })
    }
  }

  #solved(task: BrokerTask, solution: Solution): void {
    const now = this.#host.clock.now()
    task.solution = solution
    task.endedAt = now
    task.keepUntil = Math.max(solution.expiresAt.getTime(), now + KEEP_SOLVED_MS)
    this.counts.solved++
    const { token, fields } = solution
    const free = solution.taskId === '' ? { token, ...(fields && { fields }) } : undefined
    const progress = { solved: true, ...(task.submitted && { task: task.submitted }), ...(free && { free }) }
    void this.#store(task, progress, task.keepUntil - now)
  }

  #failed(task: BrokerTask, thrown: unknown): void {
    const error = thrown instanceof SolveguardError ? thrown : new SolveguardError('SOLVER_ERROR', messageOf(thrown))
    const now = this.#host.clock.now()
    // The guard has closed: the next broker takes the task over, and its client learns the outcome there.
    if (error.code === 'GUARD_CLOSED') return void this.#tasks.delete(task.id)
    task.error = error
    task.endedAt = now
    task.keepUntil = now + KEEP_FAILED_MS
    this.counts.failed++
    const { code, message } = error
    void this.#store(task, { failed: { code, message } }, KEEP_FAILED_MS)
  }

  /** Whether a task has an answer here that its client has not got yet. */
  hasUnfetched(id: number): boolean {
    const task = this.#tasks.get(id)
    return task?.solution !== undefined && !task.fetched
  }

  /**
   * The state of a task. From memory, where this broker has it; else from the ledger. A task that is not the caller's
   * is as unknown as one that never was.
   *
   * @throws DeniedError `LEDGER_UNAVAILABLE`
   */
  poll(caller: Caller, id: number): MaybePromise<PollResult> {
    const task = this.#tasks.get(id)
    if (!task) return this.#pollForeign(caller, id)
    return task.caller === caller.id ? this.#resultOf(task) : UNKNOWN
  }

  #resultOf(task: BrokerTask): PollResult {
    if (task.solution) this.#fetched(task)
    return resultOf(task)
  }

  async #pollForeign(caller: Caller, id: number): Promise<PollResult> {
    const { clock } = this.#host
    if (!Number.isSafeInteger(id) || id < 1 || id >= MAX_ID) return UNKNOWN
    const seen = this.#foreign.get(id)
    if (seen && seen.until > clock.monotonic()) return seen.caller === caller.id ? WORKING : UNKNOWN
    const found = await this.#missesOf(caller).ask(
      () => this.#find(caller, id),
      () => undefined,
    )
    // Another poll may have adopted it meanwhile.
    const adopted = this.#tasks.get(id)
    if (adopted) return adopted.caller === caller.id ? this.#resultOf(adopted) : UNKNOWN
    if (!found) return UNKNOWN
    const { shared, at, isAlive } = found
    if (isAlive && !shared.solved && !shared.failed) {
      if (this.#foreign.size >= MAX_TASKS) this.#foreign.clear()
      this.#foreign.set(id, { caller: caller.id, until: clock.monotonic() + FOREIGN_FRESH_MS })
      return WORKING
    }
    return this.#resultOf(this.#adopt(caller, id, shared, at))
  }

  /** What the ledger has of a task of the caller, and whether the broker lives that has it. */
  async #find(caller: Caller, id: number) {
    try {
      const found = await this.#shared.read(id)
      if (found?.shared.caller !== caller.id) return undefined
      return { ...found, isAlive: await this.#shared.isAlive(found.shared.owner) }
    } catch (error) {
      throw ledgerError(error)
    }
  }

  /** Takes over a task that another broker has ended, or left behind when it died. Buys nothing. */
  #adopt(caller: Caller, id: number, shared: SharedTask, at: number): BrokerTask {
    const challenge = challengeFacts(shared)
    const { service, fields, submittedAt, free, failed } = shared
    const submitted = storedTask(shared, at)
    const task: BrokerTask = {
      id,
      caller: caller.id,
      service,
      challenge,
      fields,
      submittedAt,
      solution: undefined,
      error: undefined,
      submitted,
      endedAt: 0,
      keepUntil: 0,
      fetched: false,
      reported: false,
    }
    this.#tasks.set(id, task)
    this.counts.adopted++
    if (failed) this.#failed(task, storedError(failed))
    else if (free) this.#solved(task, freeSolution(free, this.#host.clock.now()))
    else if (!submitted) this.#failed(task, lost())
    else {
      const keepMs = (caller.grant.policy.deadlineMs ?? 0) + GRACE_MS
      void this.#store(task, { task: submitted }, keepMs)
      this.#host.reattach(caller.grant, challenge, submitted).then(
        (solution) => (solution ? this.#solved(task, solution) : this.#failed(task, lost())),
        (error) => this.#failed(task, error),
      )
    }
    return task
  }

  /** Reports that the site accepted or rejected an answer. @returns whether the caller has such an answer */
  report(caller: Caller, id: number, good: boolean): 'reported' | 'repeated' | 'working' | 'unknown' {
    const task = this.#tasks.get(id)
    if (task?.caller !== caller.id) return 'unknown'
    if (!task.solution) return task.error ? 'unknown' : 'working'
    if (task.reported) return 'repeated'
    task.reported = true
    void (good ? task.solution.reportGood() : task.solution.reportBad()).catch(() => {})
    return 'reported'
  }

  #missesOf({ id }: Caller): MissLimit {
    const known = this.#misses.get(id)
    if (known) return known
    const misses = new MissLimit(this.#host.clock, MAX_MISSES)
    this.#misses.set(id, misses)
    return misses
  }

  #scheduleSweep(): void {
    this.#cancelSweep = this.#host.clock.after(
      SWEEP_EVERY_MS,
      () => {
        this.#sweep()
        this.#scheduleSweep()
      },
      false,
    )
  }

  #sweep(): void {
    const now = this.#host.clock.now()
    for (const [id, task] of this.#tasks) {
      if (task.keepUntil === 0 || task.keepUntil > now) continue
      this.#tasks.delete(id)
      if (task.solution && !task.fetched) this.counts.unclaimed++
    }
    const monotonic = this.#host.clock.monotonic()
    for (const [id, { until }] of this.#foreign) if (until <= monotonic) this.#foreign.delete(id)
    for (const [id, misses] of this.#misses) if (misses.idle) this.#misses.delete(id)
    this.#onForgotten()
  }

  /**
   * Refuses new tasks, and resolves when every submit was answered, and every task fetched or forgotten.
   * @param withinMs resolves after this time in any case
   */
  drain(withinMs: number): Promise<void> {
    this.#draining = true
    const isDone = (): boolean => {
      if (this.#waiting > 0) return false
      for (const { endedAt, fetched, error } of this.#tasks.values()) {
        if (endedAt === 0 || (!fetched && !error)) return false
      }
      return true
    }
    return new Promise((resolve) => {
      let cancelNext = (): void => {}
      const done = (): void => {
        cancelNext()
        cancelLast()
        this.#onForgotten = () => {}
        resolve()
      }
      const look = (): void => {
        cancelNext()
        if (isDone()) done()
        else cancelNext = this.#host.clock.after(DRAIN_LOOK_MS, look)
      }
      const cancelLast = this.#host.clock.after(withinMs, done)
      this.#onForgotten = look
      look()
    })
  }

  /** Stops. What is under way is left to the guard, and to the other brokers. */
  async close(): Promise<void> {
    this.#draining = true
    this.#cancelSweep?.()
    const { unclaimed } = this
    this.counts.unclaimed += unclaimed
    await this.#shared.close()
  }

  /** How many answers no client has fetched yet. */
  get unclaimed(): number {
    let unclaimed = 0
    for (const { solution, fetched } of this.#tasks.values()) if (solution && !fetched) unclaimed++
    return unclaimed
  }
}

const DRAIN_LOOK_MS = 100

function resultOf({ solution, error, service, challenge, fields, submittedAt, endedAt }: BrokerTask): PollResult {
  if (!solution) return error ? { kind: 'failed', error, service } : WORKING
  const task = { family: challenge.family, fields, submittedAt, readyAt: endedAt }
  return { kind: 'solved', solution, task, service }
}

function busy(message: string): DeniedError {
  return new DeniedError('SLOTS_FULL', message)
}

function draining(): SolveguardError {
  return new SolveguardError('BROKER_DRAINING', 'This broker is about to stop and takes no new tasks; ask another one.')
}

/** The error of a request that the ledger, the secrets store or another layer has not answered in time. */
export function tooSlow(): DeniedError {
  return new DeniedError(
    'LEDGER_UNAVAILABLE',
    'The ledger, or another layer, did not answer in time. What was submitted all the same is counted. Try again.',
  )
}

function lost(): SolveguardError {
  return new SolveguardError(
    'CAPTCHA_UNSOLVABLE',
    'The broker that had this task has ended, and its answer is not available any more; submit it again.',
  )
}

function ledgerError(error: unknown): SolveguardError {
  if (error instanceof SolveguardError) return error
  return new DeniedError('LEDGER_UNAVAILABLE', `The ledger did not answer: ${messageOf(error)}`, { cause: error })
}

/** The answer of a test key, as another broker has stored it. */
function freeSolution({ token, fields }: NonNullable<SharedTask['free']>, now: number): Solution {
  return {
    token,
    ...(fields && { fields }),
    cost: ZERO,
    imputed: false,
    taskId: '',
    expiresAt: new Date(now + KEEP_SOLVED_MS),
    reportGood: async () => {},
    reportBad: async () => {},
  }
}
