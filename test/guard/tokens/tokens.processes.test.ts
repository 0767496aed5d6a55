import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { beforeAll, expect, it } from 'vitest'
import { bundleForNode } from '../../../scripts/page-script.mjs'
import { startSolverService } from '../../../src/testing/service/index.js'
import { startRedis } from '../../support/redis.js'
import { after } from '../support.js'

let script: string
beforeAll(async () => {
  const root = join(import.meta.dirname, '../../..')
  script = await bundleForNode('test/guard/children/holder.ts', join(root, 'node_modules/.cache/solveguard/holder.mjs'))
})

interface Answer {
  readonly token?: string
  readonly id?: string
  readonly handle?: string
  readonly outcomes?: readonly string[]
}

/** Starts processes of `children/holder.ts`; each answers one command at a time. */
async function holders(count: number, ledger: { LEDGER_URL?: string }) {
  const service = await startSolverService({ price: 0.001 })
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-holders-'))
  const env = { SERVICE_URL: service.url, SERVICE_KEY: service.key, STATE_DIR: dir, ...ledger }
  const children = Array.from({ length: count }, () => {
    const child = spawn(process.execPath, [script], { env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' })
    child.stderr.pipe(process.stderr)
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
  })
  after(async () => {
    const exits = children.map(({ child }) => (child.exitCode === null ? once(child, 'exit') : undefined))
    for (const { child } of children) child.stdin.end()
    await Promise.all(exits)
    await service.close()
    rmSync(dir, { recursive: true, force: true })
  })
  const asks = children.map(({ child, lines }) => async (command: string): Promise<Answer> => {
    child.stdin.write(`${command}\n`)
    return JSON.parse((await lines.next()).value as string) as Answer
  })
  for (const { lines } of children) await lines.next()
  return { asks, service }
}

const solvedIn = (answers: readonly Answer[]) =>
  answers.flatMap(({ outcomes = [] }) => outcomes).filter((outcome) => outcome === 'solved').length

it('tokens are worth their budget, and are revoked and paused, in all processes of a file or of Redis', async () => {
  const server = await startRedis()
  after(() => server.stop())
  const run = async (ledger: { LEDGER_URL?: string }) => {
    const { asks, service } = await holders(3, ledger)
    // All of them make the signing key at the same time: one of them does.
    const tokens = await Promise.all(asks.map((ask) => ask('issue 0.005')))
    const [{ token = '', handle = '', id = '' } = {}, { token: second = '', id: secondId = '' } = {}] = tokens
    const replayed = await Promise.all([
      ...asks.slice(1).map((ask) => ask(`solve 6 ${token}`)),
      asks[0]?.(`solve 6 ${handle}`) ?? {},
    ])
    expect(solvedIn(replayed)).toBe(5)
    expect(service.tasks).toHaveLength(5)
    await asks[0]?.(`revoke ${secondId}`)
    for (const ask of asks) expect((await ask(`solve 1 ${second}`)).outcomes).toEqual(['TOKEN_REVOKED'])
    await asks[1]?.('pause ci-4711')
    const third = tokens[2]?.token ?? ''
    for (const ask of asks) expect((await ask(`solve 1 ${third}`)).outcomes).toEqual(['GUARD_PAUSED'])
    expect(id).toMatch(/^[\w-]{16}$/)
  }
  await Promise.all([run({}), run({ LEDGER_URL: server.url })])
})
