import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { AlertChannel } from '../alerts/channel.js'
import { fanOutAudit } from '../audit/fan-out.js'
import { jsonlAudit } from '../audit/jsonl.js'
import type { AuditSink } from '../audit/sink.js'
import type { MaybePromise } from '../base/async.js'
import { type Clock, systemClock } from '../base/clock.js'
import { SolveguardError } from '../base/errors.js'
import { createTransport } from '../egress/create.js'
import { wireLog } from '../egress/wire-log.js'
import { fileLedger } from '../ledger/file.js'
import type { Ledger } from '../ledger/ledger.js'
import type { Duration } from '../policy/duration.js'
import { check, duration, type PolicyInput, parsePolicy, zoneOf } from '../policy/schema.js'
import type { SecretProvider } from '../secrets/provider.js'
import type { Solver } from '../solvers/solver.js'
import { accountsOf, accountsShape, aSecret, aSolver, hasMethod, type SolverAccount } from './accounts/options.js'
import { Gate, ledgerDown } from './admission/gate.js'
import { checkName } from './admission/names.js'
import type { Advice, AdviceOptions } from './advice/advise.js'
import { Advisor } from './advice/advisor.js'
import { PolicyGrant } from './grant.js'
import type { Logger } from './observability/log.js'
import { loadTelemetry } from './observability/telemetry.js'
import { closed, type GuardParts, GuardRuntime } from './runtime.js'
import { SolverClient } from './service/client.js'
import { Recovery } from './service/recovery.js'
import { SharedTimings } from './service/shared-timings.js'
import { SolvePipeline } from './solve/pipeline.js'
import { Budget, BudgetPath, termsOf } from './spending/budgets.js'
import { batchItems } from './streams/batch.js'
import type { BatchItem, Guard, GuardEvents } from './types.js'

/** What `createGuard` takes. Only `policy.origins` has no default: nothing is allowed that is not named. */
export interface GuardOptions {
  /** The budget's name, shared by every process that uses it: 1 to 64 letters, digits and `. _ -`. Default: `default`. */
  name?: string | undefined
  /** The service that solves. Default: `captchaAI()`. */
  solver?: Solver | undefined
  /** Where the key comes from. Default: `envSecret('SOLVEGUARD_KEY')`. */
  secret?: SecretProvider | undefined
  /**
   * Several services in place of one, each with its own key and, if you like, a budget of its own, in the order in which they are asked. A
   * solve is taken to the next one where one cannot do it, has no room, no money, no valid key, or cannot be reached; never when the
   * service may have taken it already.
   */
  solvers?: readonly SolverAccount[] | undefined
  /**
   * For how long a key that was fetched is taken for fresh (default: `5m`), and how long after that it may still serve
   * while the store does not answer (default: `1h`; `0s`: not at all).
   */
  secretCache?: { ttl?: Duration | undefined; staleFor?: Duration | undefined } | undefined
  /** What is allowed. */
  policy: PolicyInput
  /** Who has spent what. Default: `fileLedger` in `stateDir`, shared by all processes. The guard opens and closes it. */
  ledger?: Ledger | undefined
  /**
   * Where records go. Default: `jsonlAudit` in `stateDir`. Of several each is required, but for those of `copyAudit`. The guard
   * opens and closes them.
   */
  audit?: AuditSink | readonly AuditSink[] | undefined
  /**
   * Where alerts go, besides to `guard.on('alert')`: `webhookAlerts`, `slackAlerts`, `commandAlerts`. Each alert once, however many
   * processes there are; give all of them the same.
   */
  alerts?: readonly AlertChannel[] | undefined
  /**
   * What is done when money goes from the service's balance that was not spent here (`KEY_LEAK_SUSPECTED`), besides telling of it. Default:
   * `alert`, which is no more than that; `pause` pauses the account until somebody resumes it.
   */
  onLeak?: 'alert' | 'pause' | undefined
  /** Whether others use the key too, beyond what this ledger knows of: then nobody looks at the balance. Default: false. */
  sharedKey?: boolean | undefined
  /** Where the ledger and the audit log lie. Default: `SOLVEGUARD_STATE_DIR`, or `.solveguard`. */
  stateDir?: string | undefined
  /** Certificates (PEM) to trust in place of the machine's, for a proxy or a service with a CA of its own. */
  ca?: string | readonly string[] | undefined
  /**
   * A wire log: each call to a service and its reply as they went, as HAR 1.2, with secrets and answers masked. `wire.har` is written as
   * `wire.<pid>.har`, one file for each process; it ends at 64 MiB.
   */
  trace?: string | undefined
  /**
   * Told of every event; pino's fits: steps on the way as `debug`, how a solve ended as `info`, denials, failures and alerts as `warn`. No
   * message or field holds a key, a token or a solution.
   */
  logger?: Logger | undefined
  /** The time. Default: the machine's. For tests. */
  clock?: Clock | undefined
}

const EXPECTED_SINK = "expected an audit sink such as jsonlAudit(), from 'solveguard/audit', or a list of them"
const auditSink = hasMethod('an audit sink', 'write')

const EXPECTED_CHANNEL = "an alert channel such as webhookAlerts(…), from 'solveguard/alerts'"
const EXPECTED_STATE_DIR = "expected the path of a folder such as '.solveguard'"
const EXPECTED_TRACE = "expected the path of a file such as 'wire.har'"
/** A path in its place would be a certificate that certifies nothing. */
const EXPECTED_CA = 'expected certificates themselves, in PEM (-----BEGIN CERTIFICATE-----), not the path of a file'
const pem = z.string({ error: EXPECTED_CA }).includes('-----BEGIN ', { error: EXPECTED_CA })
const channelsShape = z
  .array(hasMethod(EXPECTED_CHANNEL, 'deliver') as z.ZodType<AlertChannel>, {
    error: "expected a list of alert channels such as [webhookAlerts(…)], from 'solveguard/alerts'",
  })
  .max(20, 'at most 20 channels')
  .refine((all) => all.every(({ id }) => /^[\w-]{1,64}$/.test(id)), 'a channel has an id of letters, digits, - and _')
  .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, 'two of them lead to the same place')

const aLogger = z.custom<object>(
  (value) =>
    ['debug', 'info', 'warn'].every(
      (method) => typeof (value as Record<string, unknown> | null)?.[method] === 'function',
    ),
  { message: 'expected a logger with debug, info and warn, such as pino()' },
)

const optionsShape = z.strictObject(
  {
    name: z.string().optional(),
    solver: aSolver.optional(),
    secret: aSecret.optional(),
    solvers: accountsShape.optional(),
    secretCache: z
      .strictObject({
        ttl: duration.refine((ms) => ms >= 1000 && ms <= 86_400_000, 'expected 1s to 1d').optional(),
        staleFor: duration.refine((ms) => ms <= 7 * 86_400_000, 'expected at most 7d').optional(),
      })
      .optional(),
    policy: z.looseObject({}, { error: "expected a policy such as { origins: ['https://staging.example.com'] }" }),
    ledger: hasMethod("a ledger such as fileLedger(), from 'solveguard/ledger'", 'reserve').optional(),
    audit: z.union([auditSink, z.array(auditSink)], { error: EXPECTED_SINK }).optional(),
    alerts: channelsShape.optional(),
    onLeak: z.enum(['alert', 'pause'], { error: "expected 'alert' or 'pause'" }).optional(),
    sharedKey: z.boolean({ error: 'expected true or false' }).optional(),
    stateDir: z.string({ error: EXPECTED_STATE_DIR }).min(1, EXPECTED_STATE_DIR).optional(),
    ca: z.union([pem, z.array(pem)], { error: EXPECTED_CA }).optional(),
    trace: z.string({ error: EXPECTED_TRACE }).min(1, EXPECTED_TRACE).optional(),
    logger: aLogger.optional(),
    clock: hasMethod("a clock such as manualClock(), from 'solveguard/testing'", 'monotonic').optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type'
        ? "expected options such as { policy: { origins: ['https://staging.example.com'] } }"
        : undefined,
  },
)

/**
 * Creates a guard: the one thing that may spend a solver service's balance.
 *
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field; `DeniedError` (`LEDGER_UNAVAILABLE`,
 *   `AUDIT_UNAVAILABLE`) where the ledger or the audit log cannot be opened
 * @example
 * const guard = await createGuard({
 *   name: 'checkout-tests',
 *   policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(5), concurrent: 10 } },
 * })
 * const { token } = await guard.solve({ family: 'recaptcha', variant: 'v2-checkbox', sitekey, pageUrl })
 * await guard.close()
 */
export async function createGuard(options: GuardOptions): Promise<Guard> {
  const { secretCache } = check(optionsShape, options, 'options')
  const { clock = systemClock, ca } = options
  const name = checkName(options.name ?? 'default', 'options.name')
  const stateDir = resolve(options.stateDir ?? (process.env.SOLVEGUARD_STATE_DIR || '.solveguard'))
  if (!options.ledger || !options.audit) keepOutOfGit(stateDir)
  const log = options.trace === undefined ? undefined : wireLog(options.trace)
  return composeGuard(options.policy, {
    name,
    clock,
    accounts: accountsOf(options, {
      guard: name,
      timeZone: zoneOf(parsePolicy(options.policy)),
      secretCache: { ttlMs: secretCache?.ttl, staleForMs: secretCache?.staleFor },
      transport: ({ baseUrl }, { proxies: [proxy], localAddresses: [localAddress], expected: expect }) =>
        createTransport({ baseUrl, proxy, localAddress, expect, ca, clock, log }),
    }),
    ledger: options.ledger ?? fileLedger({ dir: stateDir }),
    sink: fanOutAudit([options.audit ?? jsonlAudit({ dir: join(stateDir, 'audit') })].flat()),
    logger: options.logger,
    telemetry: await loadTelemetry(),
    wireLog: log,
    alerts: options.alerts,
    onLeak: options.onLeak,
  })
}

/** A new state folder says itself that it belongs into no repository. */
function keepOutOfGit(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    writeFileSync(join(stateDir, '.gitignore'), '*\n', { flag: 'wx' })
  } catch {
    // It is there already, or the folder cannot be written: the ledger will say so, and better.
  }
}

/** Puts a guard together from parts that may be others than `createGuard`'s: benchmarks do without a network. */
export async function composeGuard(policyInput: PolicyInput, parts: GuardParts): Promise<Guard> {
  const policy = parsePolicy(policyInput)
  const { clock, ledger, sink } = parts
  const core = new GuardRuntime(parts)
  // A way out that cannot be taken is a mistake in the options: said now, not at the first solve.
  for (const account of core.accounts) account.transport(policy.egress)
  await ledger.open()
  let opened = false
  try {
    parts.wireLog?.open()
    await sink.open(parts.name, clock.now())
    opened = true
    return await RootGrant.start(core, policy)
  } catch (error) {
    // What went wrong first is what has to be told.
    if (opened) await quietly(() => sink.close())
    await quietly(() => ledger.close())
    await quietly(() => parts.wireLog?.close())
    throw error
  }
}

async function quietly(work: () => MaybePromise<void>): Promise<void> {
  try {
    await work()
  } catch {}
}

/** The root grant, with what only a guard can do. */
class RootGrant extends PolicyGrant implements Guard {
  readonly name: string
  readonly #core: GuardRuntime
  readonly #pipeline: SolvePipeline
  readonly #recovery: Recovery
  readonly #timings: SharedTimings
  readonly #advisor: Advisor
  #closing: Promise<void> | undefined

  private constructor(core: GuardRuntime, policy: PolicyGrant['policy'], solving: SolvePipeline, recovery: Recovery) {
    super(core, solving, policy, new BudgetPath([]), core.name)
    this.name = core.name
    this.#core = core
    this.#pipeline = solving
    this.#recovery = recovery
    this.#timings = new SharedTimings(core)
    this.#advisor = new Advisor(core, this, this.#timings, () => this.status())
  }

  static async start(core: GuardRuntime, policy: PolicyGrant['policy']): Promise<RootGrant> {
    const service = new SolverClient(core)
    const recovery = new Recovery(core, service, policy, new Gate(policy))
    const guard = new RootGrant(core, policy, new SolvePipeline(core, service, recovery), recovery)
    await core.register(new Budget(core.name, termsOf(policy.budget)), (isFirst) => {
      core.background(() => recovery.claimOrphans(), 'LEDGER_UNAVAILABLE')
      core.background(() => guard.#advisor.heartbeat(), 'LEDGER_UNAVAILABLE')
      core.background(() => guard.#timings.sync(), 'LEDGER_UNAVAILABLE')
      core.background(() => core.warnOfDueKeys(policy.key.rotateEveryMs), 'LEDGER_UNAVAILABLE')
      // Whoever has only just begun asks nobody how things stand: many are over before it is of use.
      if (isFirst) return
      core.background(
        async () => core.balanceMonitor.heartbeat(policy, await core.pauses.refresh()),
        'LEDGER_UNAVAILABLE',
      )
    })
    core.telemetry?.observe(core, () => guard.budgetStatus())
    return guard
  }

  on<K extends keyof GuardEvents>(event: K, callback: (event: GuardEvents[K]) => void): () => void {
    return this.#core.events.on(event, callback)
  }

  recommendConcurrency(options?: AdviceOptions): Promise<Advice> {
    return this.#advisor.recommend(options)
  }

  async batch(name: string): Promise<readonly BatchItem[]> {
    if (this.#core.closed) throw closed()
    try {
      return await batchItems(this.#core, checkName(name, 'name'))
    } catch (error) {
      throw error instanceof SolveguardError ? error : ledgerDown(error)
    }
  }

  async resume(): Promise<void> {
    if (this.#core.closed) throw closed()
    await this.#core.resume()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#core.closed = true
    await this.#pipeline.close()
    await this.#recovery.close()
    // The next process need not find out anew.
    this.#core.background(() => this.#timings.publish(), 'LEDGER_UNAVAILABLE')
    await this.#core.close()
  }
}
