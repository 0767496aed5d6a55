import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer as createHttpsServer, get } from 'node:https'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensurePythonClients, PYTHON_TLS_CLIENTS } from '../../scripts/python-clients.mjs'
import { findProgram } from '../../scripts/setup.mjs'
import { type Broker, type BrokerOptions, startBroker } from '../../src/broker/server.js'
import { Authority } from '../../src/net/certificates.js'
import { after, type Rig, rig } from '../guard/support.js'
import { makeAuthority } from '../support/certificate.js'
import { listen } from '../support/loopback.js'
import { PAGE, SITEKEY } from './support.js'

const run = promisify(execFile)
/** Go compiles its own library the first time. */
const GOCACHE = join(import.meta.dirname, '../../node_modules/.cache/solveguard/go')

interface TlsRig extends Rig {
  readonly broker: Broker
  readonly port: number
  readonly handle: string
  readonly caFile: string
  readonly folder: string
}

/** A broker with an authority of its own, and a token. */
async function tlsRig(options: Partial<BrokerOptions> = {}): Promise<TlsRig> {
  const folder = mkdtempSync(join(tmpdir(), 'broker-tls-'))
  after(async () => rmSync(folder, { recursive: true }))
  const made = await rig({ serviceOptions: { answer: () => '03AF-the-answer' } })
  const broker = await startBroker({ guard: made.guard, tls: 'private', stateDir: folder, ...options })
  after(() => broker.close())
  const { handle = '' } = await made.guard.issueToken({}, { ttl: '15m', subject: 'client', handle: true })
  const caFile = broker.caFile ?? ''
  return { ...made, broker, port: Number(new URL(broker.url).port), handle, caFile, folder }
}

/** The port of a server that is closed after the test. */
async function listening(server: Server): Promise<number> {
  after(async () => void server.close())
  return listen(server)
}

const curl = async (...args: string[]) => {
  const { stdout, stderr } = await run('curl', ['-sS', ...args], { env: {} }).catch((error) => error)
  return `${stdout}${stderr}`.trim()
}

describe('a broker with TLS of its own', () => {
  beforeAll(() => ensurePythonClients())

  it('answers clients that build https:// themselves, have a fixed address and a proxy, or its names', async () => {
    const { port, handle, caFile } = await tlsRig({ proxy: true })
    const broker = `127.0.0.1:${port}`
    const trust = { SSL_CERT_FILE: caFile, REQUESTS_CA_BUNDLE: caFile }
    const proxies = { HTTPS_PROXY: `http://t:${handle}@${broker}` }
    const python = async (way: string, env: Record<string, string> = {}) => {
      const file = join(import.meta.dirname, 'clients/tls_clients.py')
      const base = { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONDONTWRITEBYTECODE: '1' }
      const all = { ...base, PYTHONPATH: PYTHON_TLS_CLIENTS, ...trust, ...env }
      const { stdout } = await run('python3', [file, way, broker, handle, PAGE, SITEKEY], { env: all })
      return JSON.parse(stdout)
    }
    // Each asks for its balance, and solves.
    const solved = [expect.any(Number), '03AF-the-answer']
    const all = {
      two_captcha: '03AF-the-answer',
      anticaptchaofficial: solved,
      capmonster_python: solved,
      python3_anticaptcha: solved,
      python3_capsolver: solved,
      python_rucaptcha: solved,
      python_rucaptcha_form: solved,
      unicaps: solved,
    }
    const results = await Promise.all([python('address'), python('proxy', proxies), python('name')])
    expect(results).toEqual([{ two_captcha: '03AF-the-answer' }, all, all])

    const path = '/res.php?action=getbalance&key='
    const service = `https://2captcha.com${path}`
    expect(await curl('--cacert', caFile, `https://${broker}${path}${handle}`)).toMatch(/^[\d.]+$/)
    const proxied = ['--cacert', caFile, '--proxy', `http://t:${handle}@${broker}`]
    expect(await curl(...proxied, `${service}any`)).toMatch(/^[\d.]+$/)
    const withKey = ['--cacert', caFile, '--proxy', `http://${broker}`]
    expect(await curl(...withKey, `${service}${handle}`)).toMatch(/^[\d.]+$/)
    expect(await curl(...withKey, `${service}wrong`)).toBe('ERROR_KEY_DOES_NOT_EXIST')
    const named = ['--cacert', caFile, '--connect-to', `2captcha.com:443:${broker}`]
    expect(await curl(...named, `${service}${handle}`)).toMatch(/^[\d.]+$/)
    // A proxy that is reached by TLS itself.
    const secure = ['--cacert', caFile, '--proxy-cacert', caFile, '--proxy', `https://t:${handle}@${broker}`]
    expect(await curl(...secure, `${service}any`)).toMatch(/^[\d.]+$/)
    expect(await curl(...proxied, 'https://example.com/')).toMatch(/403/)
    expect(await curl(`https://127.0.0.1:${port}`)).toMatch(/certificate/)
  })

  it('answers a request of Go, where Go is installed', async () => {
    const { port, handle, caFile, folder } = await tlsRig({ proxy: true })
    const program = join(folder, 'main.go')
    writeFileSync(program, GO)
    if (!findProgram('go')) return
    const env = {
      ...process.env,
      SSL_CERT_FILE: caFile,
      HTTPS_PROXY: `http://t:${handle}@127.0.0.1:${port}`,
      GOFLAGS: '',
    }
    const { stdout } = await run('go', ['run', program], { env: { ...env, CGO_ENABLED: '0', GOCACHE } })
    expect(stdout).toMatch(/^[\d.]+\n$/)
  })

  it('solves for a client of Ruby, where Ruby is installed', async () => {
    const { port, handle, caFile, folder } = await tlsRig({ proxy: true })
    const program = join(folder, 'main.rb')
    writeFileSync(program, RUBY)
    if (!findProgram('ruby')) return
    // Net::HTTP reads this variable for https too.
    const env = { ...process.env, SSL_CERT_FILE: caFile, http_proxy: `http://t:${handle}@127.0.0.1:${port}` }
    const { stdout } = await run('ruby', [program, PAGE, SITEKEY], { env })
    expect(stdout).toBe('OK|03AF-the-answer\n')
  })

  it("clients that trust its authority refuse that authority's certificate for another host", async () => {
    const { caFile, folder } = await tlsRig()
    const stored = JSON.parse(readFileSync(join(folder, 'broker-ca.key'), 'utf8'))
    const leaked = new Authority(stored)
    for (const name of ['example.com', 'github.com', '127.0.0.2']) {
      const forged = leaked.issue([name], 30)
      writeFileSync(join(folder, 'forged.pem'), forged.cert)
      const server = createHttpsServer({ ...forged }, (_, reply) => reply.end('reached'))
      const port = await listening(server)
      const url = `https://${name}:${port}/`
      expect(await curl('--cacert', caFile, '--connect-to', `${name}:${port}:127.0.0.1:${port}`, url)).toMatch(
        /subtree/,
      )
      const openssl = await run('openssl', ['verify', '-CAfile', caFile, join(folder, 'forged.pem')]).catch((e) => e)
      expect(openssl.stderr).toMatch(/permitted subtree violation/)
      const script = `import ssl, socket, sys
context = ssl.create_default_context(cafile=sys.argv[1])
try:
    context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[2]))), server_hostname=sys.argv[3])
    print("reached")
except ssl.SSLError as error:
    print(error)`
      const { stdout } = await run('python3', ['-c', script, caFile, String(port), name])
      expect(stdout).toMatch(/permitted subtree violation/)
      const ca = readFileSync(caFile)
      const node = new Promise((resolve) => {
        const to = { host: '127.0.0.1', port, servername: /^\d/.test(name) ? '' : name, ca, agent: false }
        get(to, () => resolve('reached')).on('error', (error) => resolve(error.message))
      })
      expect(await node).toMatch(/subtree/)
    }
  })

  it('keeps its key 0600, uses it again, and says what to do when it does not permit a name', async () => {
    const { guard, folder, caFile } = await tlsRig()
    const keyFile = join(folder, 'broker-ca.key')
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    const ca = readFileSync(caFile, 'utf8')
    expect(ca).not.toContain('PRIVATE')
    await (await startBroker({ guard, tls: 'private', stateDir: folder })).close()
    expect(readFileSync(caFile, 'utf8')).toBe(ca)
    const more = startBroker({ guard, tls: 'private', stateDir: folder, names: ['broker.internal'] })
    await expect(more).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('broker.internal'),
    })
    chmodSync(keyFile, 0o644)
    await expect(startBroker({ guard, tls: 'private', stateDir: folder })).rejects.toMatchObject({
      code: 'BROKER_UNSAFE',
    })
  })

  it("with clientCa, takes only clients with a certificate of that authority's, and no plain HTTP", async () => {
    const clients = makeAuthority()
    const { port, caFile, folder } = await tlsRig({ clientCa: clients.cert, proxy: true })
    const { cert, key } = clients.sign('client')
    writeFileSync(join(folder, 'client.pem'), cert + key)
    const { cert: other, key: otherKey } = makeAuthority().sign('client')
    writeFileSync(join(folder, 'other.pem'), other + otherKey)
    const url = `https://127.0.0.1:${port}/healthz`
    expect(await curl('--cacert', caFile, '--cert', join(folder, 'client.pem'), url)).toBe('ok')
    expect(await curl('--cacert', caFile, url)).toMatch(/alert|reset|closed|certificate|error/i)
    expect(await curl('--cacert', caFile, '--cert', join(folder, 'other.pem'), url)).not.toContain('ok')
    expect(await curl('-w', '%{http_code}', `http://127.0.0.1:${port}/healthz`)).toBe('400')
    expect(await curl('--cacert', caFile, '--proxy', `http://127.0.0.1:${port}`, 'https://2captcha.com/')).toMatch(
      /400/,
    )
  })

  it("takes the user's certificate", async () => {
    const authority = makeAuthority()
    const { broker, folder } = await tlsRig({ tls: authority.sign('127.0.0.1') })
    writeFileSync(join(folder, 'ca.pem'), authority.cert)
    expect(await curl('--cacert', join(folder, 'ca.pem'), `${broker.url}/healthz`)).toBe('ok')
    expect(broker.caFile).toBeUndefined()
  })

  it('opens tunnels to named hosts, for those with a token, and none to its own network unless it is named', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}).end('hello'))
    const to = await listening(silent)
    const allow = [`localhost:${to}`]
    const open = await tlsRig({ proxy: { allow, privateAddresses: ['127.0.0.1', '::1'] } })
    const shut = await tlsRig({ proxy: { allow } })
    const through = ({ port }: TlsRig, token: string) =>
      curl('--http0.9', '--proxytunnel', '--proxy', `http://t:${token}@127.0.0.1:${port}`, `http://localhost:${to}/`)
    expect(await through(open, open.handle)).toBe('hello')
    expect(await through(open, 'f'.repeat(32))).toMatch(/407/)
    expect(await through(shut, shut.handle)).toMatch(/403/)
  })
})

const GO = `package main

import (
	"fmt"
	"io"
	"net/http"
)

func main() {
	reply, err := http.Get("https://2captcha.com/res.php?key=any&action=getbalance")
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(reply.Body)
	fmt.Println(string(body))
}
`

/** In the shape of 2captcha-ruby: a form by POST, then polls. */
const RUBY = `require 'net/http'

page, sitekey = ARGV
form = { key: 'any', method: 'userrecaptcha', googlekey: sitekey, pageurl: page }
id = Net::HTTP.post_form(URI('https://2captcha.com/in.php'), form).body.split('|')[1]
answer = 'CAPCHA_NOT_READY'
while answer == 'CAPCHA_NOT_READY'
  sleep 0.1
  answer = Net::HTTP.get(URI("https://2captcha.com/res.php?key=any&action=get&id=#{id}"))
end
puts answer
`
