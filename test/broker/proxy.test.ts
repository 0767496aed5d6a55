import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Code, SolveguardError } from '../../src/base/errors.js'
import { hostWithoutKeys } from '../../src/broker/access-log.js'
import type { Authenticate } from '../../src/broker/auth.js'
import { ForwardProxy, type ProxyOptions } from '../../src/broker/proxy.js'
import { startBroker } from '../../src/broker/server.js'
import { after, rig } from '../guard/support.js'
import { leaks } from '../support/key-leaks.js'
import { listen } from '../support/loopback.js'

const rejectAll: Authenticate = () => {
  throw new SolveguardError('TOKEN_INVALID' as Code, 'no')
}
const routeOf = (authority: string, options: ProxyOptions = {}) => {
  const { kind } = new ForwardProxy(options, rejectAll).route(authority)
  return kind
}

describe('the forward proxy', () => {
  it.each(['api.2captcha.com:443', 'API.Capsolver.com:443', '2captcha.com.:443'])('ends %s here', (authority) => {
    expect(routeOf(authority)).toBe('here')
  })

  it.each([
    'example.com:443',
    'api.2captcha.com:80',
    'api.2captcha.com:8443',
    'api.2captcha.com.example.com:443',
    'notapi.2captcha.com:443',
    '127.0.0.1:443',
    '2130706433:443',
    '0x7f000001:443',
    '0177.0.0.1:443',
    '127.1:443',
    '[::1]:443',
    '[::ffff:127.0.0.1]:443',
    '169.254.169.254:80',
    'localhost:443',
    'api.2captcha.com:443@example.com:443',
    'user@api.2captcha.com:443',
    'api.2captcha.com',
    'api.2captcha.com:0',
    'api.2captcha.com:99999',
    'http://api.2captcha.com:443',
    '/',
    '',
    'a b:443',
    'api.2captcha.com:443\r\nhost: x',
  ])('refuses %j', (authority) => {
    expect(routeOf(authority)).toBe('refused')
  })

  it('leads to the hosts on the list, and not to their like', () => {
    const options = { allow: ['pypi.org', '*.example.com', 'example.org:8443', '10.1.2.3'] }
    for (const named of ['pypi.org:443', 'PyPI.org:443', 'a.example.com:443', 'example.org:8443', '10.1.2.3:443']) {
      expect(`${named} ${routeOf(named, options)}`).toBe(`${named} tunnel`)
    }
    for (const other of ['pypi.org:80', 'example.com:443', 'notexample.com:443', 'example.org:443', '10.1.2.4:443']) {
      expect(`${other} ${routeOf(other, options)}`).toBe(`${other} refused`)
    }
    // Another way to write 10.1.2.3.
    expect(routeOf('167838211:443', options)).toBe('tunnel')
  })

  it('leads everywhere where its list says so, and to the services nowhere but here', () => {
    const web = new ForwardProxy({ allow: ['*'] }, rejectAll)
    expect(web.route('pypi.org:443')).toMatchObject({ kind: 'tunnel', host: 'pypi.org' })
    expect(web.route('pypi.org:22')).toMatchObject({ kind: 'refused' })
    const all = new ForwardProxy({ allow: ['*:*'] }, rejectAll)
    expect(all.route('pypi.org:22')).toMatchObject({ kind: 'tunnel', port: 22 })
    for (const proxy of [web, all]) {
      expect(proxy.route('api.capsolver.com:443')).toMatchObject({ kind: 'here' })
      expect(proxy.route('api.capsolver.com:80')).toMatchObject({ kind: 'refused' })
      expect(proxy.route('API.capsolver.com.:8443')).toMatchObject({ kind: 'refused' })
    }
  })

  it.each(['https://pypi.org', '**', '*.', 'a b', ''])('refuses %j in the list', (text) => {
    expect(() => new ForwardProxy({ allow: [text] }, rejectAll)).toThrow(/proxy\.allow/)
  })

  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '100.64.0.1',
    '::1',
    '::',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '0:0:0:0:0:ffff:10.0.0.1',
    '::10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'fd00::1',
    'fe80::1',
    '198.18.0.1',
    '168.63.129.16',
  ])('does not connect to a named host that resolves to %s', async (address) => {
    const { reply, asked } = await connectTo('pypi.org:443', [address])
    expect(reply).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*pypi\.org has no address that this proxy may reach\.$/)
    expect(asked).toBe(1)
  })

  it("connects to the next of a named host's addresses where one is away", async () => {
    const server = createServer((socket) => socket.end('reached'))
    const port = await listen(server)
    after(async () => void server.close())
    const options = { allow: [`pypi.org:${port}`], privateAddresses: ['127.0.0.0/8'] }
    const { reply } = await connectTo(`pypi.org:${port}`, ['127.0.0.3', '127.0.0.1'], 'good', options)
    expect(reply).toMatch(/^HTTP\/1\.1 200 [\s\S]*reached$/)
  })

  it('opens no tunnel without a token that is good, and looks nothing up', async () => {
    for (const token of ['', 'bad']) {
      const { reply, asked } = await connectTo('pypi.org:443', ['8.8.8.8'], token)
      expect(reply).toMatch(/^HTTP\/1\.1 407 [\s\S]*proxy-authenticate: Basic/)
      expect(asked).toBe(0)
    }
  })
})

/** What a client gets, and how often a name was looked up. */
async function connectTo(
  authority: string,
  addresses: readonly string[],
  token = 'good',
  options: ProxyOptions = { allow: ['pypi.org'] },
) {
  let asked = 0
  const good = { id: 'a', grant: {} }
  const authenticate: Authenticate = (credential) => {
    if (credential === 'good') return good as ReturnType<Authenticate>
    return rejectAll(credential, 'spend')
  }
  const proxy = new ForwardProxy(options, authenticate, async () => {
    asked++
    return addresses
  })
  const parts: string[] = []
  const socket = new Duplex({
    read() {},
    write(chunk, _, done) {
      parts.push(String(chunk))
      done()
    },
  })
  const authorization = `Basic ${Buffer.from(`t:${token}`).toString('base64')}`
  const headers = token === '' ? {} : { 'proxy-authorization': authorization }
  const ended = new Promise((resolve) => socket.once('finish', resolve))
  await proxy.connect({ url: authority, headers } as Parameters<typeof proxy.connect>[0], socket, {
    end: () => {},
    track: () => {},
  })
  await ended
  return { reply: parts.join(''), asked }
}

/** A broker with a forward proxy, what it logs, and a CONNECT to it as raw as a client likes. */
async function loggedProxy(proxy: ProxyOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'broker-connect-'))
  after(async () => rmSync(folder, { recursive: true }))
  const { guard } = await rig()
  const lines: Record<string, unknown>[] = []
  const line = (fields: object) => void lines.push({ ...fields })
  const logger = { debug: () => {}, info: line, warn: () => {} }
  const broker = await startBroker({ guard, logger, proxy, tls: 'private', stateDir: folder })
  after(() => broker.close())
  const { token, handle = '', id } = await guard.issueToken({}, { ttl: '15m', handle: true })
  const request = async (authority: string, password = ''): Promise<string> => {
    const socket = connect(Number(new URL(broker.url).port), '127.0.0.1')
    const login = password && `Proxy-Authorization: Basic ${btoa(`${handle}:${password}`)}\r\n`
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${login}\r\n`)
    const [first] = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])])
    socket.destroy()
    return String(first)
  }
  return { lines, request, token, handle, id }
}

describe('the access log of a forward proxy', () => {
  it('says where a CONNECT leads, how it was answered, and by which token', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}).end('hello'))
    after(async () => void silent.close())
    const port = await listen(silent)
    const allow = [`localhost:${port}`, 'localhost:1', 'a-name-of-a-host-that-is-long.example:443']
    const { lines, request, token, handle, id } = await loggedProxy({
      allow,
      privateAddresses: ['127.0.0.1', '::1'],
    })
    expect(await request('API.capsolver.com:443')).toMatch(/ 200 /)
    expect(await request('api.capsolver.com:80')).toMatch(/ 403 /)
    expect(await request(`localhost:${port}`, token)).toMatch(/ 200 /)
    expect(await request(`localhost:${port}`, 'f'.repeat(32))).toMatch(/ 407 /)
    expect(await request('localhost:1', handle)).toMatch(/ 502 /)
    expect(await request('a-name-of-a-host-that-is-long.example:443', handle)).toMatch(/ 403 /)
    expect(await request('elsewhere.example:443', handle)).toMatch(/ 403 /)
    await expect.poll(() => lines.length).toBe(7)
    const tokenId = expect.stringContaining(id)
    const line = { event: 'connect', method: 'CONNECT', remote: '127.0.0.1', durationMs: expect.any(Number) }
    expect(lines).toEqual([
      { ...line, host: 'api.capsolver.com', status: 200 },
      { ...line, host: 'api.capsolver.com', status: 403 },
      { ...line, host: 'localhost', status: 200, tokenId },
      { ...line, host: 'localhost', status: 407 },
      { ...line, host: 'localhost', status: 502, tokenId },
      { ...line, host: 'a-name-of-a-host-that-is-long.example', status: 403, tokenId },
      { ...line, host: '(other)', status: 403 },
    ])
  })

  it('has no part of a token or of a hostile host, wherever a client puts them', async () => {
    const { lines, request, token, handle } = await loggedProxy({ allow: ['*:*'], privateAddresses: ['127.0.0.0/8'] })
    const authorities = [
      `${token}:443`,
      `${handle}:443`,
      `${handle}.localhost:443`,
      `x.${handle}.localhost:1`,
      `${handle}@api.capsolver.com:443`,
      `http://${handle}@2captcha.com/`,
      `2captcha.com:443/?key=${handle}`,
      `2captcha.com:443#${token}`,
      '\u001b[2J2captcha.com:443',
      '2captcha.com\u202e:443',
      '2captcha.com%0d%0a:443',
      `2captcha.com\t${handle}:443`,
    ]
    for (const authority of authorities) {
      for (const password of ['', token, handle]) await request(authority, password)
    }
    const text = JSON.stringify(lines)
    expect(lines.length).toBeGreaterThan(authorities.length)
    for (const secret of [token, handle]) expect(leaks(secret, text)).toEqual([])
    for (const { host } of lines) expect(host).toMatch(/^[\w.():-]{1,253}$/)
  })

  it('has no name that a client chose before a tunnel is open, and then none of its parts that may be a key', () => {
    const proxy = new ForwardProxy({ allow: ['*'] }, rejectAll)
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (name) => {
        const route = proxy.route(`${name}:443`)
        if (route.kind === 'tunnel') expect(route.named).toBe(false)
        if (route.kind === 'refused') expect(route.host).toBeUndefined()
      }),
    )
    for (const key of ['0123456789abcdef0123456789abcdef', 'eyJhbGciOiJIUzI1NiJ9', 'a-key_of-16-chars']) {
      expect(hostWithoutKeys(`x.${key}.example.com`)).toBe('x.(masked).example.com')
    }
    expect(hostWithoutKeys('2001:db8:1234:5678:9abc:def0:1234:5678')).toBe('2001:db8:1234:5678:9abc:def0:1234:5678')
  })
})
