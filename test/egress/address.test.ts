import { describe, expect, test } from 'vitest'
import { checkBaseUrl, createTransport, parseProxy } from '../../src/egress/index.js'

const caught = (action: () => unknown): Error & { code?: string } => {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

describe('checkBaseUrl', () => {
  test.each([
    ['https://ocr.captchaai.com', 'https://ocr.captchaai.com', 'ocr.captchaai.com:443', ''],
    ['https://ocr.captchaai.com/', 'https://ocr.captchaai.com', 'ocr.captchaai.com:443', ''],
    ['https://solver.example:8443/deep/er/', 'https://solver.example:8443', 'solver.example:8443', '/deep/er'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', '127.0.0.1:8080', ''],
    ['http://127.9.9.9', 'http://127.9.9.9', '127.9.9.9:80', ''],
    ['http://127.1', 'http://127.0.0.1', '127.0.0.1:80', ''],
    ['http://[::1]:99', 'http://[::1]:99', '[::1]:99', ''],
    ['http://LOCALHOST', 'http://localhost', 'localhost:80', ''],
  ])('accepts %s', (baseUrl, origin, authority, prefix) => {
    expect(checkBaseUrl(baseUrl)).toMatchObject({ origin, authority, prefix })
  })

  test.each([
    'http://ocr.captchaai.com',
    'http://192.168.0.1',
    'http://128.0.0.1',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.',
    'http://[::ffff:127.0.0.1]',
    'http://0.0.0.0',
    'ftp://127.0.0.1',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'ocr.captchaai.com',
    '',
    'https://',
    'https://user@solver.example',
    'https://user:hunter2-word@solver.example',
    'https://solver.example?key=hunter2-word',
    'https://solver.example/#x',
    'https://solver.example/?',
    'https://solver.example/a//b',
    `https://${'a'.repeat(3000)}.example`,
  ])('rejects %s and names the field', (baseUrl) => {
    const error = caught(() => checkBaseUrl(baseUrl, 'solver.baseUrl'))
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^solver\.baseUrl /) })
    expect(error.message).not.toContain('hunter2-word')
  })

  test('rejects a value that is not a string', () => {
    expect(caught(() => checkBaseUrl(undefined as never)).code).toBe('CONFIG_INVALID')
  })
})

describe('parseProxy', () => {
  test('keeps the credentials out of the origin that messages show', () => {
    expect(parseProxy('http://alice:p%40ss%3A@proxy.internal:3128')).toEqual({
      kind: 'http',
      origin: 'http://proxy.internal:3128',
      authorization: `Basic ${Buffer.from('alice:p@ss:').toString('base64')}`,
    })
  })

  test('accepts a user name without a password', () => {
    expect(parseProxy('https://token@proxy.internal')).toMatchObject({
      authorization: `Basic ${Buffer.from('token:').toString('base64')}`,
    })
  })

  test('parses a SOCKS5 proxy, which always resolves names itself', () => {
    expect(parseProxy('socks5h://alice:p%40ss@proxy.internal')).toEqual({
      kind: 'socks5',
      origin: 'socks5://proxy.internal:1080',
      host: 'proxy.internal',
      port: 1080,
      login: { user: 'alice', password: 'p@ss' },
    })
    expect(parseProxy('socks5://[::1]:9050')).toMatchObject({ host: '::1', port: 9050, login: undefined })
  })

  test('parses every form, with the default port of its scheme', () => {
    expect(parseProxy('http://Proxy.Internal/')).toEqual({ kind: 'http', origin: 'http://proxy.internal' })
    expect(parseProxy('https://proxy.internal:443')).toEqual({ kind: 'http', origin: 'https://proxy.internal' })
    expect(parseProxy('http://:word@proxy.internal')).toMatchObject({
      authorization: `Basic ${Buffer.from(':word').toString('base64')}`,
    })
    expect(parseProxy('socks5://proxy.internal')).toEqual({
      kind: 'socks5',
      origin: 'socks5://proxy.internal:1080',
      host: 'proxy.internal',
      port: 1080,
      login: undefined,
    })
    expect(parseProxy('socks5://[2001:db8::1]:9')).toMatchObject({
      origin: 'socks5://[2001:db8::1]:9',
      host: '2001:db8::1',
    })
    const longest = `http://${'a'.repeat(2_048 - 8)}/`
    expect(parseProxy(longest)).toEqual({ kind: 'http', origin: longest.slice(0, -1) })
    expect(() => parseProxy(longest.replace('a', 'aa'))).toThrow(/^proxy must be an http:/)
  })

  test('accepts a login of 255 characters for SOCKS5, and a longer one for HTTP only', () => {
    const [user, password] = ['u'.repeat(255), 'p'.repeat(255)]
    expect(parseProxy(`socks5://${user}:${password}@a.internal`)).toMatchObject({ login: { user, password } })
    for (const login of [`${user}u:p`, `u:${password}p`]) {
      expect(() => parseProxy(`socks5://${login}@a.internal`)).toThrow(/255 characters, which SOCKS5 cannot carry/)
      expect(parseProxy(`http://${login}@a.internal`)).toMatchObject({
        authorization: `Basic ${Buffer.from(login).toString('base64')}`,
      })
    }
  })

  test.each([
    [undefined, 'must be an http:'],
    [7, 'must be an http:'],
    ['xhttp://a', 'must be an http:'],
    ['http+x://a', 'must be an http:'],
    ['http://a/b', 'must not hold a path'],
    ['http://a?b', 'must not hold a path'],
    ['http://a/?', 'must not hold a path'],
    ['http://a#b', 'must not hold a path'],
    ['socks5://a/b', 'must not hold a path'],
    ['http://%zz@a', 'is not percent-encoded correctly'],
    ['socks5://u:%zz@a', 'is not percent-encoded correctly'],
  ])('says what is wrong with %s', (proxy, problem) => {
    const error = caught(() => parseProxy(proxy as string, 'options.proxy'))
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^options\.proxy /) })
    expect(error.message).toContain(problem)
  })

  test.each([
    'socks4://127.0.0.1:1080',
    'socks5://',
    `socks5://alice:${'x'.repeat(256)}@127.0.0.1`,
    'proxy.internal:3128',
    '',
    'http://',
    'http://proxy.internal/path',
    'http://proxy.internal?x',
    'http://proxy.internal/#x',
    'http://alice:hunter2-word%zz@proxy.internal',
  ])('rejects %s and names the field', (proxy) => {
    const error = caught(() => createTransport({ baseUrl: 'https://solver.example', proxy }))
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^proxy /) })
    expect(error.message).not.toContain('hunter2-word')
  })
})

test('createTransport rejects a local address that is not an IP address', () => {
  const error = caught(() => createTransport({ baseUrl: 'https://solver.example', localAddress: 'eth0' }))
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('localAddress') })
})
