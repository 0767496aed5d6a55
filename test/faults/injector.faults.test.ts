import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startSolverService } from '../../src/testing/service/index.js'
import { listen } from '../support/loopback.js'
import type { RunConfiguration } from './children/run.js'
import { parseFault } from './faults.js'
import {
  type CallFault,
  findCompiler,
  type Injection,
  type Injector,
  preloadInjector,
  straceInjector,
} from './injector.js'
import { bundleChild } from './judge.js'
import { watch } from './watch.js'

const compiler = findCompiler()
let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'injected-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))
let logs = 0
const newLog = () => join(dir, `${++logs}.log`)

/** Runs a program with a fault. Returns its output, and the signal that ended it. */
function run(
  injector: Injector,
  program: string,
  fault?: string,
  more: Partial<Injection> = {},
): Promise<{ output: string[]; signal: string | undefined; log: string }> {
  const parsed = fault === undefined ? undefined : parseFault(fault)
  const call: CallFault | undefined = parsed?.kind === 'call' ? parsed : undefined
  const log = newLog()
  const command = injector.command(['-e', program], { dir, fault: call, log, ...more })
  return new Promise((resolve) => {
    execFile(command.program, [...command.args], { env: command.env, encoding: 'utf8' }, (error, stdout) => {
      resolve({ output: stdout.split('\n').filter(Boolean), signal: error?.signal ?? undefined, log })
    })
  })
}

/** Writes `12345678` four times into the -wal file, and how each call ended. */
const WRITES = (name: string) => `
  const { openSync, writeSync, ftruncateSync } = require('node:fs')
  const fd = openSync(${JSON.stringify(join(dir, name))}, 'w')
  const attempt = (work) => { try { console.log(work() ?? 'ok') } catch (error) { console.log(error.code) } }
  for (let i = 0; i < 4; i++) attempt(() => writeSync(fd, '12345678'))
  attempt(() => ftruncateSync(fd, 1))
`

describe.runIf(compiler !== undefined)('the library', () => {
  let injector: Injector
  beforeAll(() => {
    injector = preloadInjector(compiler as string, dir)
  })

  it("sees the calls of Node and those of SQLite's addon", async () => {
    const service = await startSolverService()
    const script = await bundleChild('workload')
    onTestFinished(async () => {
      await service.close()
      rmSync(script)
    })
    const configuration: RunConfiguration = {
      name: 'seen',
      workload: 'solve',
      dir: join(dir, 'state'),
      serviceUrl: service.url,
      key: service.key,
      aheadMs: 0,
    }
    const log = newLog()
    const peers = { service: Number(new URL(service.url).port) }
    const command = injector.command([script], { dir: configuration.dir, peers, log })
    const env = { ...command.env, FAULTS_RUN: JSON.stringify(configuration) }
    await watch({ ...command, env }, { mayBeKilled: false })
    const { made, failed } = injector.calls(log)
    expect(failed).toBe(0)
    const addon = ['open:db', 'pwrite:wal', 'pread:wal', 'lock:shm', 'mmap:shm', 'truncate:shm', 'sync:db', 'close:db']
    const node = ['open:audit', 'write:audit', 'close:audit', 'stat:audit', 'mkdir:dir', 'access:dir', 'chmod:db']
    const network = ['socket:net', 'connect:service', 'connected:service', 'send:service', 'recv:service']
    expect([...made.keys()]).toEqual(expect.arrayContaining([...addon, ...node, ...network]))
  })

  it.each<[string, string[], number]>([
    ['write:wal:2 EIO once', ['8', 'EIO', '8', '8', 'ok'], 1],
    ['write:wal:2 ENOSPC twice', ['8', 'ENOSPC', 'ENOSPC', '8', 'ok'], 2],
    ['write:wal:4 EIO next', ['8', '8', '8', 'EIO', 'EIO'], 2],
    ['write:wal:2 EIO same', ['8', 'EIO', 'EIO', 'EIO', 'ok'], 3],
    ['write:wal:3 EIO writes', ['8', '8', 'EIO', 'EIO', 'EIO'], 3],
    ['write:wal:3 EIO all', ['8', '8', 'EIO', 'EIO', 'EIO'], 3],
    // libuv writes the rest by itself.
    ['write:wal:2 short once', ['8', '8', '8', '8', 'ok'], 1],
    ['write:wal:2 torn:ENOSPC same', ['8', '4', 'ENOSPC', 'ENOSPC', 'ok'], 4],
    ['write:wal:1 stop:20 once', ['8', '8', '8', '8', 'ok'], 1],
    ['write:wal:9 EIO once', ['8', '8', '8', '8', 'ok'], 0],
    ['write:db:1 EIO once', ['8', '8', '8', '8', 'ok'], 0],
  ])('lets %s happen', async (fault, expected, failed) => {
    const { output, log } = await run(injector, WRITES('x.db-wal'), fault)
    expect(output).toEqual(expected)
    expect(injector.calls(log).failed).toBe(failed)
  })

  it.each([
    ['write:wal:3 kill-before once', 16],
    ['write:wal:3 kill-after once', 24],
    ['write:wal:3 kill-torn once', 20],
  ])('kills at %s', async (fault, bytes) => {
    const { signal } = await run(injector, WRITES('killed.db-wal'), fault)
    expect(signal).toBe('SIGKILL')
    expect(readFileSync(join(dir, 'killed.db-wal'))).toHaveLength(bytes)
  })

  it.each([
    ['none', ['connected', 'got hello', 'closed']],
    ['connect:peer:1 ECONNREFUSED once', ['ECONNREFUSED']],
    ['connected:peer:1 ETIMEDOUT once', ['ETIMEDOUT']],
    ['recv:peer:1 ECONNRESET once', ['connected', 'ECONNRESET']],
    ['recv:peer:1 end once', ['connected', 'closed']],
    ['send:peer:1 EPIPE once', ['connected', 'EPIPE']],
    ['socket:net:1 EMFILE once', ['EMFILE']],
  ])('lets sockets fail: %s', async (fault, expected) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end('hello'))
    })
    const port = await listen(server)
    onTestFinished(() => void server.close())
    const program = `
      const socket = require('node:net').connect(${port}, '127.0.0.1')
      socket.on('connect', () => { console.log('connected'); socket.write('hi') })
      socket.on('data', (data) => console.log('got ' + data))
      socket.on('error', ({ code }) => console.log(code))
      socket.on('end', () => console.log('closed'))
    `
    const { output } = await run(injector, program, fault, { peers: { peer: port } })
    expect(output).toEqual(expected)
  })
})

describe('strace, where there is no compiler', () => {
  const injector = straceInjector()

  it.each([
    ['truncate:wal:1 EIO once', ['8', '8', '8', '8', 'EIO']],
    ['truncate:wal:2 EIO once', ['8', '8', '8', '8', 'ok']],
    ['truncate:db:1 EIO once', ['8', '8', '8', '8', 'ok']],
  ])('lets %s happen', async (fault, expected) => {
    const { output, log } = await run(injector, WRITES('ledger.db-wal'), fault)
    expect(output).toEqual(expected)
    expect(injector.calls(log).failed).toBe(expected.includes('EIO') ? 1 : 0)
  })

  it('kills', async () => {
    const { output } = await run(injector, WRITES('ledger.db-wal'), 'truncate:wal:1 kill-before once')
    expect(output).toEqual(['8', '8', '8', '8'])
  })

  it('says what it cannot do', () => {
    const supports = (operation: string, file: string, what: string) => injector.supports({ operation, file, what })
    expect(supports('pwrite', 'wal', 'EIO')).toBe(true)
    expect(supports('pwrite', 'wal', 'short')).toBe(false)
    expect(supports('lock', 'db', 'EAGAIN')).toBe(false)
    expect(supports('write', 'audit', 'EIO')).toBe(false)
  })
})
