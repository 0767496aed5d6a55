import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import { createListener } from '../../src/broker/listener.js'
import { after } from '../guard/support.js'
import { type BrokerRig, type BrokerRigOptions, brokerRig } from './support.js'

export interface ServerRig extends BrokerRig {
  /** `http://127.0.0.1:41234` */
  readonly url: string
  readonly port: number
}

/** A broker that listens on loopback, until the end of the test. */
export async function serverRig(options: BrokerRigOptions = {}): Promise<ServerRig> {
  const made = await brokerRig(options)
  const app = createListener({ fastify, handler: made.handler })
  await app.listen({ host: '127.0.0.1', port: 0 })
  after(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return { ...made, url: `http://127.0.0.1:${port}`, port }
}
