import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureNodeClients } from '../../scripts/node-clients.mjs'
import { installNode, OTHER_NODES } from '../../scripts/node-versions.mjs'
import { type SolverService, startSolverService } from '../../src/testing/service/index.js'
import { makeAuthority } from '../support/certificate.js'
import { listen } from '../support/loopback.js'
import { type ConnectProxy, startConnectProxy } from './connect-proxy.js'
import { makeProject } from './project.js'

const run = promisify(execFile)
const PAGE = 'https://staging.example.com/login'
/** What CapSolver replies to a task that it has solved at once. */
const SOLVED = JSON.stringify({
  errorId: 0,
  taskId: '61138bb6-19fb-11ec-a9c8-0242ac110006',
  status: 'ready',
  solution: { gRecaptchaResponse: '03AF' },
})
const SITEKEY = '6LcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

let project: string
let service: SolverService
let proxy: ConnectProxy

beforeAll(async () => {
  ensureNodeClients()
  project = await makeProject()
  cpSync(join(import.meta.dirname, 'apps'), project, { recursive: true })
  service = await startSolverService({ answer: () => '03AF-the-answer' })
  proxy = await startConnectProxy()
  writeFileSync(
    join(project, 'solveguard.config.mjs'),
    `import { twoCaptcha } from 'solveguard/solvers'
     export default {
       solver: twoCaptcha({ baseUrl: '${service.url}', polling: { firstPollMs: 0, everyMs: 50 },
         pricing: { per: 'solve', usd: 0.001 } }),
       policy: { origins: ['https://staging.example.com'] },
     }`,
  )
})

afterAll(async () => {
  await service?.close()
  await proxy?.close()
  if (project) rmSync(project, { recursive: true })
})

interface AppOptions {
  /** Modules to load before. */
  readonly before?: readonly string[]
  readonly node?: string
  /** Options of Node. */
  readonly flags?: readonly string[]
  readonly env?: Record<string, string>
}

/** Runs an application of `apps/`, and resolves with what it printed. */
async function app(
  file: string,
  args: readonly string[],
  { node = process.execPath, env: more = {}, before = [], flags = [] }: AppOptions = {},
) {
  const stateDir = mkdtempSync(join(tmpdir(), 'register-'))
  try {
    const env = { ...process.env, SOLVEGUARD_KEY: service.key, SOLVEGUARD_STATE_DIR: stateDir, ...more }
    const options = { cwd: project, env, timeout: 150_000 }
    const loaded = [...before, 'solveguard/register'].flatMap((name) => ['--import', name])
    const { stdout, stderr } = await run(node, [...flags, ...loaded, file, ...args], options)
    return { result: JSON.parse(stdout) as Record<string, unknown>, stderr }
  } finally {
    rmSync(stateDir, { recursive: true, force: true })
  }
}

describe('node --import solveguard/register', () => {
  it('answers published clients with a fixed address, whatever key they have', async () => {
    const { result, stderr } = await app('clients.mjs', [PAGE, SITEKEY])
    const names = ['2captcha', '2captcha-ts', 'anticaptchaofficial', 'anticaptcha', 'capmonster']
    const all = [...names, 'puppeteer-extra-plugin-recaptcha']
    expect(result).toEqual(Object.fromEntries(all.map((name) => [name, '03AF-the-answer'])))
    expect(stderr).toBe('')
    expect(service.tasks).toHaveLength(all.length)
  })

  it('answers every HTTP library, workers and children', () => libraries(process.execPath))

  it('answers them on newer versions of Node', async () => {
    await Promise.all(OTHER_NODES.map((major) => libraries(installNode(major))))
  })

  it('refuses what goes round it, and leaves other hosts alone', () => attacks(process.execPath))

  it('does so on newer versions of Node', async () => {
    await Promise.all(OTHER_NODES.map((major) => attacks(installNode(major))))
  })

  it("lets the guard's own calls reach the service, through a proxy too, with the service's certificate", async () => {
    const authority = makeAuthority()
    const answers = createServer(authority.sign('api.capsolver.com'), (_, reply) => {
      reply.setHeader('content-type', 'application/json')
      reply.end(SOLVED)
    })
    const onward = await startConnectProxy(await listen(answers))
    const config = `import { capSolver } from 'solveguard/solvers'
      export default {
        solver: capSolver({ polling: { firstPollMs: 1000, everyMs: 1000 } }),
        ca: ${JSON.stringify(authority.cert)},
        policy: { origins: ['https://staging.example.com'], egress: { proxy: '${onward.url}' } },
      }`
    writeFileSync(join(project, 'through-proxy.config.mjs'), config)
    try {
      const { result } = await app('own-calls.mjs', [PAGE, SITEKEY], {
        env: { SOLVEGUARD_CONFIG: join(project, 'through-proxy.config.mjs'), SOLVEGUARD_KEY: 'CAP-0123456789' },
      })
      expect(result).toMatchObject({ errorId: 0, taskId: expect.any(String) })
      await expect.poll(() => onward.asked).toContain('api.capsolver.com:443')
    } finally {
      await onward.close()
      answers.closeAllConnections()
      await new Promise((resolve) => answers.close(resolve))
    }
  })

  it("lets the guard's own calls reach the service directly, by its name, where no proxy is set", async () => {
    const authority = makeAuthority()
    const keys: unknown[] = []
    const answers = createServer(authority.sign('api.capsolver.com'), async (request, reply) => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part as Buffer)
      keys.push(JSON.parse(Buffer.concat(parts).toString()).clientKey)
      reply.setHeader('content-type', 'application/json')
      reply.end(SOLVED)
    })
    const baseUrl = `https://api.capsolver.com:${await listen(answers)}`
    const config = `import { capSolver } from 'solveguard/solvers'
      export default {
        solver: capSolver({ baseUrl: '${baseUrl}' }),
        ca: ${JSON.stringify(authority.cert)},
        policy: { origins: ['https://staging.example.com'] },
      }`
    writeFileSync(join(project, 'direct.config.mjs'), config)
    // The machine's resolver, for a machine on which the service's name leads here.
    const resolver = `import dns from 'node:dns'
      const { lookup } = dns
      dns.lookup = (name, options, found) => lookup(name === 'api.capsolver.com' ? '127.0.0.1' : name, options, found)`
    writeFileSync(join(project, 'resolver.mjs'), resolver)
    try {
      const { result } = await app('own-calls.mjs', [PAGE, SITEKEY], {
        before: ['./resolver.mjs'],
        env: { SOLVEGUARD_CONFIG: join(project, 'direct.config.mjs'), SOLVEGUARD_KEY: 'CAP-0123456789' },
      })
      expect(result).toMatchObject({ errorId: 0, taskId: expect.any(String) })
      await expect.poll(() => keys).toContain('CAP-0123456789')
      expect(keys).not.toContain('none')
    } finally {
      answers.closeAllConnections()
      await new Promise((resolve) => answers.close(resolve))
    }
  })

  it('sends calls to a broker elsewhere, with the token in place of the key', async () => {
    const seen: Record<string, unknown>[] = []
    const broker = createHttpServer((request, reply) => {
      const { 'x-solveguard-token': token, 'x-solveguard-host': host, authorization } = request.headers
      seen.push({ url: request.url, token, host, authorization })
      reply.setHeader('content-type', 'application/json').end('{"status":1,"request":"1"}')
    })
    const url = `http://127.0.0.1:${await listen(broker)}`
    try {
      const { result } = await app('own-calls.mjs', ['balance'], {
        env: { SOLVEGUARD_BROKER: url, SOLVEGUARD_TOKEN: 'the-token' },
      })
      expect(result).toEqual({ status: 1, request: '1' })
      expect(seen).toEqual([
        {
          url: '/res.php?action=getbalance&json=1',
          token: 'the-token',
          host: '2captcha.com',
          authorization: undefined,
        },
      ])
    } finally {
      broker.closeAllConnections()
      await new Promise((resolve) => broker.close(resolve))
    }
  })

  it('answers with a sentence where it is configured for nothing', async () => {
    const { result, stderr } = await app('own-calls.mjs', ['balance'], {
      env: { SOLVEGUARD_BROKER: 'http://127.0.0.1:1' },
    })
    expect(result).toMatch(/^503 solveguard: solveguard\/register: set both SOLVEGUARD_BROKER/)
    expect(stderr).toContain('SOLVEGUARD_TOKEN')
  })
})

/** Each way round, on one version of Node. */
async function attacks(node: string): Promise<void> {
  const { result, stderr } = await app('attacks.mjs', [proxy.url], { node, flags: ['--expose-gc', '--title=app'] })
  for (const [attack, outcome] of Object.entries(result)) {
    expect(`${attack}: ${outcome}`).toBe(`${attack}: ${attack.startsWith('other: ') ? 'as ever' : 'refused'}`)
  }
  expect(Object.keys(result)).toHaveLength(50)
  expect(stderr).toBe('')
}

/** Each way of calling a service, on one version of Node. */
async function libraries(node: string): Promise<void> {
  const { result, stderr } = await app('libraries.mjs', [proxy.url], { node })
  for (const [way, reply] of Object.entries(result)) expect(`${way}: ${reply}`).toMatch(/: (?:HTTP.*\r\n)?\{.*\}$/s)
  expect(Object.keys(result)).toHaveLength(20)
  expect(stderr).toBe('')
}
