import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { callbackListener } from '../../../src/guard/callback-handler.js'
import type { Guard } from '../../../src/guard/types.js'
import { SOLVERS } from '../../../src/solvers/table.js'
import { type CallbackBehavior, type ServiceOptions, startSolverService } from '../../../src/testing/index.js'
import type { ServiceName } from '../../../src/wires/services.js'
import { after, type Rig, type RigOptions, rig } from '../support.js'

/** A server at the address of call-backs, over a guard that is made later. */
export interface Hooks {
  readonly url: string
  /** How many requests have arrived. */
  readonly arrived: number
  mount(guard: Guard): void
}

export async function startHooks(): Promise<Hooks> {
  let listener: ReturnType<typeof callbackListener> | undefined
  let arrived = 0
  const server = createServer((request, response) => {
    arrived++
    if (listener) listener(request, response)
    else response.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    get arrived() {
      return arrived
    },
    mount(guard) {
      listener = callbackListener(guard)
    },
  }
}

export interface CallbackRigOptions extends RigOptions {
  readonly as?: ServiceName
  readonly api?: 'v1'
  /** How the service calls back. */
  readonly callback?: CallbackBehavior
  readonly hooks?: Hooks
}

/** A guard with call-backs over the stand-in service, with the service's own polling times. */
export async function callbackRig({ as = 'anticaptcha', api, callback, ...options }: CallbackRigOptions = {}) {
  const serviceOptions: ServiceOptions = {
    as,
    ...(options.clock && { clock: options.clock }),
    ...options.serviceOptions,
  }
  const service = options.service ?? (await startSolverService(serviceOptions))
  if (!options.service) after(() => service.close())
  if (callback) service.always('in', { callback })
  const hooks = options.hooks ?? (await startHooks())
  const { twoCaptcha } = await import('../../../src/solvers/two-captcha.js')
  const shared = { baseUrl: service.url, pricing: { per: 'solve', usd: 0.001 } } as const
  const solver = api === 'v1' ? twoCaptcha({ ...shared, api }) : SOLVERS[as]?.(shared)
  const made = await rig({
    ...options,
    service,
    guardOptions: { ...(solver && { solver }), callbacks: { url: hooks.url }, ...options.guardOptions },
  })
  if (!options.hooks) hooks.mount(made.guard)
  return { ...made, hooks, polls: () => service.requests.filter(({ endpoint }) => endpoint === 'res').length }
}

/** The address that the service was given for its latest task. */
export function addressOf({ service }: Pick<Rig, 'service'>, at = -1): string {
  const sent = service.requests.filter(({ endpoint }) => endpoint === 'in').at(at)
  const address = sent?.fields.pingback ?? sent?.fields.callbackUrl ?? ''
  expect(address).not.toBe('')
  return address
}
