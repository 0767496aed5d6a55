import dns from 'node:dns'
import { connect, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import { inspect } from 'node:util'
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { DeniedError } from '../../src/base/errors.js'
import { awsSecret, type SecretProvider, vaultSecret } from '../../src/secrets/index.js'
import { makeCertificate } from '../support/certificate.js'
import { listen } from '../support/loopback.js'
import { type RunningProxy, startDante, startSquid } from '../support/proxies.js'
import { KEY } from './contract.js'
import { type RunningBao, type RunningMoto, startBao, startMoto } from './stores.js'

const PASSWORD = 'hunter2-the-password'
const TOKEN = 'root-token-of-the-tests'
const AWS = {
  AWS_ACCESS_KEY_ID: 'an-id-of-the-tests',
  AWS_SECRET_ACCESS_KEY: 'a-secret-of-the-tests',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
}
const region = 'eu-central-1'
const certificate = makeCertificate('store.test', 'localhost')
const ca = certificate.cert

let bao: RunningBao
let moto: RunningMoto
let squid: RunningProxy
let dante: RunningProxy
/** Ports of the two stores over TLS. */
let vaultPort: number
let awsPort: number
let connections = 0
const stops: (() => Promise<unknown>)[] = []

/** A server that decrypts, and forwards to a port without TLS. */
async function secured(port: number): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer(certificate, (socket) => {
    connections++
    const target = connect(port, '127.0.0.1')
    for (const one of [socket, target]) sockets.add(one.on('error', () => {}))
    socket.pipe(target).pipe(socket)
  })
  const own = await listen(server)
  stops.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return own
}

beforeAll(async () => {
  const login = { user: 'alice', password: PASSWORD }
  ;[bao, moto, squid, dante] = await Promise.all([
    startBao(),
    startMoto(),
    startSquid({ 'store.test': '127.0.0.1' }, login),
    startDante(),
  ])
  stops.push(...[bao, moto, squid, dante].map((one) => () => one.stop()))
  vaultPort = await secured(Number(new URL(bao.address).port))
  awsPort = await secured(Number(new URL(moto.endpoint).port))
  await bao.api('POST', 'secret/data/captcha', { data: { key: KEY } })
  const credentials = { accessKeyId: 'admin', secretAccessKey: 'admin' }
  const client = new SecretsManagerClient({ region, endpoint: moto.endpoint, credentials })
  await client.send(new CreateSecretCommand({ Name: 'captcha', SecretString: KEY }))
  client.destroy()
})
afterAll(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
beforeEach(() => {
  connections = 0
  Object.assign(process.env, AWS)
})
afterEach(() => {
  vi.restoreAllMocks()
  for (const name of Object.keys(AWS)) delete process.env[name]
})

const STORES: readonly (readonly [string, (host: string, proxy: string) => SecretProvider])[] = [
  [
    'vaultSecret',
    (host, proxy) => {
      const address = `https://${host}:${vaultPort}`
      return vaultSecret({ address, path: 'captcha', auth: { token: TOKEN }, ca, proxy })
    },
  ],
  ['awsSecret', (host, proxy) => awsSecret('captcha', { region, endpoint: `https://${host}:${awsPort}`, ca, proxy })],
]

/** Records the names that this process resolves from now on. */
function watchLookups(): string[] {
  const names: string[] = []
  const real = dns.lookup
  vi.spyOn(dns, 'lookup').mockImplementation(((name: string, ...rest: unknown[]) => {
    names.push(name)
    return (real as (...words: unknown[]) => unknown)(name, ...rest)
  }) as typeof dns.lookup)
  return names
}

async function refusal(provider: SecretProvider): Promise<DeniedError> {
  try {
    await provider.fetch()
  } catch (error) {
    expect(inspect(error, { depth: 9 })).not.toMatch(new RegExp(`${PASSWORD}|${TOKEN}|a-secret`))
    return error as DeniedError
  }
  throw new Error('the key was given')
}

const withLogin = (password: string) => `http://alice:${password}@127.0.0.1:${squid.port}`

describe.each(STORES)('%s with a proxy', (_, store) => {
  test('reads the key from a store whose name only the proxy resolves', async () => {
    const names = watchLookups()
    const { current } = await store('store.test', withLogin(PASSWORD)).fetch()
    expect(current.value.reveal()).toBe(KEY)
    expect(names).not.toContain('store.test')
    expect(await squid.log()).toContain('CONNECT store.test')
    expect(await squid.log()).not.toContain(PASSWORD)
  })

  test('reads the key through a SOCKS5 proxy', async () => {
    const names = watchLookups()
    const { current } = await store('localhost', `socks5://127.0.0.1:${dante.port}`).fetch()
    expect(current.value.reveal()).toBe(KEY)
    expect(names).not.toContain('localhost')
  })

  test('opens no other connection when the proxy is down', async () => {
    const error = await refusal(store('localhost', 'http://127.0.0.1:1'))
    expect([error.code, error.message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('ECONNREFUSED')])
    expect(error.message).toContain('the proxy http://127.0.0.1:1')
    expect(connections).toBe(0)
  })

  test('reports a proxy that does not accept the login', async () => {
    const error = await refusal(store('store.test', withLogin('hunter3')))
    expect([error.code, error.message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('user name')])
    expect(connections).toBe(0)
  })

  test('rejects what is no proxy, with the name of the option', () => {
    expect(() => store('localhost', `ftp://me:${PASSWORD}@x`)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^(vault|aws)Secret: proxy /) }),
    )
  })
})
