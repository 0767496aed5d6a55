import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleForNode } from '../../../scripts/page-script.mjs'
import type { SolverService } from '../../../src/testing/service/index.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { freePort } from '../../support/loopback.js'
import { after } from '../support.js'
import { lightRig } from './support.js'

const program = join(import.meta.dirname, `../../../node_modules/.cache/solveguard/abandoning-${process.pid}.mjs`)

beforeAll(async () => {
  await bundleForNode('test/guard/children/abandoning.ts', program)
})
afterAll(async () => {
  rmSync(program, { force: true })
})

/** Runs a process whose solve is aborted once the service has its task; resolves with its exit code. */
async function abandon(service: SolverService, env: Record<string, string>): Promise<number> {
  const child = fork(program, { env: { PATH: process.env.PATH, ...env }, stdio: 'ignore' })
  after(async () => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  await expect.poll(() => service.tasks.length, { timeout: 60_000 }).toBe(1)
  child.send('abort')
  const [code] = await exited
  return code
}

describe('a task for which no caller waits any more', () => {
  it("does not keep the process of a guard without a key: the broker's guard follows it", async () => {
    const { service, url, token, guard } = await lightRig({ serviceOptions: { solveMs: 600_000 } })
    expect(await abandon(service, { BROKER: url, TOKEN: token })).toBe(0)
    expect(service.tasks[0]?.state).toBe('working')
    expect((await guard.status()).process.solving).toBe(1)
  })

  it.each(['with polls', 'with call-backs, whose listener does not keep it'])(
    'keeps the process of the guard with the key until its cost is settled: %s',
    async (how) => {
      const service = await startSolverService({ solveMs: 3_000 })
      after(() => service.close())
      const env = how === 'with polls' ? {} : { PORT: String(await freePort()) }
      expect(await abandon(service, { SERVICE_URL: service.url, KEY: service.key, ...env })).toBe(0)
      expect(service.tasks[0]).toMatchObject({ state: 'ready', answer: expect.any(String) })
      if (how !== 'with polls') expect(service.tasks[0]?.polls).toBe(1)
    },
  )
})
