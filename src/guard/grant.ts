import { randomUUID } from 'node:crypto'
import { promised } from '../base/async.js'
import { type ChallengeInput, withVariant } from '../base/challenge.js'
import { type DeniedError, SolveguardError } from '../base/errors.js'
import { freezeClass, frozenCopy } from '../base/frozen.js'
import { canReach } from '../base/public-host.js'
import type { BudgetClaim, FactName } from '../ledger/ledger.js'
import { narrow, smaller } from '../policy/narrow.js'
import { type PageProxy, parsePageProxy } from '../policy/page-proxy.js'
import { type NarrowingInput, type Policy, parseNarrowing, zoneOf } from '../policy/schema.js'
import { type TokenLink, wireOf } from '../tokens/claims.js'
import type { ServiceName } from '../wires/services.js'
import type { Account } from './accounts/account.js'
import { Gate } from './admission/gate.js'
import type { GrantContext } from './admission/grant-context.js'
import { checkName } from './admission/names.js'
import type { BalanceMonitor } from './balance/monitor.js'
import { closed, denied, ledgerDown } from './errors.js'
import { printedAsSentence } from './format-status.js'
import type { KeyRegistry } from './keys/registry.js'
import { withLedgerTimeout } from './ledger-timeout.js'
import type { Outbox } from './observability/outbox.js'
import type { Recorder } from './observability/recorder.js'
import type { KeyClock } from './ports.js'
import { RedactedSolution } from './solve/solution.js'
import { Budget, type BudgetPath, dayStatus, originTermsOf, type Terms, termsOf } from './spending/budgets.js'
import {
  linkBudgetId,
  listPauses,
  readStops,
  revocationOf,
  stopsOf,
  subjectPauseOf,
  tokenPauseOf,
} from './spending/stops.js'
import { clocksStatus, type ProcessStatusDeps, processStatus, type Solving, solverStatus } from './status.js'
import { type SolveStreamDeps, solveStream } from './streams/solve-stream.js'
import { withVariants } from './streams/with-variants.js'
import type {
  BudgetStatus,
  ExplainOptions,
  Grant,
  NarrowOptions,
  Solution,
  SolveOptions,
  SolverStatus,
  SolveStream,
  Status,
  StreamOptions,
  TokenLinkStatus,
  Verdict,
} from './types.js'

/** The longest id of a budget, in characters: what the ledger keeps of a task fits into one fact, with its path. */
const MAX_ID_LENGTH = 700
/** For how many page origins a grant caches the budgets. */
const MAX_ORIGINS = 1_000

/** One link of the token that a grant stands for. */
export interface GrantLink {
  readonly id: string
  readonly subject: string | undefined
  /** When it, or one before it, expires; wall-clock ms. */
  readonly expiresAt: number
  /** The service whose dialect its clients speak, where it states one. */
  readonly wire?: ServiceName | undefined
}

/** Whom a grant and those above it were given to, widest first. */
interface GrantHolders {
  readonly subjects: readonly string[]
  readonly links: readonly GrantLink[]
  /** The thresholds of the grant's own budget, where they are not those of its policy. */
  readonly alertsAt?: readonly number[] | undefined
}

const NO_HOLDERS: GrantHolders = { subjects: [], links: [] }

/** What every grant needs from its guard. */
export interface GrantDeps extends SolveStreamDeps, ProcessStatusDeps, KeyClock {
  readonly accounts: readonly Account[]
  readonly keyRegistry: Pick<KeyRegistry, 'listFacts' | 'known'>
  readonly outbox: Pick<Outbox, 'status'>
  readonly balanceMonitor: Pick<BalanceMonitor, 'listFacts' | 'status'>
  readonly recorder: Pick<Recorder, 'write' | 'head' | 'lastError' | 'pending' | 'lost'>
}

/**
 * A policy, and the path of budgets that its solves draw on. All that is reachable from a grant is frozen: who holds a
 * narrowed grant cannot change what it, or any grant above it, allows.
 */
export class PolicyGrant implements Grant, GrantContext {
  readonly policy: Policy
  readonly path: readonly string[]
  readonly subjects: readonly string[]
  readonly links: readonly GrantLink[]
  readonly unless: readonly FactName[] | undefined
  readonly gate: Gate
  readonly #deps: GrantDeps
  readonly #solving: Solving
  /** With the proxies' passwords, which the public `policy` masks. */
  readonly #policyWithPasswords: Policy
  readonly #budgets: BudgetPath
  readonly #perOrigin: Terms | undefined
  readonly #byOrigin = new Map<string, BudgetPath>()
  readonly #pageProxies: readonly PageProxy[]

  static {
    freezeClass(PolicyGrant)
  }

  /** @param holders whom the grant was given to: absent for a guard itself */
  constructor(
    deps: GrantDeps,
    solving: Solving,
    policy: Policy,
    above: BudgetPath,
    id: string,
    holders: GrantHolders = NO_HOLDERS,
  ) {
    this.#deps = deps
    this.#solving = solving
    this.#policyWithPasswords = policy
    this.policy = frozenCopy({
      ...policy,
      egress: { ...policy.egress, proxies: policy.egress.proxies.map(withoutPassword) },
      pageProxies: policy.pageProxies.map(withoutPassword),
    })
    this.#pageProxies = frozenCopy(policy.pageProxies.map(pageProxyOf))
    for (const { host } of this.#pageProxies) checkReach(deps, host)
    this.subjects = frozenCopy(holders.subjects)
    this.links = frozenCopy(holders.links)
    this.unless = stopsOf(deps.name, this.subjects, this.links)
    const expiresAt = this.links.at(-1)?.expiresAt
    this.gate = new Gate(policy, expiresAt === undefined ? undefined : { at: expiresAt, keyTime: () => deps.keyTime() })
    const { alertsAt = policy.budget.alertsAt } = holders
    this.#budgets = above.with(new Budget(id, termsOf({ ...policy.budget, alertsAt })))
    this.#perOrigin = originTermsOf(policy.budget)
    this.path = this.#budgets.ids
    // A class that extends this one has fields of its own to set first.
    if (new.target === PolicyGrant) Object.freeze(this)
  }

  claims(origin: string, now: number): readonly BudgetClaim[] {
    return this.#forOrigin(origin).at(now)
  }

  egressRoute(): Policy['egress'] {
    return this.#policyWithPasswords.egress
  }

  pageProxy(): PageProxy | undefined {
    if (this.#pageProxies.length < 2) return this.#pageProxies[0]
    throw denied(
      'PAGE_PROXY_CONFLICT',
      'Two policies on the path each set a different page proxy; set policy.pageProxy in one place.',
    )
  }

  pathFor(origin: string): readonly string[] {
    return this.#forOrigin(origin).ids
  }

  #forOrigin(origin: string): BudgetPath {
    if (this.#perOrigin === undefined) return this.#budgets
    const known = this.#byOrigin.get(origin)
    if (known) return known
    const budgets = this.#budgets.with(new Budget(`${this.#deps.name}@${origin}`, this.#perOrigin))
    if (this.#byOrigin.size >= MAX_ORIGINS) this.#byOrigin.clear()
    this.#byOrigin.set(origin, budgets)
    return budgets
  }

  solve(challenge: ChallengeInput, options?: SolveOptions): Promise<Solution> {
    return this.#solving.pipeline.solve(this, withVariant(challenge), options)
  }

  async explain(challengeOrUrl: ChallengeInput | string, { at, pageLoad }: ExplainOptions = {}): Promise<Verdict> {
    const asked = typeof challengeOrUrl === 'string' ? challengeOrUrl : withVariant(challengeOrUrl)
    return this.#solving.pipeline.explain(this, asked, at && timeOf(at), pageLoad)
  }

  stream(challenges: Iterable<ChallengeInput> | AsyncIterable<ChallengeInput>, options?: StreamOptions): SolveStream {
    const { pipeline, recovery } = this.#solving
    return solveStream(this.#deps, pipeline, this, withVariants(challenges), options, { deps: this.#deps, recovery })
  }

  narrow(narrowing: NarrowingInput, { name, subject }: NarrowOptions = {}): Grant {
    const own = name === undefined ? randomUUID().slice(0, 8) : checkName(name, 'name')
    const id = `${this.path.at(-1)}/${own}`
    if (id.length > MAX_ID_LENGTH) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        `name: the names of a grant and of all grants above it have at most ${MAX_ID_LENGTH} characters together; ` +
          'use shorter ones.',
      )
    }
    const policy = parseNarrowing(narrowing, zoneOf(this.#policyWithPasswords))
    return this.#below(policy, id, { subjects: withSubject(this.subjects, subject), links: this.links })
  }

  /**
   * The grant that a token's next link stands for, below this one.
   * @throws SolveguardError `CONFIG_INVALID` for a policy that this guard cannot have
   */
  narrowByLink({ policy, ...link }: TokenLink, expiresAt: number): PolicyGrant {
    const { id, subject, wire } = link
    return this.#below(policy, linkBudgetId(this.path.at(-1) as string, id), {
      subjects: withSubject(this.subjects, subject),
      links: [...this.links, { id, subject, expiresAt, ...(wire !== undefined && { wire }) }],
      // The thresholds of the guard are not a link's: a holder makes as many links as it likes.
      alertsAt: policy.budget.alertsAt,
    })
  }

  #below(narrowing: Policy, id: string, holders: GrantHolders): PolicyGrant {
    const policy = narrow(this.#policyWithPasswords, narrowing)
    return new PolicyGrant(this.#deps, this.#solving, policy, this.#budgets, id, holders)
  }

  /** The service whose dialect the clients of its token speak at a broker, where the token states one. */
  get wire(): ServiceName | undefined {
    return wireOf(this.links)
  }

  originDenial(what: 'page' | 'frame', address: string): DeniedError | undefined {
    return this.gate.originDenial(what, address)
  }

  denyUnnamed(pageUrl: string, frameUrl?: string): DeniedError | undefined {
    return this.#solving.pipeline.denyUnnamed(this, pageUrl, frameUrl)
  }

  injected(solution: Solution, outcome: Parameters<Grant['injected']>[1]): void {
    if (!(solution instanceof RedactedSolution)) return
    if (outcome.ok) solution.injected(undefined, outcome.notifyFailure)
    else solution.injected(outcome.error)
  }

  /** The status of the grant's own budget, from one ledger call. */
  async budgetStatus(): Promise<BudgetStatus> {
    const { clock, ledger } = this.#deps
    const now = clock.now()
    const usage = await ledger.usage(
      this.path.at(-1) as string,
      now,
      this.#budgets.at(now).at(-1)?.limits.perCalendarDay,
    )
    const { perDay, perMinute, concurrent } = this.policy.budget
    return {
      usage,
      day: dayStatus(usage, perDay),
      minute: { cap: smaller(perMinute, usage.declared.perMinute), used: usage.lastMinute },
      slots: { cap: smaller(concurrent, usage.declared.concurrent), used: usage.active },
    }
  }

  /** What was spent by each link of the token that the grant stands for, and what stops it. */
  async #linkStatus(now: number): Promise<readonly TokenLinkStatus[]> {
    if (this.links.length === 0) return []
    const { ledger, name } = this.#deps
    const stops = await readStops(ledger, name, now)
    return Promise.all(
      this.links.map(async ({ id, subject, expiresAt }, index) => {
        // The first budget of the path is the guard's.
        const { spent, reserved } = await ledger.usage(this.path[index + 1] as string, now)
        const revoked = stops.of(revocationOf(name, id))
        const ofSubject = subject === undefined ? undefined : stops.of(subjectPauseOf(name, subject))
        const paused = stops.of(tokenPauseOf(name, id)) ?? ofSubject
        const [why, whyPaused] = [frozenCopy(revoked), frozenCopy(paused)]
        return { id, subject, expiresAt: new Date(expiresAt), spent, reserved, revoked: why, paused: whyPaused }
      }),
    )
  }

  async status(): Promise<Status> {
    if (this.#deps.closed) throw closed()
    const { clock, ledger, accounts, name, keyRegistry, outbox, balanceMonitor } = this.#deps
    const now = clock.now()
    const id = this.path.at(-1) as string
    try {
      const replies = Promise.all([
        outbox.status(),
        balanceMonitor.listFacts(),
        this.budgetStatus(),
        this.#linkStatus(now),
        promised(() => (id === name ? listPauses(ledger, name, now) : [])),
        promised(() => (id === name ? undefined : ledger.usage(name, now))),
        promised(() => keyRegistry.listFacts()),
        ...accounts.map(async ({ claim }) => claim && ledger.usage(claim.id, now, claim.at(now).limits.perCalendarDay)),
        ...accounts.map(async (account) => {
          const key = account.secrets.usable()?.current
          const threads = key && account.threads(key)
          return threads && ledger.usage(threads.id, now)
        }),
      ])
      const [alerts, readings, { usage, ...budget }, links, pauses, root, facts, ...own] = await withLedgerTimeout(
        clock,
        replies,
      )
      const solvers = accounts.map((account, index) => {
        const known = keyRegistry.known(account, facts, now)
        const status = solverStatus(
          account,
          own[index],
          own[accounts.length + index],
          known,
          this.policy.key.rotateEveryMs,
          now,
        )
        return { ...status, balance: balanceMonitor.status(account, readings) }
      })
      const [first] = solvers as [SolverStatus]
      const schedule = this.gate.schedule(now)
      const route = accounts[0]?.describeRoute(this.#policyWithPasswords.egress)
      return printedAsSentence({
        name: id,
        subjects: this.subjects,
        links,
        pauses,
        ...budget,
        paused: frozenCopy(usage.paused ?? root?.paused),
        key: first.key,
        schedule: {
          open: schedule.open,
          changesAt: schedule.changesAt === undefined ? undefined : new Date(schedule.changesAt),
          timeZone: this.policy.schedules.length === 0 ? undefined : zoneOf(this.policy),
        },
        egress: route?.route ?? '',
        egressAddress: route?.address,
        solver: first.name,
        solvers,
        ledger: { kind: ledger.kind, place: ledger.place, clocks: clocksStatus(usage) },
        ...processStatus(this.#deps, this.#solving),
        alerts,
      })
    } catch (error) {
      throw ledgerDown(error)
    }
  }
}

/** @throws SolveguardError `CONFIG_INVALID` for what is no valid date */
export function timeOf(at: Date): number {
  const ms = at instanceof Date ? at.getTime() : Number.NaN
  if (Number.isFinite(ms)) return ms
  throw new SolveguardError('CONFIG_INVALID', "options.at: expected a Date such as new Date('2026-12-24T10:00Z').")
}

/** A subject more, unless it is the same as that of the grant above. */
function withSubject(subjects: readonly string[], subject: string | undefined): readonly string[] {
  return subject === undefined || subject === subjects.at(-1) ? subjects : [...subjects, subject]
}

function pageProxyOf(canonical: string): PageProxy {
  const parsed = parsePageProxy(canonical)
  if ('problem' in parsed) throw new SolveguardError('CONFIG_INVALID', `policy.pageProxy: ${parsed.problem}`)
  return parsed
}

/** A page proxy that no service can reach is a mistake in the options: throws now, not at the first solve. */
function checkReach({ accounts }: Pick<GrantDeps, 'accounts'>, host: string): void {
  if (accounts.some(({ solver }) => canReach(solver.baseUrl, host))) return
  throw new SolveguardError(
    'CONFIG_INVALID',
    'policy.pageProxy: a remote service cannot reach a proxy on this machine or in a private network; ' +
      'set one that it can reach.',
  )
}

/** A proxy's address that can be shown. */
export function withoutPassword(proxy: string): string {
  const url = new URL(proxy)
  if (!url.username && !url.password) return proxy
  url.username = '***'
  url.password = ''
  return url.href.replace(/\/$/, '')
}
