import type { MaybePromise } from '../base/async.js'
import { SolveguardError } from '../base/errors.js'
import { freezeClass } from '../base/frozen.js'
import type { Policy } from '../policy/schema.js'
import { checkName } from './admission/names.js'
import type { Advisor } from './advice/advisor.js'
import { closed, ledgerDown } from './errors.js'
import { type GrantDeps, PolicyGrant } from './grant.js'
import type { Events } from './observability/events.js'
import type { BackgroundTasks } from './ports.js'
import type { Recovery } from './service/recovery.js'
import type { SharedTimings } from './service/shared-timings.js'
import type { SolvePipeline } from './solve/pipeline.js'
import { BudgetPath } from './spending/budgets.js'
import { batchItems } from './streams/batch.js'
import type { Advice, AdviceOptions, BatchItem, Guard, GuardEvents } from './types.js'

/** What the root grant needs besides what every grant needs. */
export interface RootGrantDeps extends GrantDeps, BackgroundTasks {
  readonly events: Pick<Events, 'on'>
  /** Lifts every pause of the guard and its accounts. */
  resume(): Promise<void>
  /** The first step of closing: no new work starts. */
  beginClose(): void
  /** Runs these steps, and releases everything. Never rejects. */
  close(first: readonly (() => MaybePromise<unknown>)[]): Promise<void>
}

/** The services of a guard. */
export interface GuardServices {
  readonly pipeline: Pick<SolvePipeline, 'solve' | 'explain' | 'denyUnnamed' | 'underWay' | 'close'>
  readonly recovery: Pick<Recovery, 'recover' | 'following' | 'close'>
  readonly timings: Pick<SharedTimings, 'publish'>
  readonly advisor: Pick<Advisor, 'recommend'>
}

/** The root grant, with what only a guard can do. */
export class RootGrant extends PolicyGrant implements Guard {
  readonly name: string
  readonly #deps: RootGrantDeps
  readonly #services: GuardServices
  #closing: Promise<void> | undefined

  static {
    freezeClass(RootGrant)
  }

  constructor(deps: RootGrantDeps, policy: Policy, services: GuardServices) {
    super(deps, services, policy, new BudgetPath([]), deps.name)
    this.name = deps.name
    this.#deps = deps
    this.#services = services
    Object.freeze(this)
  }

  on<K extends keyof GuardEvents>(event: K, callback: (event: GuardEvents[K]) => void): () => void {
    return this.#deps.events.on(event, callback)
  }

  recommendConcurrency(options?: AdviceOptions): Promise<Advice> {
    return this.#services.advisor.recommend(this, options)
  }

  async batch(name: string): Promise<readonly BatchItem[]> {
    if (this.#deps.closed) throw closed()
    try {
      return await batchItems(this.#deps, checkName(name, 'name'))
    } catch (error) {
      throw error instanceof SolveguardError ? error : ledgerDown(error)
    }
  }

  async resume(): Promise<void> {
    if (this.#deps.closed) throw closed()
    await this.#deps.resume()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { pipeline, recovery, timings } = this.#services
    this.#deps.beginClose()
    await this.#deps.close([
      () => pipeline.close(),
      () => recovery.close(),
      // So that the next process need not learn the solve times again.
      () => timings.publish(),
    ])
  }
}
