import { X509Certificate } from 'node:crypto'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { Authority, type Certificate } from '../../src/net/certificates.js'
import { listen } from '../support/loopback.js'

const PERMITTED = ['2captcha.com', 'api.capsolver.com']

describe('an authority with name constraints', () => {
  it.each([
    [['2captcha.com'], '2captcha.com'],
    [['2captcha.com', 'api.2captcha.com'], 'api.2captcha.com'],
    [['api.capsolver.com'], 'api.capsolver.com'],
  ])('certifies %j', async (names, name) => {
    expect(
      await trust(new Authority(Authority.create({ name: 'test', permitted: PERMITTED, days: 30 })), names, name),
    ).toBe('trusted')
  })

  it.each([
    [['example.com'], 'example.com'],
    [['capsolver.com'], 'capsolver.com'],
    [['2captcha.com', 'www.google.com'], '2captcha.com'],
    [['2captcha.com.example.com'], '2captcha.com.example.com'],
    [['127.0.0.1'], '127.0.0.1'],
    [['::1'], '::1'],
    [['2captcha.com', '10.0.0.1'], '2captcha.com'],
  ])('cannot certify %j: the certificate is refused', async (names, name) => {
    const authority = new Authority(Authority.create({ name: 'test', permitted: PERMITTED, days: 30 }))
    expect(await trust(authority, names, name)).toMatch(/permitted subtree|excluded subtree|PERMITTED|EXCLUDED/i)
  })

  it('certifies addresses that it permits, and no others', async () => {
    const permitted = [...PERMITTED, '127.0.0.1', '::1', 'broker.internal']
    const authority = new Authority(Authority.create({ name: 'test', permitted, days: 30 }))
    expect(await trust(authority, ['127.0.0.1', '::1', 'broker.internal'], '127.0.0.1')).toBe('trusted')
    expect(await trust(authority, ['::1'], '::1')).toBe('trusted')
    expect(await trust(authority, ['127.0.0.2'], '127.0.0.2')).toMatch(/permitted subtree/i)
    expect(await trust(authority, ['fe80::1'], 'fe80::1')).toMatch(/permitted subtree/i)
  })

  it('is valid from a little before now, for its days, also beyond 2049', () => {
    const { cert } = Authority.create({ name: 'test', permitted: PERMITTED, days: 20_000, now: Date.UTC(2026, 0, 2) })
    const { validFrom, validTo, ca, subject } = new X509Certificate(cert)
    expect([validFrom, validTo, ca, subject]).toEqual([
      'Jan  1 23:00:00 2026 GMT',
      'Oct  5 00:00:00 2080 GMT',
      true,
      'CN=test',
    ])
  })
})

/** What a client says that trusts the authority alone, of a server with a certificate for `names`. */
async function trust(authority: Authority, names: readonly string[], name: string): Promise<string> {
  const made: Certificate = authority.issue(names, 1)
  const server = createServer({ ...made }, (socket) => socket.on('error', () => {}).end())
  const port = await listen(server)
  try {
    return await new Promise((resolve) => {
      const servername = /^[\d.]+$|:/.test(name) ? '' : name
      const to = { host: '127.0.0.1', port, servername, ca: authority.cert, rejectUnauthorized: true }
      const socket: TLSSocket = connect({ ...to, checkServerIdentity: () => undefined }, () => resolve('trusted'))
      socket.on('error', (error) => resolve(error.message))
    })
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
