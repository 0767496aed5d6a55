import { messageOf, SolveguardError } from '../base/errors.js'
import type { BrokerHandler, BrokerRequest, BrokerResponse } from '../broker/types.js'
import type { OwnSockets } from '../net/own-sockets.js'
import { type Configuration, findConfiguration } from './configuration.js'

/** How long a submit waits for a slot or for rate before it is denied, in ms, as at a broker. */
const ACCEPT_WAIT_MS = 3_000

/**
 * Answers what is led away. The guard is made, or the broker's connections are, when the first call arrives: most
 * processes never make one.
 */
export function lazyHandler(sockets: OwnSockets): BrokerHandler {
  let handler: Promise<BrokerHandler> | undefined
  return async (request) => {
    try {
      handler ??= makeHandler(sockets)
      const answer = await handler.catch((error: unknown) => {
        // A guard that could not be made may be possible later: its ledger or its store was away.
        handler = undefined
        throw error
      })
      return await answer(request)
    } catch (error) {
      return unavailable(error)
    }
  }
}

async function makeHandler(sockets: OwnSockets): Promise<BrokerHandler> {
  const configuration = findConfiguration()
  if (configuration.kind === 'broker') {
    const { forwardTo } = await import('./forward.js')
    return forwardTo(configuration)
  }
  return ownGuard(configuration, sockets)
}

/** A guard of this thread. Its ledger and audit log are those of all processes of the project. */
async function ownGuard(
  configuration: Exclude<Configuration, { kind: 'broker' }>,
  sockets: OwnSockets,
): Promise<BrokerHandler> {
  const { guardOptions } = await import('./configuration.js')
  const { createGuardOver } = await import('../guard/create.js')
  const { brokerHandler } = await import('../broker/server.js')
  const guard = await createGuardOver(await guardOptions(configuration), { sockets })
  const { handler, tasks } = brokerHandler(guard, {
    acceptWaitMs: ACCEPT_WAIT_MS,
    // The process is trusted with the whole grant: whatever key a call carries stands for it.
    authenticate: () => ({ id: 'process', grant: guard }),
  })
  await tasks.open()
  process.once('beforeExit', () => void tasks.close().then(() => guard.close()))
  const credential = 'process'
  return (request: BrokerRequest) => handler({ ...request, credential })
}

let warned = false

/** @returns a reply that every client takes for a failure of the service, with the sentence for its log */
function unavailable(error: unknown): BrokerResponse {
  const sentence = `solveguard: ${messageOf(error)}`
  if (!warned) {
    warned = true
    const code = error instanceof SolveguardError ? error.code : 'SOLVER_ERROR'
    process.emitWarning(sentence, { type: 'SolveguardWarning', code })
  }
  return { status: 503, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: sentence }
}
