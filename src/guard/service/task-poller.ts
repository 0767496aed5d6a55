import type { Clock } from '../../base/clock.js'
import type { Call, Reply } from '../../base/wire.js'
import type { BatchPoll, BatchPollResult, Failure, Pending, Ready, Solver } from '../../solvers/solver.js'
import type { Pace } from '../accounts/poll-schedule.js'
import type { Errand } from './client.js'

type Answered = Ready | Pending | Failure

/** Sends a call, and reads the reply; a call without a reply is a failure too. */
export type Send = <T extends Ready | Pending | BatchPollResult>(
  errand: Errand,
  call: Call,
  read: (reply: Reply) => T | Failure,
) => Promise<T | Failure>

/** The tasks that wait at one account, where the service can be asked for several in one call. */
export type Round = Set<Asking>

/** What a service says of its time, in whole seconds, may be off by so much. */
const TOLD_WITHIN_MS = 1_000

const NOBODY: readonly Asking[] = []

/**
 * Asks for one task: when its pace says so, together with all others that may be asked for by then, or in the call of one of those. No
 * task is asked for sooner, or more often, than the service's manners allow.
 */
export class Asking {
  readonly #clock: Clock
  readonly #errand: Errand
  readonly #solver: Solver
  readonly #taskId: string
  readonly #pace: Pace
  readonly #round: Round | undefined
  /** Monotonic ms at which the task was handed in; absent where nobody here knows. */
  readonly #handedInAt: number | undefined
  #polledAt: number | undefined
  /** When it was last heard not to be ready. */
  #notReadyAt: number | undefined
  /** From when on it may be asked for; monotonic ms. Infinite while it is being asked for. */
  #from: number
  /** The call of another task's turn that asks for it too, while there is one; and what that said, undefined where nothing was heard. */
  #asked: Promise<void> | undefined
  #told: { readonly result: Answered | undefined; readonly at: number } | undefined

  /** @param handedIn whether it has just been handed in, by us */
  constructor(errand: Errand, taskId: string, clock: Clock, handedIn: boolean) {
    const { account, family } = errand
    this.#clock = clock
    this.#errand = errand
    this.#solver = account.solver
    this.#taskId = taskId
    this.#pace = account.pace(family)
    this.#handedInAt = handedIn ? clock.monotonic() : undefined
    const { batchPoll: many } = this.#solver
    this.#round = many?.families.includes(family) ? account.round : undefined
    this.#from = clock.monotonic() + (handedIn ? this.#solver.polling(errand).firstPollMs : 0)
    this.#round?.add(this)
  }

  /** How long to wait until it is this task's turn, in ms. */
  get wait(): number {
    const now = this.#clock.monotonic()
    const start = this.#handedInAt
    if (start === undefined) return this.#polledAt === undefined ? 0 : this.#polledAt + this.#everyMs - now
    return start + this.#pace.next(this.#polledAt === undefined ? undefined : this.#polledAt - start) - now
  }

  get #everyMs(): number {
    return this.#solver.polling(this.#errand).everyMs
  }

  /** What the service says of the task: already told, or asked for now. */
  ask(send: Send): Promise<Answered> {
    // Its own turn came while another's call was under way.
    return this.#asked ? this.#asked.then(() => this.#ask(send)) : this.#ask(send)
  }

  // Thousands of these wait at a time: a function that awaits would hold several times as much as what is handed on here.
  #ask(send: Send): Promise<Answered> {
    const told = this.#told
    this.#told = undefined
    if (told) return Promise.resolve(this.#heard(told.result, told.at))
    const at = this.#clock.monotonic()
    const { batchPoll: many } = this.#solver
    const others = many && this.#round ? this.#alongWith(this.#round, at, many.max - 1) : NOBODY
    this.#from = Number.POSITIVE_INFINITY
    return many && others.length > 0 ? this.#askAlong(many, others, send, at) : this.#askAlone(send, at)
  }

  #askAlone(send: Send, at: number): Promise<Answered> {
    const read = (reply: Reply): Answered => this.#solver.readPoll(reply, this.#errand.family)
    const call = this.#hiding(this.#solver.poll(this.#taskId), NOBODY)
    return send<Ready | Pending>(this.#errand, call, read).then((heard) => this.#heard(heard, at))
  }

  #askAlong(many: BatchPoll, others: readonly Asking[], send: Send, at: number): Promise<Answered> {
    const all: readonly Asking[] = [this, ...others]
    const families = all.map((one) => one.#errand.family)
    const call = this.#hiding(many.poll(all.map((one) => one.#taskId)), others)
    const sent = send<BatchPollResult>(this.#errand, call, (reply) => many.read(reply, families))
    const results = sent.then(
      (heard) => (heard.kind === 'batch' ? heard.results : []),
      () => [],
    )
    for (const [i, other] of others.entries()) {
      other.#asked = results.then((list) => other.#tell(list[i + 1], at))
    }
    return sent.then((heard) => this.#heard(heard.kind === 'batch' ? heard.results[0] : heard, at))
  }

  /** A call in the reply to which what is hidden may be repeated. */
  #hiding(call: Call, others: readonly Asking[]): Call {
    const all = [this, ...others]
    if (all.every((one) => one.#errand.hidden.length === 0)) return call
    return { ...call, sensitive: [...new Set(all.flatMap((one) => one.#errand.hidden))] }
  }

  /** No longer to be asked for. */
  end(): void {
    this.#round?.delete(this)
  }

  #alongWith(round: Round, now: number, most: number): Asking[] {
    const others: Asking[] = []
    for (const other of round) {
      if (others.length >= most) break
      if (other === this || other.#from > now || !this.#goesWith(other.#errand)) continue
      other.#from = Number.POSITIVE_INFINITY
      others.push(other)
    }
    return others
  }

  /** Whether another's task may be asked for in the same call: by the same way out, with the same key. */
  #goesWith({ transport, key }: Errand): boolean {
    return transport === this.#errand.transport && key.value.fingerprint === this.#errand.key.value.fingerprint
  }

  #tell(result: Answered | undefined, at: number): void {
    this.#asked = undefined
    this.#told = { result, at }
    this.#errand.wake?.()
  }

  /** @param result undefined where a call brought no reply that would say anything of this task */
  #heard(result: Answered | undefined, at: number): Answered {
    this.#polledAt = at
    this.#from = at + this.#everyMs
    const start = this.#handedInAt
    if (result?.kind === 'pending') this.#notReadyAt = at
    if (result?.kind === 'ready' && start !== undefined) {
      this.#pace.saw(narrowed((this.#notReadyAt ?? start) - start, at - start, result.tookMs))
    }
    return result ?? { kind: 'pending' }
  }
}

/** The time in which a task became ready; narrower where the service says how long it took, and that fits. */
function narrowed(after: number, by: number, tookMs: number | undefined): { after: number; by: number } {
  if (tookMs === undefined) return { after, by }
  const from = Math.max(after, tookMs - TOLD_WITHIN_MS)
  const to = Math.min(by, tookMs + TOLD_WITHIN_MS)
  return to > from ? { after: from, by: to } : { after, by }
}
