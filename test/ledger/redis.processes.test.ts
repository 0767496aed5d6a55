import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { createRedisLedger } from '../../src/ledger/redis.js'
import { type RunningRedis, startRedis } from '../support/redis.js'
import { ledgerContract } from './contract.js'
import { CALLERS_TIME } from './redis-time.js'

let server: RunningRedis
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

ledgerContract('the ledger in Redis', async () => {
  const options = { url: server.url, prefix: randomUUID() }
  const ledger = createRedisLedger(options, CALLERS_TIME)
  const other = createRedisLedger(options, CALLERS_TIME)
  await ledger.open()
  await other.open()
  return {
    ledger,
    other,
    async close() {
      await ledger.close()
      await other.close()
    },
  }
})
