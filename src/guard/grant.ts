import { randomUUID } from 'node:crypto'
import type { AnyChallenge } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import { canReach } from '../base/public-host.js'
import type { BudgetClaim, Usage } from '../ledger/ledger.js'
import { narrow, smaller } from '../policy/narrow.js'
import { type PageProxy, parsePageProxy } from '../policy/page-proxy.js'
import { type NarrowingInput, type Policy, parseNarrowing, zoneOf } from '../policy/schema.js'
import type { Account } from './accounts/account.js'
import { denied, Gate, ledgerDown } from './admission/gate.js'
import { checkName } from './admission/names.js'
import type { KnownKey } from './keys/report.js'
import type { GuardRuntime } from './runtime.js'
import { closed } from './runtime.js'
import type { GrantContext } from './solve/job.js'
import type { SolvePipeline } from './solve/pipeline.js'
import { RedactedSolution } from './solve/solution.js'
import { Budget, type BudgetPath, dayStatus, originTermsOf, type Terms, termsOf } from './spending/budgets.js'
import { processStatus, withTimeout } from './status.js'
import { solveStream } from './streams/solve-stream.js'
import type {
  Grant,
  KeyStatus,
  NarrowOptions,
  Solution,
  SolveOptions,
  SolverStatus,
  SolveStream,
  Status,
  StreamOptions,
} from './types.js'

/** How many page origins a grant keeps the budgets of at hand. */
const MAX_ORIGINS = 1_000

/** How a budget stands. */
export interface BudgetStatus extends Pick<Status, 'day' | 'minute' | 'slots'> {
  readonly usage: Usage
}

/** A policy, and the path of budgets that it draws on. */
export class PolicyGrant implements Grant, GrantContext {
  readonly policy: Policy
  readonly path: readonly string[]
  readonly subject: string | undefined
  readonly gate: Gate
  readonly #core: GuardRuntime
  readonly #pipeline: SolvePipeline
  /** With the proxies' passwords, which nobody sees who looks at a grant. */
  readonly #policyWithPasswords: Policy
  readonly #budgets: BudgetPath
  readonly #perOrigin: Terms | undefined
  readonly #byOrigin = new Map<string, BudgetPath>()
  readonly #pageProxies: readonly PageProxy[]

  constructor(
    core: GuardRuntime,
    solving: SolvePipeline,
    policy: Policy,
    above: BudgetPath,
    id: string,
    subject?: string,
  ) {
    this.#core = core
    this.#pipeline = solving
    this.#policyWithPasswords = policy
    this.policy = {
      ...policy,
      egress: { ...policy.egress, proxies: policy.egress.proxies.map(withoutPassword) },
      pageProxies: policy.pageProxies.map(withoutPassword),
    }
    this.#pageProxies = policy.pageProxies.map(pageProxyOf)
    for (const { host } of this.#pageProxies) checkReach(core, host)
    this.subject = subject
    this.gate = new Gate(policy)
    this.#budgets = above.with(new Budget(id, termsOf(policy.budget)))
    this.#perOrigin = originTermsOf(policy.budget)
    this.path = this.#budgets.ids
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
      'Two policies on the path each have pages browsed through another proxy; set policy.pageProxy in one place.',
    )
  }

  pathFor(origin: string): readonly string[] {
    return this.#forOrigin(origin).ids
  }

  #forOrigin(origin: string): BudgetPath {
    if (this.#perOrigin === undefined) return this.#budgets
    const known = this.#byOrigin.get(origin)
    if (known) return known
    const budgets = this.#budgets.with(new Budget(`${this.#core.name}@${origin}`, this.#perOrigin))
    if (this.#byOrigin.size >= MAX_ORIGINS) this.#byOrigin.clear()
    this.#byOrigin.set(origin, budgets)
    return budgets
  }

  solve(challenge: AnyChallenge, options?: SolveOptions): Promise<Solution> {
    return this.#pipeline.solve(this, challenge, options)
  }

  stream(challenges: Iterable<AnyChallenge> | AsyncIterable<AnyChallenge>, options?: StreamOptions): SolveStream {
    return solveStream(this.#core, this.#pipeline, this, challenges, options)
  }

  narrow(narrowing: NarrowingInput, { name, subject }: NarrowOptions = {}): Grant {
    const own = name === undefined ? randomUUID().slice(0, 8) : checkName(name, 'name')
    const id = `${this.path.at(-1)}/${own}`
    const policy = narrow(this.#policyWithPasswords, parseNarrowing(narrowing, zoneOf(this.#policyWithPasswords)))
    return new PolicyGrant(this.#core, this.#pipeline, policy, this.#budgets, id, subject ?? this.subject)
  }

  injected(solution: Solution, outcome: { ok: true } | { ok: false; error: SolveguardError }): void {
    if (solution instanceof RedactedSolution) solution.injected(outcome.ok ? undefined : outcome.error)
  }

  /** How its own budget stands: one question to the ledger. */
  async budgetStatus(): Promise<BudgetStatus> {
    const { clock, ledger } = this.#core
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

  async status(): Promise<Status> {
    if (this.#core.closed) throw closed()
    const { clock, ledger, accounts, name, keyRegistry, outbox, balanceMonitor } = this.#core
    const now = clock.now()
    const id = this.path.at(-1) as string
    try {
      const asked = Promise.all([
        outbox.status(),
        balanceMonitor.listFacts(),
        this.budgetStatus(),
        id === name ? undefined : ledger.usage(name, now),
        keyRegistry.listFacts(),
        ...accounts.map(({ claim }) => claim && ledger.usage(claim.id, now, claim.at(now).limits.perCalendarDay)),
        ...accounts.map((account) => {
          const key = account.secrets.usable()?.current
          const threads = key && account.threads(key)
          return threads && ledger.usage(threads.id, now)
        }),
      ])
      const [alerts, looks, { usage, ...standing }, root, facts, ...own] = await withTimeout(clock, asked)
      const solvers = accounts.map((account, index) => {
        const known = keyRegistry.known(account, facts, now)
        const shown = solverStatus(
          account,
          own[index],
          own[accounts.length + index],
          known,
          this.policy.key.rotateEveryMs,
        )
        return { ...shown, balance: balanceMonitor.status(account, looks) }
      })
      const [first] = solvers as [SolverStatus]
      const schedule = this.gate.schedule(now)
      const way = accounts[0]?.describeRoute(this.#policyWithPasswords.egress)
      return {
        name: id,
        ...standing,
        paused: usage.paused ?? root?.paused,
        key: first.key,
        schedule: {
          open: schedule.open,
          changesAt: schedule.changesAt === undefined ? undefined : new Date(schedule.changesAt),
        },
        egress: way?.route ?? '',
        egressAddress: way?.address,
        solver: first.name,
        solvers,
        ledger: { kind: ledger.kind, place: ledger.place },
        ...processStatus(this.#core, this.#pipeline),
        alerts,
      }
    } catch (error) {
      throw ledgerDown(error)
    }
  }
}

function solverStatus(
  { name, secrets, secretPlace, solver: { maxConcurrent: has } }: Account,
  usage: Usage | undefined,
  inUse: Usage | undefined,
  known: readonly KnownKey[],
  rotateEveryMs: number | undefined,
): SolverStatus {
  const key = secrets.usable()?.current
  const date = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms))
  const due = key?.createdAt === undefined || rotateEveryMs === undefined ? undefined : key.createdAt + rotateEveryMs
  const shown: KeyStatus = {
    place: secretPlace,
    version: key?.version,
    fingerprint: key?.value.fingerprint,
    createdAt: date(key?.createdAt),
    expiresAt: date(key?.expiresAt),
    dueAt: date(due),
    known,
  }
  const threads = has === undefined ? undefined : { has, used: inUse?.active ?? 0 }
  if (!usage) return { name, key: shown, threads }
  const { spent, reserved, lastMinute, active, declared, days, paused } = usage
  return {
    name,
    key: shown,
    paused,
    day: declared.perDay === undefined && !days ? { cap: undefined, spent, reserved } : dayStatus(usage, undefined),
    minute: { cap: declared.perMinute, used: lastMinute },
    slots: { cap: declared.concurrent, used: active },
    threads,
  }
}

function pageProxyOf(canonical: string): PageProxy {
  const parsed = parsePageProxy(canonical)
  if ('problem' in parsed) throw new SolveguardError('CONFIG_INVALID', `policy.pageProxy: ${parsed.problem}`)
  return parsed
}

/** A proxy that no service could reach is a mistake: said now, not at the first solve. */
function checkReach({ accounts }: GuardRuntime, host: string): void {
  if (accounts.some(({ solver }) => canReach(solver.baseUrl, host))) return
  throw new SolveguardError(
    'CONFIG_INVALID',
    'policy.pageProxy: a service elsewhere cannot reach a proxy of this machine or of a private network; give one that it can.',
  )
}

function withoutPassword(proxy: string): string {
  const url = new URL(proxy)
  if (!url.username && !url.password) return proxy
  url.username = '***'
  url.password = ''
  return url.href.replace(/\/$/, '')
}
