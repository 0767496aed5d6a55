import type { Transport } from '../../egress/transport.js'
import type { Money } from '../../policy/money.js'
import type { Policy } from '../../policy/schema.js'
import type { SecretVersion } from '../../secrets/provider.js'
import type { Account } from '../accounts/account.js'
import type { Gate } from '../admission/gate.js'
import type { KeyRegistry } from '../keys/registry.js'
import type { KeyClock } from '../ports.js'

/** What a balance query needs from the guard. */
export interface BalanceQueryDeps extends KeyClock {
  readonly keyRegistry: Pick<KeyRegistry, 'admit'>
}

/**
 * The transport for a balance query. A key or a route that is denied to a solve is denied here too.
 * @throws DeniedError as for a solve
 */
export async function balanceTransport(
  deps: BalanceQueryDeps,
  account: Account,
  key: SecretVersion,
  gate: Gate,
  egress: Policy['egress'],
): Promise<Transport> {
  gate.admitKey(key, deps.keyTime())
  await deps.keyRegistry.admit(account, key)
  const transport = account.transport(egress)
  await transport.verify()
  return transport
}

/**
 * The balance that the service reports, in micro-dollars; undefined if it reports none. The call is free.
 * @throws TransportError
 */
export async function queryBalance(
  { solver }: Account,
  key: SecretVersion,
  transport: Transport,
  timeoutMs: number,
): Promise<Money | undefined> {
  const reply = await transport.send(solver.balance(), key.value, { purpose: 'balance', timeoutMs })
  const result = solver.readBalance(reply)
  return result.kind === 'balance' ? result.amount : undefined
}
