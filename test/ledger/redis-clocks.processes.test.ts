import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.js'
import { createRedisLedger } from '../../src/ledger/redis.js'
import { type RunningRedis, startRedis } from '../support/redis.js'
import { clocksContract, T0, type World } from './clocks-contract.js'
import { GIVEN_TIME } from './redis-time.js'

let server: RunningRedis
let client: Redis
beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.url)
})
afterAll(async () => {
  client.disconnect()
  await server.stop()
})

clocksContract('a ledger in Redis', async () => {
  const prefix = randomUUID()
  const world: World = {
    time: T0,
    isShared: true,
    async open() {
      await client.hset(`{${prefix}}:state`, '=', world.time)
      const ledger = createRedisLedger({ url: server.url, prefix }, GIVEN_TIME)
      await ledger.open()
      // Each call finds the server's clock at the time that the test has set.
      return new Proxy<Ledger>(ledger, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name)
          if (typeof member !== 'function') return member
          return async (...args: unknown[]) => {
            await client.hset(`{${prefix}}:state`, '=', world.time)
            return member.apply(target, args)
          }
        },
      })
    },
    async close() {},
  }
  return world
})
