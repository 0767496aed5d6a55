import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { makeCertificate } from '../support/certificate.js'
import { listen } from '../support/loopback.js'
import { startDante, startSquid, startTinyproxy } from '../support/proxies.js'
import { startTap } from '../support/tap.js'

/*
 * strace records every socket call of a whole process: what the operating system was asked for. It needs no privileges,
 * and shows more than a network without a route would: not only that no connection was opened, but that none was tried.
 */

const cache = fileURLToPath(new URL('../../node_modules/.cache/solveguard', import.meta.url))
const program = `${cache}/caller-${process.pid}.mjs`
const certificate = makeCertificate('localhost', 'solver.test')
let service: Server
let port: number

beforeAll(async () => {
  mkdirSync(cache, { recursive: true })
  await bundleForNode('test/egress/children/caller.ts', program)
  service = createServer(certificate, (request, response) => {
    request.resume()
    response.end('OK|1')
  })
  port = await listen(service)
})
afterAll(async () => {
  await new Promise((resolve) => service.close(resolve).closeAllConnections())
})

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Traced {
  readonly outcomes: string[]
  /** Where the process connected or sent to: `address:port`, or the path of a local socket. */
  readonly targets: Set<string>
}

/** Runs the caller under strace. `onFirst` is called once a call has succeeded. */
async function traced(env: Record<string, string>, onFirst?: () => Promise<void>): Promise<Traced> {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-strace-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  const log = join(folder, 'log')
  const trace = ['-f', '-qq', '-e', 'trace=connect,sendto,sendmsg,sendmmsg', '-o', log]
  const child = spawn('strace', [...trace, process.execPath, program], {
    env: { PATH: process.env.PATH ?? '', CA: certificate.cert, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  cleanups.push(() => void child.kill('SIGKILL'))
  const outcomes: string[] = []
  let rest = ''
  child.stdout.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    if (outcomes.length === 0 && lines.length > 0) void onFirst?.()
    outcomes.push(...lines)
  })
  await once(child, 'close')
  const text = readFileSync(log, 'utf8')
  const targets = new Set<string>()
  for (const [, portText, v4, v6] of text.matchAll(
    /sin6?_port=htons\((\d+)\)(?:, sin6_flowinfo=[^,]*)?, (?:sin_addr=inet_addr\("([^"]*)"\)|inet_pton\(AF_INET6, "([^"]*)")/g,
  )) {
    targets.add(`${v4 ?? v6}:${portText}`)
  }
  for (const [, path] of text.matchAll(/sun_path="([^"]*)"/g)) targets.add(path ?? '')
  return { outcomes, targets }
}

const PROXIES = {
  squid: async () => {
    const proxy = await startSquid({ 'solver.test': '127.0.0.1' })
    return { ...proxy, scheme: 'http', service: 'solver.test' }
  },
  tinyproxy: async () => ({ ...(await startTinyproxy()), scheme: 'http', service: 'localhost' }),
  dante: async () => ({ ...(await startDante()), scheme: 'socks5', service: 'localhost' }),
}

describe.each(Object.entries(PROXIES))('a process that calls through %s', (_, start) => {
  it('connects to nothing else and resolves no name, also after the proxy has died', async () => {
    const proxy = await start()
    cleanups.push(() => proxy.stop())
    const tap = await startTap(proxy.port)
    cleanups.push(() => tap.close())
    const env = { PROXY: `${proxy.scheme}://127.0.0.1:${tap.port}`, SERVICE: `https://${proxy.service}:${port}` }
    const { outcomes, targets } = await traced(env, () => tap.close())
    expect(outcomes[0]).toBe('OK|1')
    expect(outcomes.at(-1)).toBe('proxy')
    expect([...targets]).toEqual([`127.0.0.1:${tap.port}`])
  })
})

it('strace shows the connection to the service of a process without a proxy', async () => {
  const { outcomes, targets } = await traced({ SERVICE: `https://localhost:${port}` })
  expect(outcomes[0]).toBe('OK|1')
  expect([...targets].some((target) => target.endsWith(`:${port}`))).toBe(true)
})
