import { describe, expect, test } from 'vitest'
import { canonicalPageProxy, parsePageProxy } from '../../src/policy/page-proxy.js'
import { parseNarrowing } from '../../src/policy/schema.js'

/** A host name of 253 letters. */
const LONGEST = `a${'b'.repeat(251)}c`

describe('parsePageProxy', () => {
  test.each([
    ['http://203.0.113.9:3128', { type: 'http', host: '203.0.113.9', port: 3128 }],
    ['http://Proxy.Example/', { type: 'http', host: 'proxy.example', port: 80 }],
    ['socks5://203.0.113.9', { type: 'socks5', host: '203.0.113.9', port: 1080 }],
    ['socks5h://203.0.113.9:9', { type: 'socks5', host: '203.0.113.9', port: 9 }],
    ['socks4://PROXY.example:1', { type: 'socks4', host: 'proxy.example', port: 1 }],
    ['socks5://a:1', { type: 'socks5', host: 'a', port: 1 }],
    ['socks5://a-1.b:1', { type: 'socks5', host: 'a-1.b', port: 1 }],
    [`socks5://${LONGEST}:1`, { type: 'socks5', host: LONGEST, port: 1 }],
    [
      `http://u${'%7E'.repeat(254)}:w@a.example:1`,
      { type: 'http', host: 'a.example', port: 1, login: { user: `u${'~'.repeat(254)}`, password: 'w' } },
    ],
    ['http://[2001:DB8::1]:3128', { type: 'http', host: '2001:db8::1', port: 3128 }],
    [
      'http://us%40er:p%3Aa%20ss@203.0.113.9:3128'.replace('%20', ''),
      { type: 'http', host: '203.0.113.9', port: 3128, login: { user: 'us@er', password: 'p:ass' } },
    ],
    [
      'http://user@203.0.113.9:1',
      { type: 'http', host: '203.0.113.9', port: 1, login: { user: 'user', password: '' } },
    ],
  ])('parses %s', (text, parts) => {
    const parsed = parsePageProxy(text)
    expect(parsed).toEqual(parts)
    // The canonical form parses to the same proxy.
    if (!('problem' in parsed)) expect(parsePageProxy(canonicalPageProxy(parsed))).toEqual(parsed)
  })

  test.each([
    ['', /expected the proxy/],
    ['203.0.113.9:3128', /expected the proxy/],
    ['ftp://203.0.113.9:3128', /expected the proxy/],
    ['http://203.0.113.9:3128/path', /expected the proxy/],
    ['http://203.0.113.9:3128?x=1', /expected the proxy/],
    ['http://203.0.113.9:0', /expected the proxy/],
    ...['-host', 'host-', 'a_b', 'a!b', '.a', 'a.', `${LONGEST}d`].map(
      (host) => [`socks5://${host}:1080`, /expected the proxy/] as [string, RegExp],
    ),
    ['http://%20user:s3cret@203.0.113.9:3128', /ASCII/],
    ['http://user%20:s3cret@203.0.113.9:3128', /ASCII/],
    ['http://user:%20s3cret@203.0.113.9:3128', /ASCII/],
    [`http://${'u'.repeat(256)}:s3cret@203.0.113.9:3128`, /255/],
    [`http://${'x'.repeat(2000)}:3128`, /expected the proxy/],
    ['https://203.0.113.9:3128', /without TLS.*write http/],
    ['http://user:s3cret%zz@203.0.113.9:3128', /percent-encoded/],
    ['http://user:s3cret%0a@203.0.113.9:3128', /ASCII/],
    [`http://user:s3cret${'x'.repeat(260)}@203.0.113.9:3128`, /255/],
    ['http://:s3cret@203.0.113.9:3128', /ASCII/],
  ])('rejects %s without repeating it', (text, problem) => {
    const wrong = () => parseNarrowing({ pageProxy: text })
    expect(wrong).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(problem) }))
    expect(wrong).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^policy\.pageProxy: (?!.*s3cret)/) }),
    )
  })

  test('reads at most 1,024 characters', () => {
    const login = `${'%7E'.repeat(255)}:${'%7E'.repeat(70)}`
    const start = `http://${login}@`
    const text = `${start}${'a'.repeat(1_024 - start.length - 5)}.test`
    expect(text).toHaveLength(1_024)
    expect(parsePageProxy(text)).toMatchObject({ type: 'http' })
    expect(parsePageProxy(text.replace('.test', 'a.test'))).toEqual({
      problem: expect.stringMatching(/^expected the proxy/),
    })
  })

  test('gives the same proxy one canonical form', () => {
    const one = parseNarrowing({ pageProxy: 'http://u:p%21@Proxy.example:80/' })
    expect(one.pageProxies).toEqual(parseNarrowing({ pageProxy: 'http://u:p!@proxy.example' }).pageProxies)
  })
})
