import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startSolverService } from '../../../src/testing/service/index.js'
import { startRedis } from '../../support/redis.js'
import { after } from '../support.js'
import { talkers } from '../talkers.js'

/** Takes as long as a heartbeat of real time: the heartbeat is what it tests. */
it('pause and resume take effect at once in other processes and emit events, on a file and in Redis', async () => {
  const start = await talkers('pauses')
  const server = await startRedis()
  after(() => server.stop())
  const pauseAndResume = async (ledger: { LEDGER_URL?: string }) => {
    const service = await startSolverService({ price: 0.001 })
    after(() => service.close())
    const dir = mkdtempSync(join(tmpdir(), 'solveguard-pauses-'))
    after(async () => rmSync(dir, { recursive: true, force: true }))
    const env = {
      SERVICE_URL: service.url,
      SERVICE_KEY: service.key,
      HOOK_URL: 'http://127.0.0.1:9/',
      HOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
      STATE_DIR: dir,
      ...ledger,
    }
    const [one, two] = [start(env), start(env)]
    await Promise.all([one.hears('ready'), two.hears('ready')])
    service.revoke(service.key)
    one.tell('solve 1')
    expect(await one.hears('solved')).toMatchObject({ failures: ['KEY_REFUSED'] })
    expect(await one.hears('paused')).toMatchObject({ code: 'KEY_REFUSED' })
    // The other process learns of the pause at its next reserve, and emits the event then.
    two.tell('solve 1')
    expect(await two.hears('solved')).toMatchObject({ failures: ['GUARD_PAUSED'] })
    expect(await two.hears('paused')).toMatchObject({ code: 'KEY_REFUSED' })
    for (const each of [one, two]) {
      each.tell('status')
      expect(await each.hears('status')).toMatchObject({ paused: 'KEY_REFUSED' })
    }
    service.addKey(service.key, 5)
    two.tell('resume')
    await two.hears('resumed')
    one.tell('solve 1')
    expect(await one.hears('solved')).toMatchObject({ failures: [] })
    await one.hears('resumed')
    expect([one, two].map(({ said }) => said.filter(({ what }) => what === 'paused').length)).toEqual([1, 1])
    expect(
      [one, two].flatMap(({ said }) => said.filter(({ code, what }) => what === 'alert' && code === 'KEY_REFUSED')),
    ).toHaveLength(1)
  }
  await Promise.all([pauseAndResume({}), pauseAndResume({ LEDGER_URL: server.url })])
})
