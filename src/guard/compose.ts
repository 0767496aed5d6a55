import { type MaybePromise, promised } from '../base/async.js'
import { waitAtMost } from '../base/timeout.js'
import { type Policy, zoneOf } from '../policy/schema.js'
import { SigningKeys } from '../tokens/keys.js'
import { checkedSolver } from './accounts/checked-solver.js'
import { Gate } from './admission/gate.js'
import { Advisor } from './advice/advisor.js'
import { callbackReceiver } from './callbacks/receive.js'
import { checkedLedger, checkedSink } from './checked-parts.js'
import { asLedgerError, asSolveguardError } from './errors.js'
import { RootGrant } from './guard.js'
import { addHost } from './hosting.js'
import { checkWhichLedger } from './keys/which-ledger.js'
import { type GuardParts, GuardRuntime } from './runtime.js'
import { SolverClient } from './service/client.js'
import { Recovery } from './service/recovery.js'
import { SharedTimings } from './service/shared-timings.js'
import { SolvePipeline } from './solve/pipeline.js'
import { Budget, termsOf } from './spending/budgets.js'
import { GuardTokens } from './tokens/tokens.js'
import type { Grant, Guard } from './types.js'

export type { GuardParts } from './runtime.js'

/** How long an audit sink may take to close after a guard could not be opened. */
const CLOSE_MS = 10_000

/** Composes a guard from its parts. They may differ from `createGuard`'s: benchmarks use no network. */
export async function composeGuard(policy: Policy, parts: GuardParts): Promise<Guard> {
  const checked = checkedParts(parts)
  const { clock, ledger, sink } = checked
  const runtime = new GuardRuntime(withTelemetry(checked))
  // An egress that cannot be used is a mistake in the options: throws now, not at the first solve.
  for (const account of runtime.accounts) account.transport(policy.egress)
  await ledger.open()
  let opened = false
  try {
    parts.wireLog?.open()
    await sink.open(parts.name, clock.now())
    opened = true
    // First of all: a file that no head knows counts as one that was added.
    const { head } = sink
    if (head) {
      await promised(() => ledger.saveHead(head)).catch((error) => {
        throw asLedgerError(error)
      })
    }
    await runtime.callbacks.open()
    return start(runtime, policy, parts)
  } catch (error) {
    await quietly(() => runtime.callbacks.close())
    // The first error is the one to report.
    if (opened) {
      await quietly(() =>
        waitAtMost(
          promised(() => sink.close()),
          clock,
          CLOSE_MS,
        ),
      )
      await quietly(() => sink.head && ledger.saveHead(sink.head))
    }
    await quietly(() => ledger.close())
    await quietly(() => parts.wireLog?.close())
    throw asSolveguardError(error, 'CONFIG_INVALID')
  }
}

/** The same parts; those that may be the user's own do what their interfaces state, or throw an error with a code. */
function checkedParts(parts: GuardParts): GuardParts {
  return {
    ...parts,
    ledger: checkedLedger(parts.ledger, parts.clock),
    sink: checkedSink(parts.sink, parts.clock),
    accounts: parts.accounts.map((account) => ({ ...account, solver: checkedSolver(account.solver) })),
  }
}

/** The same parts, with a span around each call of each account. */
function withTelemetry(parts: GuardParts): GuardParts {
  const { telemetry } = parts
  if (!telemetry) return parts
  const accounts = parts.accounts.map((account) => ({
    ...account,
    transport: (egress: Policy['egress']) => telemetry.transport(account.transport(egress), account),
  }))
  return { ...parts, accounts }
}

/** A grant over parts that are not opened: it explains, and nothing else. */
export function composeUnopened(policy: Policy, parts: GuardParts): Pick<Grant, 'explain'> {
  return connect(new GuardRuntime(checkedParts(parts)), policy, parts).guard
}

/** Connects the parts. */
function connect(runtime: GuardRuntime, policy: Policy, { tokenKeys }: Pick<GuardParts, 'tokenKeys'>) {
  const client = new SolverClient(runtime)
  const recovery = new Recovery(runtime, client, policy, new Gate(policy))
  const pipeline = new SolvePipeline(runtime, client, recovery)
  const timings = new SharedTimings(runtime)
  const advisor = new Advisor(runtime, timings)
  const tokens = new GuardTokens(runtime, new SigningKeys(tokenKeys, runtime.clock), zoneOf(policy))
  const { callbacks } = runtime
  const guard = new RootGrant(runtime, policy, { pipeline, recovery, timings, advisor, tokens, callbacks })
  addHost(guard, runtime, pipeline, recovery, callbacks.options && callbackReceiver(callbacks))
  return { guard, recovery, timings, advisor, tokens }
}

/** Connects the parts, and starts the heartbeat. */
function start(runtime: GuardRuntime, policy: Policy, parts: GuardParts): Guard {
  const { guard, recovery, timings, advisor, tokens } = connect(runtime, policy, parts)
  tokens.open()
  runtime.start(new Budget(runtime.name, termsOf(policy.budget)), (isFirst) => {
    const inBackground = (work: () => Promise<unknown>) => runtime.background(work, 'LEDGER_UNAVAILABLE')
    inBackground(() => recovery.claimOrphans())
    inBackground(() => advisor.heartbeat())
    inBackground(() => timings.sync())
    inBackground(() => runtime.warnOfDueKeys(policy.key.rotateEveryMs))
    if (isFirst) inBackground(() => checkWhichLedger(runtime, parts.auditFolder))
    // Skipped on the first heartbeat: most processes end before the result would be used.
    if (isFirst) return
    inBackground(async () => {
      const usages = await runtime.pauses.refresh()
      runtime.observeClocks(usages.get(runtime.name)?.clocks)
      await runtime.balanceMonitor.heartbeat(policy, usages)
    })
  })
  runtime.telemetry?.observe(runtime, () => guard.budgetStatus())
  return guard
}

async function quietly(work: () => MaybePromise<void> | undefined): Promise<void> {
  try {
    await work()
  } catch {}
}
