import type { BrowserContext } from 'playwright/test'
import type { GuardOptions } from '../../guard/options.js'
import { memoryLedger } from '../../ledger/memory.js'
import { Secret } from '../../secrets/secret.js'
import { captchaAI } from '../../solvers/captchaai.js'
import type { Solver } from '../../solvers/solver.js'
import { SOLVER_NAMES } from '../../solvers/table.js'
import type { StandInAddresses, StandInServiceName } from '../../testing/index.js'

/** What takes the place of the vendors and the service in a suite without a key. */
export interface StandInSuite extends AsyncDisposable {
  /** The options of the worker's guard. */
  readonly options: GuardOptions
  /** Has the stand-ins answer the vendors' addresses in the pages of a context. */
  route(context: BrowserContext): Promise<void>
}

const NAMES: readonly string[] = SOLVER_NAMES
const POLL_EVERY_MS = 50

/**
 * Connects to the stand-ins that `standInServer` has started for the suite, or starts them in this worker. They are
 * loaded only here: a suite with a key needs none.
 */
export async function standInSuite(options: GuardOptions): Promise<StandInSuite> {
  const { memoryAudit, routeVendors, standInAddresses, startStandIns } = await import('../../testing/index.js')
  const own = process.env.SOLVEGUARD_STAND_INS ? undefined : await startStandIns()
  const standIns = own ?? standInAddresses()
  return {
    options: { ...withStandIns(options, standIns), ledger: memoryLedger(), audit: memoryAudit() },
    route: (context) => routeVendors(context, standIns.vendors),
    async [Symbol.asyncDispose]() {
      await own?.close()
    },
  }
}

/**
 * The same policy, but for the route to a service that is on this machine. Nothing of it is counted or recorded beside
 * what was spent of real money.
 */
function withStandIns({ name, policy, solver, solvers, logger, clock }: GuardOptions, standIns: StandInAddresses) {
  const { egress, pageProxy, ...others } = policy
  const value = new Secret(standIns.key)
  return {
    name,
    policy: others,
    solver: standInFor(solver ?? solvers?.[0]?.solver ?? captchaAI(), standIns),
    secret: {
      kind: 'stand-ins',
      place: standIns.url,
      fetch: () => ({ current: { value, version: value.fingerprint } }),
    },
    logger,
    clock,
  }
}

/** The solver at its service's stand-in; a solver of the user's own, whose service has none, becomes `captchaAI()`. */
function standInFor(solver: Solver, standIns: StandInAddresses): Solver {
  const known = NAMES.includes(solver.name) ? solver : captchaAI()
  return {
    ...known,
    baseUrl: standIns.serviceUrl(known.name as StandInServiceName),
    polling: () => ({ firstPollMs: 0, everyMs: POLL_EVERY_MS }),
    trustCost: true,
  }
}
