import { z } from 'zod'
import type { AlertChannel } from '../alerts/channel.js'
import type { AuditSink } from '../audit/sink.js'
import type { Clock } from '../base/clock.js'
import type { Ledger } from '../ledger/ledger.js'
import type { Duration } from '../policy/duration.js'
import { check, duration, type PolicyInput } from '../policy/schema.js'
import type { SecretProvider } from '../secrets/provider.js'
import type { Solver } from '../solvers/solver.js'
import { accountsShape, aSecret, aSolver, hasMethod, type SolverAccount } from './accounts/options.js'
import type { Logger } from './observability/log.js'

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
 * Checks the options of a guard.
 * @throws SolveguardError `CONFIG_INVALID` that names each wrong field
 */
export function checkOptions(options: GuardOptions): z.output<typeof optionsShape> {
  return check(optionsShape, options, 'options')
}
