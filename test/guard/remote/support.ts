import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startBroker } from '../../../src/broker/server.js'
import { createGuard } from '../../../src/guard/create.js'
import type { LightGuardOptions } from '../../../src/guard/remote/options.js'
import type { Guard, TokenOptions } from '../../../src/guard/types.js'
import type { NarrowingInput } from '../../../src/policy/schema.js'
import { after, type Rig, type RigOptions, rig } from '../support.js'

const ORIGINS = ['https://staging.example.com']

export interface LightRig extends Rig {
  /** The guard that holds a token. */
  readonly light: Guard
  readonly token: string
  readonly url: string
}

export interface LightRigOptions extends RigOptions {
  readonly token?: NarrowingInput
  readonly tokenOptions?: TokenOptions
  readonly light?: Partial<LightGuardOptions>
}

/** A guard without a key, over a broker on loopback, over a guard with the stand-in service. */
export async function lightRig(options: LightRigOptions = {}): Promise<LightRig> {
  const made = await rig(options)
  const broker = await startBroker({ guard: made.guard, acceptWait: '0s' })
  after(() => broker.close())
  const { token } = await made.guard.issueToken({ origins: ORIGINS, ...options.token }, options.tokenOptions)
  return { ...made, token, url: broker.url, light: await lightOver(broker.url, token, options.light) }
}

export async function lightOver(url: string, token: string, more: Partial<LightGuardOptions> = {}): Promise<Guard> {
  const light = await createGuard({ broker: url, token, ...more })
  after(() => light.close())
  return light
}

export interface FalseBroker {
  readonly url: string
  /** The bodies of the solves that it was sent. */
  readonly solves: string[]
  readonly requests: IncomingMessage[]
}

/** A server in the place of a broker that replies what a test wants. */
export async function falseBroker(
  reply: (response: ServerResponse, request: IncomingMessage) => void,
): Promise<FalseBroker> {
  const solves: string[] = []
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    let body = ''
    requests.push(request)
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      if (request.url === '/v1/solve') solves.push(body)
      reply(response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, solves, requests }
}

/** Replies with events, as a broker does. */
export function events(response: ServerResponse, ...all: readonly (readonly [string, unknown])[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  response.end(all.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join(''))
}

/** A token of a guard that is never asked. */
export async function anyToken(policy: NarrowingInput = {}): Promise<string> {
  const { guard } = await rig()
  return (await guard.issueToken({ origins: ORIGINS, ...policy })).token
}
