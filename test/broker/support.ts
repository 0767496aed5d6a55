import { SolveguardError } from '../../src/base/errors.js'
import type { Authenticate } from '../../src/broker/auth.js'
import type { Deliveries } from '../../src/broker/deliveries.js'
import { brokerHandler } from '../../src/broker/server.js'
import type { BrokerTasks } from '../../src/broker/tasks.js'
import type { BrokerHandler, BrokerResponse } from '../../src/broker/types.js'
import type { Grant } from '../../src/guard/types.js'
import { SOLVERS } from '../../src/solvers/table.js'
import type { ServiceName } from '../../src/wires/services.js'
import { after, type Rig, type RigOptions, rig } from '../guard/support.js'

export const PAGE = 'https://staging.example.com/login'
export const SITEKEY = '6LcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
export const TOKEN = 'a-token-of-a-client-that-is-good'
export const OTHER_TOKEN = 'a-token-of-another-client-indeed'

export interface BrokerRig extends Rig {
  readonly handler: BrokerHandler
  readonly tasks: BrokerTasks
  /** Sends a form to the broker, as a POST; the token is added. */
  form(path: string, fields: Record<string, string>, options?: SendOptions): Promise<string>
  /** Sends JSON to the broker; the token is added. Resolves with the reply as an object. */
  json(path: string, body: object, options?: SendOptions): Promise<Record<string, unknown>>
}

export interface SendOptions {
  readonly token?: string
  readonly headers?: Record<string, string>
}

export interface BrokerRigOptions extends RigOptions {
  /** The guard's service. @default 'twocaptcha' */
  readonly as?: ServiceName
  readonly acceptWaitMs?: number
  readonly wire?: ServiceName
  /** Whether the tokens of the guard are taken, in place of the two. */
  readonly byTokens?: boolean
  readonly grants?: (rig: Rig) => Record<string, Grant>
  readonly deliveries?: Deliveries
}

/** A broker's handler over a guard on the stand-in service. Two tokens are known. */
export async function brokerRig(options: BrokerRigOptions = {}): Promise<BrokerRig> {
  const { as = 'twocaptcha', acceptWaitMs = 0, wire } = options
  const made = await rigOf(as, options)
  const grants: Record<string, Grant> = options.grants?.(made) ?? {
    [TOKEN]: made.guard.narrow({}, { name: 'client' }),
    [OTHER_TOKEN]: made.guard.narrow({}, { name: 'other' }),
  }
  const authenticate: Authenticate = (credential) => {
    const grant = grants[credential]
    if (!grant) throw new SolveguardError('TOKEN_INVALID', 'This token is not known.')
    return { id: grant.path.at(-1) ?? '', grant, wire }
  }
  const { handler, tasks } = brokerHandler(made.guard, {
    acceptWaitMs,
    authenticate: options.byTokens ? undefined : authenticate,
    deliveries: options.deliveries,
  })
  await tasks.open()
  after(() => tasks.close())
  return {
    ...made,
    handler,
    tasks,
    form: async (path, fields, { token = TOKEN, headers = {} } = {}) => {
      const body = new URLSearchParams({ key: token, ...fields }).toString()
      const reply = await send(handler, 'POST', path, body, {
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      })
      return String(reply.body)
    },
    json: async (path, body, { token = TOKEN, headers = {} } = {}) => {
      const text = JSON.stringify({ clientKey: token, ...body })
      const reply = await send(handler, 'POST', path, text, { 'content-type': 'application/json', ...headers })
      return JSON.parse(String(reply.body))
    },
  }
}

async function rigOf(as: ServiceName, options: BrokerRigOptions): Promise<Rig> {
  const { startSolverService } = await import('../../src/testing/service/index.js')
  const service = options.service ?? (await startSolverService({ as, ...options.serviceOptions }))
  if (!options.service) after(() => service.close())
  const solver = SOLVERS[as]?.({
    baseUrl: service.url,
    polling: options.polling ?? { firstPollMs: 0, everyMs: 5 },
    pricing: { per: 'solve', usd: 0.001 },
  })
  return rig({ ...options, service, guardOptions: { ...(solver && { solver }), ...options.guardOptions } })
}

export async function send(
  handler: BrokerHandler,
  method: string,
  url: string,
  body: string | Buffer = '',
  headers: Record<string, string> = {},
): Promise<BrokerResponse> {
  return handler({ method, url, headers: { host: '127.0.0.1:8080', ...headers }, body: Buffer.from(body) })
}

/** Polls until the task has ended. */
export async function untilDone<T>(poll: () => Promise<T>, isWorking: (reply: T) => boolean): Promise<T> {
  for (;;) {
    const reply = await poll()
    if (!isWorking(reply)) return reply
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
