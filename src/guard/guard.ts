import type { MaybePromise } from '../base/async.js'
import { DeniedError } from '../base/errors.js'
import { freezeClass } from '../base/frozen.js'
import type { NarrowingInput, Policy } from '../policy/schema.js'
import { expiryOf, invalid } from '../tokens/claims.js'
import type { VerifiedToken } from '../tokens/verify.js'
import { checkName } from './admission/names.js'
import type { Advisor } from './advice/advisor.js'
import type { Callbacks } from './callbacks/callbacks.js'
import { asLedgerError, closed, ledgerDown } from './errors.js'
import { type GrantDeps, PolicyGrant } from './grant.js'
import type { Events } from './observability/events.js'
import type { BackgroundTasks } from './ports.js'
import type { Recovery } from './service/recovery.js'
import type { SharedTimings } from './service/shared-timings.js'
import type { SolvePipeline } from './solve/pipeline.js'
import { BudgetPath } from './spending/budgets.js'
import { batchItems } from './streams/batch.js'
import { RecentMap } from './tokens/recent-map.js'
import { pauseReason, stopTarget } from './tokens/stop-target.js'
import type { GuardTokens, TokenPurpose } from './tokens/tokens.js'
import type {
  Advice,
  AdviceOptions,
  BatchItem,
  Grant,
  Guard,
  GuardEvents,
  IssuedToken,
  PauseTarget,
  TokenOptions,
} from './types.js'

/** For how many tokens a process remembers the grant: some kilobytes each. */
const MAX_TOKEN_GRANTS = 1_000

/** What the root grant needs besides what every grant needs. */
export interface RootGrantDeps extends GrantDeps, BackgroundTasks {
  readonly events: Pick<Events, 'on'>
  /** Lifts every pause of the guard and its accounts. */
  resume(): Promise<void>
  /** Pauses the guard, in every process. */
  pauseAll(message: string): Promise<void>
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
  readonly callbacks: Pick<Callbacks, 'close'>
  readonly tokens: Pick<
    GuardTokens,
    | 'issue'
    | 'resolve'
    | 'tokenOf'
    | 'verify'
    | 'isGoodNow'
    | 'denied'
    | 'revoke'
    | 'issueHandle'
    | 'pause'
    | 'resume'
    | 'close'
  >
}

/** The root grant, with what only a guard can do. */
export class RootGrant extends PolicyGrant implements Guard {
  readonly name: string
  readonly #deps: RootGrantDeps
  readonly #services: GuardServices
  /** The grants of the tokens that were used last, so that their ledger arguments are made once. */
  readonly #tokenGrants = new RecentMap<{ readonly verified: VerifiedToken; readonly grant: PolicyGrant }>(
    MAX_TOKEN_GRANTS,
  )
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
      throw asLedgerError(error)
    }
  }

  async issueToken(policy: NarrowingInput, options?: TokenOptions): Promise<IssuedToken> {
    if (this.#deps.closed) throw closed()
    return this.#services.tokens.issue(policy, options, (link, expiresAt) => this.narrowByLink(link, expiresAt))
  }

  async issueHandle(token: string): Promise<IssuedToken> {
    if (this.#deps.closed) throw closed()
    try {
      return await this.#services.tokens.issueHandle(token)
    } catch (error) {
      if (error instanceof DeniedError) this.#services.tokens.denied(error)
      throw error
    }
  }

  async verifyToken(token: string): Promise<Grant> {
    return this.verifyFor(token, 'read')
  }

  /**
   * As `verifyToken`, for a purpose of its own. Synchronous for a token that this process has verified before, where
   * neither the keys nor the revocations have to be asked for.
   */
  verifyFor(text: string, purpose: TokenPurpose): MaybePromise<PolicyGrant> {
    if (this.#deps.closed) throw closed()
    try {
      const known = this.#knownGrant(text, purpose)
      return known ?? this.#verify(text, purpose).catch((error) => this.#refuse(error))
    } catch (error) {
      return this.#refuse(error)
    }
  }

  #refuse(error: unknown): never {
    if (error instanceof DeniedError) this.#services.tokens.denied(error)
    throw error
  }

  #knownGrant(text: string, purpose: TokenPurpose): PolicyGrant | undefined {
    if (typeof text !== 'string') return undefined
    const { tokens } = this.#services
    const token = tokens.tokenOf(text)
    const known = token === undefined ? undefined : this.#tokenGrants.get(token)
    return known && tokens.isGoodNow(known.verified, purpose) ? known.grant : undefined
  }

  async #verify(text: string, purpose: TokenPurpose): Promise<PolicyGrant> {
    const { tokens } = this.#services
    const token = await tokens.resolve(text)
    const known = this.#tokenGrants.get(token)
    const verified = await tokens.verify(token, purpose, known?.verified)
    if (known) return known.grant
    const grant = this.#grantOf(verified)
    this.#tokenGrants.set(token, { verified, grant })
    return grant
  }

  async revokeToken(id: string): Promise<void> {
    if (this.#deps.closed) throw closed()
    await this.#services.tokens.revoke(id)
  }

  async pause(reason?: string, target?: PauseTarget): Promise<void> {
    if (this.#deps.closed) throw closed()
    const message = pauseReason(reason)
    const stop = stopTarget(this.name, target)
    if (stop) return this.#services.tokens.pause(message, stop)
    try {
      await this.#deps.pauseAll(message)
    } catch (error) {
      throw ledgerDown(error)
    }
  }

  async resume(target?: PauseTarget): Promise<void> {
    if (this.#deps.closed) throw closed()
    const stop = stopTarget(this.name, target)
    if (stop) return this.#services.tokens.resume(stop)
    try {
      await this.#deps.resume()
    } catch (error) {
      throw asLedgerError(error)
    }
  }

  /** @throws DeniedError `TOKEN_INVALID` for a policy that this guard cannot have */
  #grantOf({ links }: VerifiedToken): PolicyGrant {
    let grant: PolicyGrant = this
    for (const [index, link] of links.entries()) {
      try {
        grant = grant.narrowByLink(link, expiryOf(links.slice(0, index + 1)))
      } catch {
        throw invalid(`this guard cannot have the policy of its link ${link.id}`)
      }
    }
    return grant
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { pipeline, recovery, timings, tokens, callbacks } = this.#services
    this.#deps.beginClose()
    tokens.close()
    await this.#deps.close([
      () => pipeline.close(),
      () => recovery.close(),
      () => callbacks.close(),
      // So that the next process need not learn the solve times again.
      () => timings.publish(),
    ])
  }
}
