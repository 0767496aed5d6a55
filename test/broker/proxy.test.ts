import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type Code, SolveguardError } from '../../src/base/errors.js'
import type { Authenticate } from '../../src/broker/auth.js'
import { ForwardProxy, type ProxyOptions } from '../../src/broker/proxy.js'

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

  it('opens no tunnel without a token that is good, and looks nothing up', async () => {
    for (const token of ['', 'bad']) {
      const { reply, asked } = await connectTo('pypi.org:443', ['8.8.8.8'], token)
      expect(reply).toMatch(/^HTTP\/1\.1 407 [\s\S]*proxy-authenticate: Basic/)
      expect(asked).toBe(0)
    }
  })
})

/** What a client gets, and how often a name was looked up. */
async function connectTo(authority: string, addresses: readonly string[], token = 'good') {
  let asked = 0
  const good = { id: 'a', grant: {} }
  const authenticate: Authenticate = (credential) => {
    if (credential === 'good') return good as ReturnType<Authenticate>
    return rejectAll(credential, 'spend')
  }
  const proxy = new ForwardProxy({ allow: ['pypi.org'] }, authenticate, async () => {
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
