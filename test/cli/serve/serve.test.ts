import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../src/base/clock.js'
import { authorityFile, certificateFiles } from '../../../src/broker/certificate-files.js'
import { Interruption } from '../../../src/cli/failure.js'
import { runCli } from '../../../src/cli/run.js'
import { manualClock } from '../../../src/testing/clock.js'
import { after, settleWith } from '../../guard/support.js'
import { makeAuthority } from '../../support/certificate.js'
import { runCommandLine, testHost } from '../host.js'
import { testProject } from '../project.js'

const PAGE = 'https://staging.example.com/login'
const SITEKEY = '6LcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

async function project(more: object = {}) {
  const made = await testProject(more)
  after(() => made.close())
  return made
}

/** The command, until it is interrupted or ends by itself. */
async function serving(folder: string, args: readonly string[] = [], clock: Clock = systemClock) {
  const stop = new AbortController()
  const host = testHost({ cwd: folder, clock, signal: stop.signal })
  const ended = runCli(['serve', ...args, '--json'], host)
  after(async () => {
    stop.abort(new Interruption('SIGTERM', 0))
    await ended
  })
  await expect.poll(() => host.output().stdout, { timeout: 20_000 }).toContain('\n')
  const facts = JSON.parse(host.output().stdout)
  return { url: String(facts.url), facts, ended, host, interrupt: () => stop.abort(new Interruption('SIGTERM', 0)) }
}

describe('solveguard serve', () => {
  it('that gets a signal refuses submits, answers polls until the last was fetched, and ends with 0', async () => {
    const { folder, service, key } = await project()
    const clock = manualClock(Date.now())
    const { url, ended, host, interrupt } = await serving(folder, [], clock)
    const issued = await runCommandLine(['token', 'issue'], { cwd: folder, clock })
    const token = issued.stdout.trim()
    const ask = async (path: string, fields: Record<string, string>) =>
      (await fetch(`${url}${path}`, { method: 'POST', body: new URLSearchParams({ key: token, ...fields }) })).text()
    const submit = () => ask('/in.php', { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE })
    // The service has no answer yet.
    service.always('res', { error: 'CAPCHA_NOT_READY' })
    const accepted = await submit()
    expect(accepted).toMatch(/^OK\|\d+$/)
    const poll = () => ask('/res.php', { action: 'get', id: accepted.slice(3) })
    interrupt()
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(503)
    expect(await submit()).toBe('ERROR_ZERO_BALANCE')
    expect(await poll()).toBe('CAPCHA_NOT_READY')
    service.always('res', undefined)
    let answer = await poll()
    await expect
      .poll(async () => {
        await clock.advance(1_000)
        if (answer === 'CAPCHA_NOT_READY') answer = await poll()
        return answer
      })
      .toMatch(/^OK/)
    expect(answer).toBe(`OK|${service.tasks[0]?.answer}`)
    expect(await settleWith(clock, ended, 100)).toBe(0)
    const { stderr } = host.output()
    expect(stderr).toContain('Of 1 tasks, 1 answers were fetched and 0 were not.')
    for (const secret of [token, key]) expect(stderr).not.toContain(secret)
    expect(service.tasks).toHaveLength(1)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('does not start on a public address without TLS, nor with an admin token that can be guessed', async () => {
    const { folder } = await project()
    const port = await freePort()
    const refused = async (args: string[], env: Record<string, string> = {}) => {
      const result = await runCommandLine(['serve', '--port', String(port), ...args], {
        cwd: folder,
        clock: systemClock,
        env,
      })
      expect([args, result.exitCode, result.stdout]).toEqual([args, 2, ''])
      await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow()
      return result.stderr
    }
    for (const host of ['0.0.0.0', '::', '203.0.113.7', 'broker.example']) {
      expect(await refused(['--host', host])).toContain('BROKER_UNSAFE')
    }
    expect(await refused(['--admin-port', '0', '--admin-host', '0.0.0.0'], { SOLVEGUARD_ADMIN_TOKEN: GOOD })).toContain(
      'BROKER_UNSAFE',
    )
    for (const guessable of ['admin', 'a'.repeat(64), GOOD.slice(1)]) {
      const output = await refused(['--admin-port', '0'], { SOLVEGUARD_ADMIN_TOKEN: guessable })
      expect(output).toContain('BROKER_UNSAFE')
      expect(output).not.toContain(guessable === 'admin' ? ': admin ' : guessable)
    }
  })

  it('takes a renewed certificate up without a restart', async () => {
    const { folder } = await project()
    const authority = makeAuthority()
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, `${name}.new`), text)
      renameSync(join(folder, `${name}.new`), join(folder, name))
    }
    const put = ({ cert, key }: { cert: string; key: string }) => {
      write('tls.crt', cert)
      write('tls.key', key)
    }
    put(authority.sign('127.0.0.1'))
    const { url } = await serving(folder, ['--tls', `${join(folder, 'tls.crt')}:${join(folder, 'tls.key')}`])
    const serial = async (): Promise<string> => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), ca: authority.cert })
      await once(socket, 'secureConnect')
      const { serialNumber } = socket.getPeerCertificate()
      socket.destroy()
      return serialNumber
    }
    const first = await serial()
    put(authority.sign('127.0.0.1'))
    await expect.poll(serial, { timeout: 20_000, interval: 100 }).not.toBe(first)
  })
})

describe('mutual TLS', () => {
  it('takes up other authorities of clients without a restart, also for a session that one of them began', async () => {
    const { folder } = await project()
    const authority = makeAuthority()
    const [before, afterwards] = [makeAuthority(), makeAuthority()]
    const { cert, key } = authority.sign('127.0.0.1')
    const path = (name: string): string => join(folder, name)
    writeFileSync(path('tls.crt'), cert)
    writeFileSync(path('tls.key'), key)
    writeFileSync(path('clients.pem'), before.cert)
    const tls = `${path('tls.crt')}:${path('tls.key')}`
    const { url } = await serving(folder, ['--tls', tls, '--client-ca', path('clients.pem')])
    const [old, renewed] = [before.sign('client'), afterwards.sign('client')]
    let session: Buffer | undefined
    const answer = async (client: { cert: string; key: string }, resumed?: Buffer): Promise<string> => {
      const port = Number(new URL(url).port)
      const to = { host: '127.0.0.1', port, ca: authority.cert, ...client, ...(resumed && { session: resumed }) }
      const socket = connect(to).on('session', (data) => {
        session = data
      })
      socket.end('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      const parts: string[] = []
      socket.on('data', (part) => parts.push(String(part))).on('error', () => {})
      await once(socket, 'close')
      return parts.join('').slice(0, 12)
    }
    expect(await answer(old)).toBe('HTTP/1.1 200')
    expect(await answer(renewed)).toBe('')
    expect(await answer(old, session)).toBe('HTTP/1.1 200')
    const begun = session
    writeFileSync(path('clients.new'), afterwards.cert)
    renameSync(path('clients.new'), path('clients.pem'))
    await expect.poll(() => answer(renewed), { timeout: 20_000, interval: 100 }).toBe('HTTP/1.1 200')
    expect(await answer(old)).toBe('')
    expect(await answer(old, begun)).toBe('')
  })

  it('does not start with authorities that are none, and keeps what it has where the new ones are none', async () => {
    const { folder } = await project()
    const clock = manualClock()
    const caFile = join(folder, 'clients.pem')
    const { cert } = makeAuthority()
    for (const bad of ['', 'x', cert.slice(0, 200), cert.replace(/[A-Z]/g, 'A')]) {
      writeFileSync(caFile, bad)
      expect(() => authorityFile({ caFile }, clock)).toThrow(/clients\.pem/)
    }
    writeFileSync(caFile, cert)
    const authorities = authorityFile({ caFile }, clock)
    writeFileSync(caFile, '')
    await clock.advance(2_000)
    expect(authorities()).toBe(cert)
    const other = makeAuthority().cert
    writeFileSync(caFile, cert + other)
    await clock.advance(2_000)
    expect(authorities()).toBe(cert + other)
  })
})

describe('a certificate in files', () => {
  it('stays in use while the new one has no key of its own yet, which is said once where it remains so', async () => {
    const { folder } = await project()
    const clock = manualClock()
    const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') }
    const authority = makeAuthority()
    const [old, renewed] = [authority.sign('127.0.0.1'), authority.sign('127.0.0.1')]
    const put = (cert: string, key: string) => {
      writeFileSync(files.certFile, cert)
      writeFileSync(files.keyFile, key)
    }
    expect(() => certificateFiles(files, clock)).toThrow(/tls\.crt/)
    put(old.cert, renewed.key)
    expect(() => certificateFiles(files, clock)).toThrow(/cannot be used/)
    put(old.cert, old.key)
    const certificate = certificateFiles(files, clock)
    const warnings: string[] = []
    const onWarning = ({ message }: Error) => void warnings.push(message)
    process.on('warning', onWarning)
    after(async () => void process.off('warning', onWarning))
    put(renewed.cert, old.key)
    for (let second = 0; second < 5; second++) {
      await clock.advance(1_000)
      expect(certificate()).toEqual(old)
    }
    await expect.poll(() => warnings.filter((text) => text.includes('tls.crt'))).toHaveLength(1)
    expect(warnings.join()).not.toContain('PRIVATE KEY')
    put(renewed.cert, renewed.key)
    // It is not looked at for each connection.
    expect(certificate()).toEqual(old)
    await clock.advance(1_000)
    expect(certificate()).toEqual(renewed)
  })
})

const GOOD = '5f2c9a71e0b84d36a7c1f08e92d4b65b'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : 0
}
