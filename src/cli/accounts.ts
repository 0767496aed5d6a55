import { SolveguardError } from '../base/errors.js'
import { secretOf, solverOf } from '../config/guard-options.js'
import { createTransport } from '../egress/create.js'
import { type Transport, TransportError } from '../egress/transport.js'
import type { Money } from '../policy/money.js'
import { type PolicyInput, parsePolicy } from '../policy/schema.js'
import type { SecretProvider } from '../secrets/provider.js'
import type { FailureClass, Solver } from '../solvers/solver.js'
import type { Configuration } from './configuration.js'
import type { CommandContext } from './context.js'

/** One service of the configuration, with the place of its key. */
export interface CliAccount {
  readonly name: string
  readonly solver: Solver
  readonly secret: SecretProvider
}

/** The accounts of a configuration, in the order in which they are asked. */
export function accountsOf({ config }: Configuration): readonly CliAccount[] {
  if (config.solvers)
    return config.solvers.map(({ name, solver, secret }) => ({ name: name ?? solver.name, solver, secret }))
  const solver = solverOf(config)
  return [{ name: solver.name, solver, secret: secretOf(config) }]
}

/**
 * The way out to a service, as the policy has it. It is closed with the command.
 * @throws SolveguardError `CONFIG_INVALID`; `DeniedError` `EGRESS_CONFLICT`
 */
export function transportTo(context: CommandContext, { config }: Configuration, { solver }: CliAccount): Transport {
  const { origins = ['https://operator.invalid'], egress } = config.policy ?? {}
  const policy = parsePolicy({ origins, egress } as PolicyInput)
  const transport = createTransport({
    baseUrl: solver.baseUrl,
    proxy: policy.egress.proxies[0],
    localAddress: policy.egress.localAddresses[0],
    expect: policy.egress.expected,
    ca: config.ca,
    clock: context.clock,
  })
  context.defer(() => transport.close())
  return transport
}

const TIMEOUT_MS = 15_000

/**
 * The balance that a service reports, in micro-dollars. The call is free.
 * @throws DeniedError of the secret or network layer
 * @throws SolveguardError what the service says: `KEY_REFUSED`, `SOLVER_UNREACHABLE` …
 */
export async function readBalance(
  { signal }: CommandContext,
  { solver, secret }: CliAccount,
  transport: Transport,
): Promise<Money> {
  const { current } = await secret.fetch(signal)
  await transport.verify()
  const reply = await sent(
    transport.send(solver.balance(), current.value, { purpose: 'balance', timeoutMs: TIMEOUT_MS, signal }),
  )
  const result = solver.readBalance(reply)
  if (result.kind === 'balance') return result.amount
  throw new SolveguardError(CODES_OF[result.class], `${solver.name}: ${result.message}`, {
    details: { solverCode: result.code },
  })
}

/** What is not reached is a `SolveguardError`, too. */
async function sent<T>(sending: Promise<T>): Promise<T> {
  try {
    return await sending
  } catch (error) {
    if (error instanceof TransportError) throw new SolveguardError('SOLVER_UNREACHABLE', error.message)
    throw error
  }
}

const CODES_OF = {
  busy: 'SOLVER_BUSY',
  unsolvable: 'SOLVER_ERROR',
  request: 'SOLVER_REFUSED',
  unsupported: 'SOLVER_REFUSED',
  proxy: 'SOLVER_ERROR',
  key: 'KEY_REFUSED',
  address: 'ADDRESS_REFUSED',
  balance: 'BALANCE_EMPTY',
  invalid: 'SOLVER_REPLY_INVALID',
  unknown: 'SOLVER_ERROR',
} as const satisfies Record<FailureClass, string>
