import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startSolverService } from '../../../src/testing/service/index.js'
import { startRedis } from '../../support/redis.js'
import { bundleGuardProcess } from '../guard-process.js'
import { after } from '../support.js'

/** Takes as long as a heartbeat of real time: the heartbeat is what it tests. */
it('pause and resume take effect at once in other processes and emit events, on a file and in Redis', async () => {
  const start = await bundleGuardProcess('pauses')
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
    await Promise.all([one.next('ready'), two.next('ready')])
    service.revoke(service.key)
    one.send('solve 1')
    expect(await one.next('solved')).toMatchObject({ failures: ['KEY_REFUSED'] })
    expect(await one.next('paused')).toMatchObject({ code: 'KEY_REFUSED' })
    // The other process learns of the pause at its next reserve, and emits the event then.
    two.send('solve 1')
    expect(await two.next('solved')).toMatchObject({ failures: ['GUARD_PAUSED'] })
    expect(await two.next('paused')).toMatchObject({ code: 'KEY_REFUSED' })
    for (const each of [one, two]) {
      each.send('status')
      expect(await each.next('status')).toMatchObject({ paused: 'KEY_REFUSED' })
    }
    service.addKey(service.key, 5)
    two.send('resume')
    await two.next('resumed')
    one.send('solve 1')
    expect(await one.next('solved')).toMatchObject({ failures: [] })
    await one.next('resumed')
    expect([one, two].map(({ messages }) => messages.filter(({ what }) => what === 'paused').length)).toEqual([1, 1])
    expect(
      [one, two].flatMap(({ messages }) =>
        messages.filter(({ code, what }) => what === 'alert' && code === 'KEY_REFUSED'),
      ),
    ).toHaveLength(1)
  }
  await Promise.all([pauseAndResume({}), pauseAndResume({ LEDGER_URL: server.url })])
})
