import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { BudgetClaim } from '../../src/ledger/ledger.js'
import { redisLedger } from '../../src/ledger/redis.js'
import type { Money } from '../../src/policy/money.js'
import { startRedis } from '../support/redis.js'
import { diaries, kill, look, processContract } from './process-contract.js'
import { bundleWorker, startWorker } from './processes.js'

processContract('a ledger in Redis', async () => {
  const server = await startRedis()
  return { at: { redis: server.url }, close: () => server.stop() }
})

it('a server that is killed, restarted and suspended under load has counted all that was charged', {
  timeout: 120_000,
}, async () => {
  const script = await bundleWorker()
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-diaries-'))
  const server = await startRedis({ lines: ['appendfsync always'] })
  const cap = 2_000_000
  const path: BudgetClaim[] = [{ id: 'shared', limits: { perDay: cap as Money } }]
  const workers = [0, 1, 2].map((n) =>
    startWorker(script, { do: 'spend-until-killed', redis: server.url, path, diary: join(folder, `0-${n}.diary`) }),
  )
  try {
    await Promise.all(workers.map(({ began }) => began))
    const charged = diaries(folder, 0)
    for (let round = 0; round < 5; round++) {
      const before = charged()
      await sleep(50 + Math.random() * 100)
      if (round % 2 === 0) {
        await server.kill()
        await server.restart()
      } else {
        server.hold()
        await sleep(200)
        server.release()
      }
      // They go on by themselves, and none of them has ended.
      await expect.poll(charged, { interval: 20 }).toBeGreaterThan(before)
      const reader = redisLedger({ url: server.url })
      await reader.open()
      await look(reader, 'shared', cap, charged)
      await reader.close()
    }
    expect(workers.map(({ child }) => child.exitCode)).toEqual([null, null, null])
  } finally {
    for (const worker of workers) await kill(worker)
    await server.stop()
    rmSync(script, { force: true })
    rmSync(folder, { recursive: true })
  }
})
