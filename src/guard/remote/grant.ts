import { randomUUID } from 'node:crypto'
import { type AnyChallenge, type ChallengeInput, withVariant } from '../../base/challenge.js'
import type { DeniedError } from '../../base/errors.js'
import { freezeClass, frozenCopy } from '../../base/frozen.js'
import { narrow } from '../../policy/narrow.js'
import type { NarrowingInput, Policy } from '../../policy/schema.js'
import { expiryOf } from '../../tokens/claims.js'
import type { HeldToken } from '../../tokens/held.js'
import { Gate } from '../admission/gate.js'
import { checkName } from '../admission/names.js'
import { closed } from '../errors.js'
import { printedAsSentence } from '../format-status.js'
import { timeOf, withoutPassword } from '../grant.js'
import { RedactedSolution } from '../solve/solution.js'
import { inUsdToo } from '../spending/budgets.js'
import { linkBudgetId } from '../spending/stops.js'
import { solveStream } from '../streams/solve-stream.js'
import { withVariants } from '../streams/with-variants.js'
import type {
  ExplainOptions,
  Grant,
  NarrowOptions,
  Solution,
  SolveOptions,
  SolveStream,
  Status,
  StreamOptions,
  Verdict,
} from '../types.js'
import type { BrokerCalls } from './calls.js'
import { BROKER, type RemoteContext } from './context.js'
import type { RemoteGrantContext, RemoteSolving } from './solving.js'

/** The longest deadline of a policy, in ms: the guard's own is not known here. */
const MAX_DEADLINE_MS = 3_600_000

/** What every grant of a guard without a key needs. */
export interface RemoteDeps {
  readonly context: RemoteContext
  readonly calls: BrokerCalls
  readonly solving: RemoteSolving
}

/** The grant that a token stands for, in the process of its holder. */
export class RemoteGrant implements Grant, RemoteGrantContext {
  readonly policy: Policy
  readonly path: readonly string[]
  readonly subjects: readonly string[]
  readonly gate: Gate
  readonly unless = undefined
  readonly #deps: RemoteDeps
  readonly #token: HeldToken

  static {
    freezeClass(RemoteGrant)
  }

  constructor(deps: RemoteDeps, token: HeldToken) {
    const { audience, links } = token.claims
    const policy = links.map((link) => link.policy).reduce(narrow)
    this.#deps = deps
    this.#token = token
    this.policy = frozenCopy({
      ...policy,
      deadlineMs: policy.deadlineMs ?? MAX_DEADLINE_MS,
      pageProxies: policy.pageProxies.map(withoutPassword),
    })
    const path = [audience]
    for (const { id } of links) path.push(linkBudgetId(path.at(-1) as string, id))
    this.path = frozenCopy(path)
    this.subjects = frozenCopy(links.flatMap(({ subject }) => subject ?? []))
    this.gate = new Gate(policy, { at: expiryOf(links), keyTime: () => deps.context.keyTime() })
    if (new.target === RemoteGrant) Object.freeze(this)
  }

  get token(): HeldToken {
    return this.#token
  }

  // The broker's guard has the budgets and the routes.
  egressRoute(): Policy['egress'] {
    return this.policy.egress
  }

  pageProxy(): undefined {
    return undefined
  }

  claims(): readonly [] {
    return []
  }

  pathFor(): readonly string[] {
    return this.path
  }

  solve(challenge: ChallengeInput, options?: SolveOptions): Promise<Solution> {
    return this.#deps.solving.solve(this, withVariant(challenge), options)
  }

  stream(challenges: Iterable<ChallengeInput> | AsyncIterable<ChallengeInput>, options?: StreamOptions): SolveStream {
    const { context, solving } = this.#deps
    const pipeline = {
      solve: (_: unknown, challenge: AnyChallenge, solve?: SolveOptions) => solving.solve(this, challenge, solve),
    }
    return solveStream(context, pipeline, this, withVariants(challenges), options)
  }

  async explain(challengeOrUrl: ChallengeInput | string, { at, pageLoad }: ExplainOptions = {}): Promise<Verdict> {
    const asked = typeof challengeOrUrl === 'string' ? challengeOrUrl : withVariant(challengeOrUrl)
    return this.#deps.solving.explain(this, asked, at && timeOf(at), pageLoad)
  }

  narrow(narrowing: NarrowingInput, { name, subject }: NarrowOptions = {}): Grant {
    const { clock } = this.#deps.context
    const own = name === undefined ? randomUUID() : checkName(name, 'name')
    return new RemoteGrant(this.#deps, this.#token.narrow(narrowing, { name: own, subject, now: clock.now() }))
  }

  async status(): Promise<Status> {
    const { context, calls, solving } = this.#deps
    if (context.closed) throw closed()
    const { day, links = [], ...state } = await calls.status(this.#token.secret)
    const { place } = calls
    const key = { place: `the broker ${place}`, known: [] }
    return printedAsSentence({
      ...state,
      day: inUsdToo(day),
      name: this.path.at(-1) as string,
      subjects: this.subjects,
      links,
      pauses: [],
      key,
      egress: 'direct',
      solver: BROKER,
      solvers: [{ name: BROKER, key }],
      ledger: { kind: BROKER, place },
      audit: { kind: BROKER, place, pending: 0, lost: 0 },
      alerts: [],
      process: {
        solving: solving.underWay,
        waiting: 0,
        recovering: 0,
        denied: Object.fromEntries(context.denialCounts),
      },
    })
  }

  originDenial(what: 'page' | 'frame', address: string): DeniedError | undefined {
    return this.gate.originDenial(what, address)
  }

  denyUnnamed(pageUrl: string, frameUrl?: string): DeniedError | undefined {
    return this.#deps.solving.denyUnnamed(this, pageUrl, frameUrl)
  }

  injected(solution: Solution, outcome: Parameters<Grant['injected']>[1]): void {
    if (!(solution instanceof RedactedSolution)) return
    if (outcome.ok) solution.injected(undefined, outcome.notifyFailure)
    else solution.injected(outcome.error)
  }
}
