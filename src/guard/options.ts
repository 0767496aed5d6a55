import { z } from 'zod'
import type { AlertChannel } from '../alerts/channel.js'
import type { AuditSink } from '../audit/sink.js'
import type { Clock } from '../base/clock.js'
import type { Ledger } from '../ledger/ledger.js'
import type { Duration } from '../policy/duration.js'
import { check, type PolicyInput } from '../policy/schema.js'
import { duration } from '../policy/shapes.js'
import type { SecretProvider } from '../secrets/provider.js'
import type { Solver } from '../solvers/solver.js'
import { accountsShape, aSecret, aSolver, hasMethod, type SolverAccount } from './accounts/options.js'
import { type CallbackInput, callbacksShape } from './callbacks/options.js'
import type { Logger } from './observability/log.js'

/**
 * Options of `createGuard`. Only `policy.origins` has no default: a guard allows no page that the policy does not name.
 *
 * @example
 * const guard = await createGuard({ policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(5) } } })
 */
export interface GuardOptions {
  /**
   * The budget's name, shared by every process that uses it: 1 to 64 letters, digits and `. _ -`.
   *
   * @default 'default'
   */
  name?: string | undefined
  /**
   * The service that solves.
   *
   * @default captchaAI()
   */
  solver?: Solver | undefined
  /**
   * Where the key comes from.
   *
   * @default envSecret('SOLVEGUARD_KEY')
   */
  secret?: SecretProvider | undefined
  /**
   * Several services in place of one, each with its own key and optionally its own budget, in the order in which they
   * are asked. A solve continues with the next one where one cannot do it, has no capacity, money or valid key, or
   * is unreachable; never where the service may have taken the task.
   *
   * @default one account, of `solver` and `secret`
   */
  solvers?: readonly SolverAccount[] | undefined
  /**
   * How long fetched keys are used.
   *
   * @default { ttl: '5m', staleFor: '1h' }
   */
  secretCache?:
    | {
        /**
         * How long a fetched key is fresh: `1s` to `1d`.
         *
         * @default '5m'
         */
        ttl?: Duration | undefined
        /**
         * How long after that it may still be used while the store does not answer: up to `7d`; `0s`: not at all.
         *
         * @default '1h'
         */
        staleFor?: Duration | undefined
      }
    | undefined
  /** What is allowed. `policy.origins` is required. */
  policy: PolicyInput
  /**
   * Where spending is counted. The guard opens and closes it.
   *
   * @default fileLedger in `stateDir`, shared by all processes
   */
  ledger?: Ledger | undefined
  /**
   * Where audit records go. Of several sinks each is required, except those of `copyAudit`. The guard opens and closes
   * them.
   *
   * @default jsonlAudit in `stateDir`
   */
  audit?: AuditSink | readonly AuditSink[] | undefined
  /**
   * Where alerts go, besides `guard.on('alert')`: `webhookAlerts`, `slackAlerts`, `commandAlerts`. Each alert is
   * delivered once, however many processes there are; configure the same channels in all of them.
   *
   * @default none: an alert that has no listener becomes a process warning
   */
  alerts?: readonly AlertChannel[] | undefined
  /**
   * What happens when money leaves the service's balance that was not spent here (`KEY_LEAK_SUSPECTED`): `alert` only,
   * or `pause`, which also pauses the account until `guard.resume()`.
   *
   * @default 'alert'
   */
  onLeak?: 'alert' | 'pause' | undefined
  /**
   * Whether the key is also used outside this ledger. The balance is then not watched.
   *
   * @default false
   */
  sharedKey?: boolean | undefined
  /**
   * How long a solve tries to connect to the service, through the proxy if there is one, before it fails with
   * `SOLVER_UNREACHABLE`; nothing was sent then. The first failure is a `retrying` event, or a process warning where
   * that has no listener. `1s` to `10m`, within `policy.deadline`.
   *
   * @default '20s'
   */
  connectWithin?: Duration | undefined
  /**
   * The folder of the ledger and the audit log. By default it is in the project's folder, whichever working folder a
   * process has: in the folder of the nearest package.json upwards or, in a monorepo, of the workspaces' root.
   *
   * @default the variable SOLVEGUARD_STATE_DIR, else '.solveguard' in the project's folder
   */
  stateDir?: string | undefined
  /**
   * The tokens that the guard issues and verifies.
   *
   * @default a signing key of its own in `stateDir`
   */
  tokens?:
    | {
        /**
         * Where the keys that sign tokens come from: at least 32 characters, of random. The current one signs, and the
         * previous one, where the provider has it, still verifies. Give all processes of the guard the same.
         *
         * @default the file `token.key` in `stateDir`, made at random by the process that first needs it
         */
        keys?: SecretProvider | undefined
      }
    | undefined
  /**
   * The services call back when a task is done, so that it is polled once and at once, and not at intervals. What a
   * call-back says is never believed: it only ends the wait.
   *
   * @default none: tasks are polled
   */
  callbacks?: CallbackInput | undefined
  /**
   * Certificates in PEM to trust in place of the machine's, for a proxy or a service with a private CA.
   *
   * @default the machine's certificates
   */
  ca?: string | readonly string[] | undefined
  /**
   * The path of a wire log in HAR 1.2: each call to a service and its reply, with secrets and answers masked.
   * `wire.har` becomes `wire.<pid>.har`, one file for each process, up to 64 MiB.
   *
   * @default none
   */
  trace?: string | undefined
  /**
   * Logs every event: steps as `debug`, how a solve ended as `info`, denials, failures and alerts as `warn`. A pino
   * logger fits. No message or field holds a key, a token or a solution.
   *
   * @default none
   */
  logger?: Logger | undefined
  /**
   * The clock, for tests.
   *
   * @default systemClock
   */
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
    connectWithin: duration.refine((ms) => ms >= 1000 && ms <= 600_000, 'expected 1s to 10m').optional(),
    stateDir: z.string({ error: EXPECTED_STATE_DIR }).min(1, EXPECTED_STATE_DIR).optional(),
    tokens: z.strictObject({ keys: aSecret.optional() }).optional(),
    callbacks: callbacksShape.optional(),
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
 * Checks the options of a guard.
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field
 */
export function checkGuardOptions(options: GuardOptions): z.output<typeof optionsShape> {
  return check(optionsShape, options, 'options')
}
