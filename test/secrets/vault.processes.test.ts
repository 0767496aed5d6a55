import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { DeniedError } from '../../src/base/errors.js'
import type { SecretProvider } from '../../src/secrets/index.js'
import { type VaultSecretOptions, vaultSecret } from '../../src/secrets/index.js'
import { manualClock } from '../../src/testing/clock.js'
import { makeCertificate } from '../support/certificate.js'
import { listen } from '../support/loopback.js'
import { KEY, NEXT_KEY, secretProviderContract } from './contract.js'
import { type RunningBao, startBao } from './stores.js'

let bao: RunningBao
beforeAll(async () => {
  bao = await startBao()
})
afterAll(() => bao?.stop())

const VARIABLES = ['VAULT_ADDR', 'VAULT_TOKEN', 'VAULT_NAMESPACE', 'VAULT_CACERT', 'BAO_ADDR', 'BAO_TOKEN']
let folder: string
beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name]
  folder = mkdtempSync(join(tmpdir(), 'solveguard-vault-'))
})
afterEach(() => {
  for (const name of VARIABLES) delete process.env[name]
  rmSync(folder, { recursive: true })
})

let count = 0
const newPath = () => `tests/${process.pid}-${count++}/a b`.replace(' ', '-')
const put = (path: string, data: object) => bao.api('POST', `secret/data/${path}`, { data })
const vault = (options: Partial<VaultSecretOptions> & { path: string }) =>
  vaultSecret({ address: bao.address, auth: { token: bao.token }, ...options })

async function refusal(provider: SecretProvider): Promise<DeniedError> {
  try {
    await provider.fetch()
  } catch (error) {
    return error as DeniedError
  }
  throw new Error('the key was given')
}

secretProviderContract('vaultSecret', () => {
  const path = newPath()
  return {
    hold: async (text) => void (text !== undefined && (await put(path, { key: text }))),
    provider: () => vault({ path }),
    cleanUp() {},
  }
})

describe('versions', () => {
  test("are Vault's own, current and previous, with Vault's dates", async () => {
    const path = newPath()
    const began = Date.now()
    await put(path, { key: KEY })
    expect(await vault({ path }).fetch()).toMatchObject({ current: { version: '1' }, previous: undefined })
    await put(path, { key: NEXT_KEY })
    const { current, previous } = await vault({ path }).fetch()
    expect([current.version, current.value.reveal()]).toEqual(['2', NEXT_KEY])
    expect([previous?.version, previous?.value.reveal()]).toEqual(['1', KEY])
    for (const { createdAt = 0 } of [current, previous ?? current]) {
      expect(createdAt).toBeGreaterThanOrEqual(began - 1000)
      expect(createdAt).toBeLessThanOrEqual(Date.now() + 1000)
    }
    expect(current.expiresAt).toBeUndefined()
  })

  test('that were deleted or destroyed are not returned', async () => {
    const path = newPath()
    await put(path, { key: KEY })
    await put(path, { key: NEXT_KEY })
    await bao.api('POST', `secret/delete/${path}`, { versions: [1] })
    expect((await vault({ path }).fetch()).previous).toBeUndefined()
    await bao.api('POST', `secret/undelete/${path}`, { versions: [1] })
    expect((await vault({ path }).fetch()).previous?.version).toBe('1')
    await bao.api('PUT', `secret/destroy/${path}`, { versions: [1] })
    expect((await vault({ path }).fetch()).previous).toBeUndefined()
  })

  test('of which the latest was deleted are SECRET_MISSING, with that in the message', async () => {
    const path = newPath()
    await put(path, { key: KEY })
    await bao.api('DELETE', `secret/data/${path}`)
    const error = await refusal(vault({ path }))
    expect([error.code, error.message]).toEqual(['SECRET_MISSING', expect.stringContaining('version (1)')])
  })

  test('expire when Vault will delete them', async () => {
    const path = newPath()
    await bao.api('POST', `secret/metadata/${path}`, { delete_version_after: '1h' })
    await put(path, { key: KEY })
    const { current } = await vault({ path }).fetch()
    expect((current.expiresAt ?? 0) - (current.createdAt ?? 0)).toBe(3_600_000)
  })

  test('have the dates of the configured custom metadata', async () => {
    const path = newPath()
    await bao.api('POST', `secret/metadata/${path}`, {
      custom_metadata: { made: '2026-01-02T03:04:05Z', ends: '2031-01-01T00:00:00Z', wrong: 'soon' },
    })
    await put(path, { key: KEY })
    await put(path, { key: NEXT_KEY })
    const { current, previous } = await vault({ path, metadata: { createdAt: 'made', expiresAt: 'ends' } }).fetch()
    expect(current).toMatchObject({ createdAt: Date.UTC(2026, 0, 2, 3, 4, 5), expiresAt: Date.UTC(2031, 0, 1) })
    expect(previous?.createdAt).toBeGreaterThan(Date.UTC(2026, 0, 3))
    expect(previous?.expiresAt).toBeUndefined()
    expect((await refusal(vault({ path, metadata: { expiresAt: 'wrong' } }))).code).toBe('SECRET_INVALID')
    expect((await vault({ path, metadata: { createdAt: 'absent' } }).fetch()).current.createdAt).toBeDefined()
  })

  test('are read from another field, mount and namespace', async () => {
    await bao.api('POST', 'sys/namespaces/team', {}).catch(() => {})
    const inside = { namespace: 'team' }
    await bao.api('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } }, inside)
    const written = () => bao.api('POST', 'kv/data/captcha', { data: { apiKey: KEY, n: 1 } }, inside)
    await vi.waitFor(written, { timeout: 60_000 })
    const options = { path: 'captcha', mount: 'kv', field: 'apiKey', namespace: 'team' }
    expect((await vault(options).fetch()).current.value.reveal()).toBe(KEY)
    expect((await refusal(vault({ ...options, field: 'n' }))).message).toContain("field 'n'")
    expect((await refusal(vault({ ...options, field: '__proto__' }))).code).toBe('SECRET_MISSING')
    expect(vault(options).place).toBe('kv/captcha in Vault, namespace team')
  })
})

describe('logging in', () => {
  const policy = 'captcha-read'
  beforeAll(() =>
    bao.api('PUT', `sys/policies/acl/${policy}`, { policy: 'path "secret/data/*" { capabilities = ["read"] }' }),
  )

  test('uses VAULT_ADDR and VAULT_TOKEN by default, and removes the token from the environment', async () => {
    const path = newPath()
    await put(path, { key: KEY })
    process.env.VAULT_ADDR = bao.address
    process.env.VAULT_TOKEN = bao.token
    expect((await vaultSecret({ path }).fetch()).current.value.reveal()).toBe(KEY)
    expect(process.env).not.toHaveProperty('VAULT_TOKEN')
    expect((await vaultSecret({ path }).fetch()).current.value.reveal()).toBe(KEY)
  })

  test('with a token file reads the file each time, as an agent rewrites it', async () => {
    const path = newPath()
    await put(path, { key: KEY })
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'not-a-token-of-this-vault\n')
    const provider = vault({ path, auth: { tokenFile } })
    expect((await refusal(provider)).code).toBe('SECRET_DENIED')
    writeFileSync(tokenFile, `${bao.token}\n`)
    expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
    rmSync(tokenFile)
    expect((await refusal(provider)).message).toContain('ENOENT')
  })

  describe('with what Vault has wrapped', () => {
    /** What Vault answers to a call whose reply is to be wrapped. */
    const wrap = async (path: string): Promise<{ token: string; wrapped_accessor?: string }> => {
      const headers = { 'x-vault-token': bao.token, 'x-vault-wrap-ttl': '120' }
      const reply = await fetch(`${bao.address}/v1/${path}`, { method: 'POST', headers, body: '{}' })
      return (await reply.json()).wrap_info
    }
    const unwrap = async (token: string) => {
      const headers = { 'x-vault-token': token }
      const reply = await fetch(`${bao.address}/v1/sys/wrapping/unwrap`, { method: 'POST', headers })
      return reply.status
    }
    const wrapped = {
      code: 'SECRET_DENIED',
      message: expect.stringMatching(/is wrapped, for a single use: unwrap it \(vault unwrap\)/),
    }

    test.each(['VAULT_TOKEN', 'auth', 'a file'])(
      'reports a token in %s as that, and leaves it to be unwrapped',
      async (place) => {
        const { token } = await wrap('auth/token/create')
        const tokenFile = join(folder, 'token')
        writeFileSync(tokenFile, token)
        if (place === 'VAULT_TOKEN') process.env.VAULT_TOKEN = token
        const auth = { VAULT_TOKEN: undefined, auth: { token }, 'a file': { tokenFile } }[place]
        const error = await refusal(vault({ path: newPath(), auth }))
        expect(error).toMatchObject(wrapped)
        expect(inspect(error)).not.toContain(token)
        expect(await unwrap(token)).toBe(200)
      },
    )

    test("reports a Vault Agent's file as that", async () => {
      const tokenFile = join(folder, 'token')
      writeFileSync(tokenFile, JSON.stringify(await wrap('auth/token/create')))
      expect(await refusal(vault({ path: newPath(), auth: { tokenFile } }))).toMatchObject(wrapped)
    })

    test('reports a SecretID as that, directly and in a file', async () => {
      await bao.api('POST', 'sys/auth/wrapping', { type: 'approle' })
      await bao.api('POST', 'auth/wrapping/role/tests', { token_policies: policy })
      const roleId = (await bao.api('GET', 'auth/wrapping/role/tests/role-id')).data.role_id
      const info = await wrap('auth/wrapping/role/tests/secret-id')
      const secretIdFile = join(folder, 'secret-id')
      writeFileSync(secretIdFile, info.token)
      for (const given of [{ secretId: info.token }, { secretIdFile }]) {
        const auth = { appRole: { roleId, mount: 'wrapping', ...given } }
        const error = await refusal(vault({ path: newPath(), auth }))
        expect(error).toMatchObject(wrapped)
        expect(error.message).toContain('the SecretID')
      }
      expect(await unwrap(info.token)).toBe(200)
    })

    test('asks about the token in a file once, not at each fetch', async () => {
      const path = newPath()
      await put(path, { key: KEY })
      const asked: string[] = []
      const front = createServer(async (message, response) => {
        asked.push(message.url ?? '')
        const headers = { 'x-vault-token': String(message.headers['x-vault-token'] ?? '') }
        let body = ''
        for await (const chunk of message) body += chunk
        const init = { method: message.method ?? 'GET', headers, ...(body !== '' && { body }) }
        const reply = await fetch(bao.address + message.url, init)
        response.writeHead(reply.status, { 'content-type': 'application/json' }).end(await reply.text())
      })
      const port = await listen(front)
      const tokenFile = join(folder, 'token')
      writeFileSync(tokenFile, bao.token)
      const provider = vault({ path, auth: { tokenFile }, address: `http://127.0.0.1:${port}` })
      for (let i = 0; i < 3; i++) expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
      await new Promise((resolve) => front.close(resolve).closeAllConnections())
      expect(asked.filter((url) => url.includes('wrapping'))).toHaveLength(1)
    })
  })

  describe('by AppRole', () => {
    let roleId: string
    const secretId = async () => (await bao.api('POST', 'auth/approle/role/tests/secret-id', {})).data.secret_id
    beforeAll(async () => {
      await bao.api('POST', 'sys/auth/approle', { type: 'approle' })
      await bao.api('POST', 'auth/approle/role/tests', { token_policies: policy, token_ttl: '1h', token_max_ttl: '4h' })
      roleId = (await bao.api('GET', 'auth/approle/role/tests/role-id')).data.role_id
    })

    test('returns the key, with one login for several fetches', async () => {
      const path = newPath()
      await put(path, { key: KEY })
      const provider = vault({ path, auth: { appRole: { roleId, secretId: await secretId() } } })
      const before = await tokens()
      for (let i = 0; i < 3; i++) expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
      expect(await tokens()).toBe(before + 1)
    })

    test('reads the SecretID from a file, where one is configured', async () => {
      const path = newPath()
      await put(path, { key: KEY })
      writeFileSync(join(folder, 'secret-id'), await secretId())
      const auth = { appRole: { roleId, secretIdFile: join(folder, 'secret-id') } }
      expect((await vault({ path, auth }).fetch()).current.value.reveal()).toBe(KEY)
    })

    test('logs in again when its token was revoked', async () => {
      const path = newPath()
      await put(path, { key: KEY })
      const provider = vault({ path, auth: { appRole: { roleId, secretId: await secretId() } } })
      await provider.fetch()
      await bao.api('POST', 'sys/leases/revoke-prefix/auth/approle', {})
      expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
    })

    test('that is refused is SECRET_DENIED, and does not show the secret', async () => {
      const auth = { appRole: { roleId, secretId: 'a-secret-that-is-not-right' } }
      const error = await refusal(vault({ path: newPath(), auth }))
      expect([error.code, error.message]).toEqual(['SECRET_DENIED', expect.stringContaining('auth/approle')])
      expect(inspect(error) + inspect(vault({ path: 'x', auth }), { showHidden: true, depth: 9 })).not.toContain(
        'that-is-not',
      )
    })

    test('without permission for the path is SECRET_DENIED', async () => {
      await bao.api('POST', 'sys/mounts/forbidden', { type: 'kv', options: { version: '2' } })
      const auth = { appRole: { roleId, secretId: await secretId() } }
      const error = await refusal(vault({ path: 'x', mount: 'forbidden', auth }))
      expect([error.code, error.message]).toEqual(['SECRET_DENIED', expect.stringContaining('forbidden/x')])
    })
  })

  test("by Kubernetes sends the pod's token, and succeeds when the cluster accepts it", async () => {
    const path = newPath()
    await put(path, { key: KEY })
    const asked: string[] = []
    const certificate = makeCertificate('127.0.0.1')
    const cluster = createSecureServer(certificate, async (message, response) => {
      let text = ''
      for await (const chunk of message) text += chunk
      const { token } = JSON.parse(text).spec
      asked.push(token)
      const user = { username: 'system:serviceaccount:qa:e2e', uid: 'u-1', groups: [] }
      const status = token === POD_TOKEN ? { authenticated: true, user } : { error: 'unknown' }
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ status }))
    })
    const port = await listen(cluster)
    try {
      await bao.api('POST', 'sys/auth/cluster', { type: 'kubernetes' })
      await bao.api('POST', 'auth/cluster/config', {
        kubernetes_host: `https://127.0.0.1:${port}`,
        kubernetes_ca_cert: certificate.cert,
        disable_local_ca_jwt: true,
        token_reviewer_jwt: POD_TOKEN,
      })
      await bao.api('POST', 'auth/cluster/role/e2e', {
        bound_service_account_names: ['e2e'],
        bound_service_account_namespaces: ['qa'],
        token_policies: [policy],
      })
      const tokenFile = join(folder, 'pod-token')
      writeFileSync(tokenFile, POD_TOKEN)
      const auth = { kubernetes: { role: 'e2e', mount: 'cluster', tokenFile } }
      expect((await vault({ path, auth }).fetch()).current.value.reveal()).toBe(KEY)
      expect(asked).toEqual([POD_TOKEN])
      const wrong = { kubernetes: { role: 'another', mount: 'cluster', tokenFile } }
      expect((await refusal(vault({ path, auth: wrong }))).code).toBe('SECRET_DENIED')
    } finally {
      await new Promise((resolve) => cluster.close(resolve).closeAllConnections())
    }
  })

  describe('renewing', () => {
    const short = async (ttl: string, more = {}) =>
      (await bao.api('POST', 'auth/token/create', { policies: [policy], ttl, ...more })).auth.client_token as string
    const left = async (token: string) => (await bao.api('POST', 'auth/token/lookup', { token })).data

    test('keeps a given token valid while the guard is open, also without reads', async () => {
      const path = newPath()
      await put(path, { key: KEY })
      const token = await short('3s', { period: '3s' })
      const provider = vault({ path, auth: { token } })
      const stop = provider.start?.({ clock: systemClock, changed() {} })
      await provider.fetch()
      const issued = (await left(token)).creation_time
      await vi.waitFor(() => expect(Date.now() / 1000 - issued).toBeGreaterThan(5), { timeout: 60_000, interval: 200 })
      expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
      stop?.()
      await vi.waitFor(() => expect(left(token)).rejects.toThrow(), { timeout: 60_000, interval: 200 })
      expect((await refusal(provider)).code).toBe('SECRET_DENIED')
    })

    test('happens after two thirds of the lease, and not before', async () => {
      const path = newPath()
      await put(path, { key: KEY })
      const token = await short('10m', { period: '10m' })
      const clock = manualClock()
      const provider = vault({ path, auth: { token } })
      const stop = provider.start?.({ clock, changed() {} })
      await provider.fetch()
      expect((await left(token)).last_renewal_time).toBeUndefined()
      await clock.advance(399_000)
      expect((await left(token)).last_renewal_time).toBeUndefined()
      await clock.advance(2_000)
      await vi.waitFor(async () => expect((await left(token)).last_renewal_time).toBeGreaterThan(0), {
        timeout: 60_000,
      })
      stop?.()
      expect(clock.waiting).toBe(0)
    })

    test('logs in again where a token is near its maximum TTL', async () => {
      const path = newPath()
      await put(path, { key: KEY })
      await bao.api('POST', 'sys/auth/brief', { type: 'approle' })
      await bao.api('POST', 'auth/brief/role/tests', { token_policies: policy, token_ttl: '2s', token_max_ttl: '3s' })
      const roleId = (await bao.api('GET', 'auth/brief/role/tests/role-id')).data.role_id
      const secretId = (await bao.api('POST', 'auth/brief/role/tests/secret-id', {})).data.secret_id
      const provider = vault({ path, auth: { appRole: { roleId, secretId, mount: 'brief' } } })
      const end = Date.now() + 5_000
      while (Date.now() < end) {
        expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    })
  })

  const tokens = async () => (await bao.api('LIST', 'auth/token/accessors')).data.keys.length
})

describe('a server', () => {
  test('with a private CA is trusted with that CA only', async () => {
    const secure = await startBao({ tls: true })
    try {
      await secure.api('POST', 'secret/data/x', { data: { key: KEY } })
      const options = { address: secure.address, path: 'x', auth: { token: secure.token } }
      expect((await vaultSecret({ ...options, ca: secure.ca }).fetch()).current.value.reveal()).toBe(KEY)
      writeFileSync(join(folder, 'ca.pem'), secure.ca ?? '')
      process.env.VAULT_CACERT = join(folder, 'ca.pem')
      expect((await vaultSecret(options).fetch()).current.value.reveal()).toBe(KEY)
      delete process.env.VAULT_CACERT
      const error = await refusal(vaultSecret(options))
      expect([error.code, error.message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('`ca`')])
    } finally {
      await secure.stop()
    }
  })

  test('that is sealed, down, or hangs is SECRET_UNAVAILABLE', async () => {
    const other = await startBao()
    const provider = vaultSecret({ address: other.address, path: 'x', auth: { token: other.token } })
    try {
      await other.api('POST', 'secret/data/x', { data: { key: KEY } })
      await provider.fetch()
      other.pause()
      const abort = new AbortController()
      const asked = provider.fetch(abort.signal)
      setTimeout(() => abort.abort(), 100)
      await expect(asked).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' })
      other.resume()
      await provider.fetch()
      await other.api('PUT', 'sys/seal')
      expect((await refusal(provider)).message).toContain('sealed')
    } finally {
      await other.stop()
    }
    expect((await refusal(provider)).code).toBe('SECRET_UNAVAILABLE')
  })

  test.each<[string, number, string, Record<string, string>]>([
    ['redirects', 307, '', { location: 'http://127.0.0.1:1/' }],
    ['answers with a page', 200, '<html>', {}],
    ['answers with nothing', 200, '', {}],
    ['answers with something else', 200, '{"data":{"data":{"key":1},"metadata":{}}}', {}],
    ['answers with too much', 200, '"'.padEnd(2_000_000, 'x'), {}],
    ['has a failure', 502, 'oops', {}],
  ])('that %s is SECRET_UNAVAILABLE, and is not followed', async (_, status, body, headers) => {
    const server = createServer((_message, response) => response.writeHead(status, headers).end(body))
    const port = await listen(server)
    try {
      const options = { address: `http://127.0.0.1:${port}`, path: 'x', auth: { token: 'a-token-of-the-tests' } }
      const error = await refusal(vaultSecret(options))
      expect(error.code).toBe('SECRET_UNAVAILABLE')
      expect(error.message).not.toContain('a-token')
    } finally {
      await new Promise((resolve) => server.close(resolve).closeAllConnections())
    }
  })
})

test.each<[string, object]>([
  ['no path', {}],
  ['a path with a parent folder', { path: '../sys' }],
  ['a path with a slash at its end', { path: 'a/' }],
  ['an unknown option', { path: 'a', feild: 'key' }],
  ['an address that is not HTTPS', { path: 'a', address: 'http://vault.internal:8200' }],
  ['two ways to log in', { path: 'a', auth: { token: 'x', tokenFile: 'y' } }],
  ['a token with a line break', { path: 'a', auth: { token: 'secret-part\nx' } }],
  ['AppRole without its secret', { path: 'a', auth: { appRole: { roleId: 'x' } } }],
])('vaultSecret rejects %s', (_, options) => {
  const made = () => vaultSecret({ address: bao.address, auth: { token: bao.token }, ...options } as VaultSecretOptions)
  expect(made).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  expect(made).not.toThrow(/secret-part/)
})

test('vaultSecret requires an address and a login', () => {
  expect(() => vaultSecret({ path: 'a' })).toThrow(/VAULT_ADDR/)
})

/** The token of a pod of the service account `e2e` in the namespace `qa`. Only the cluster checks its signature. */
const POD_TOKEN = [
  { alg: 'RS256', typ: 'JWT' },
  {
    iss: 'kubernetes/serviceaccount',
    sub: 'system:serviceaccount:qa:e2e',
    'kubernetes.io/serviceaccount/namespace': 'qa',
    'kubernetes.io/serviceaccount/service-account.name': 'e2e',
    'kubernetes.io/serviceaccount/service-account.uid': 'u-1',
    'kubernetes.io/serviceaccount/secret.name': 'e2e-token',
  },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .concat('c2lnbmF0dXJl')
  .join('.')
