import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { createRedisLedger } from '../../src/ledger/redis.js'
import { type RunningRedis, startRedis } from '../support/redis.js'
import { ledgerContract } from './contract.js'

let server: RunningRedis
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

ledgerContract('the ledger in Redis', async () => {
  const options = { url: server.url, prefix: randomUUID() }
  const ledger = createRedisLedger(options, 'caller')
  const other = createRedisLedger(options, 'caller')
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
