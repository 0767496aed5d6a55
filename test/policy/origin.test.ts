import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  canonicalOrigins,
  intersectOrigins,
  matchesOrigin,
  originOf,
  originsSource,
  parseOriginPattern,
} from '../../src/policy/origin.js'
import { origin, originPattern } from './arbitraries.js'

/** The pattern in canonical form. Throws for text that is not a pattern. */
function pattern(text: string): string {
  const parsed = parseOriginPattern(text)
  if ('problem' in parsed) throw new Error(`${text}: ${parsed.problem}`)
  return parsed.pattern
}

/** Whether the pattern names the page at `address`, as the origin layer checks it. */
function names(text: string, address: string): boolean {
  const page = originOf(address)
  return page.ok && matchesOrigin(pattern(text), page.origin)
}

describe('an exact pattern', () => {
  const EXACT = 'https://shop.example'

  it.each([
    'https://shop.example/',
    'https://shop.example/login?next=/a#top',
    'https://shop.example:443/',
    'HTTPS://SHOP.Example/',
    'https://user:word@shop.example/',
    'https:\\\\shop.example\\login',
    ' https://shop.example/ ',
    'https://sh\top.exa\nmple/',
    'https://%73hop.example/',
    'https://shop\u3002example/',
  ])('names %j, which a browser resolves to that host', (address) => {
    expect(names(EXACT, address)).toBe(true)
  })

  it.each([
    ['another scheme', 'http://shop.example/'],
    ['another port', 'https://shop.example:8443/'],
    ['a host below it', 'https://www.shop.example/'],
    ['the host above it', 'https://example/'],
    ['a dot at the end', 'https://shop.example./'],
    ['its name before another host', 'https://shop.example.evil.example/'],
    ['its name behind another name', 'https://evil-shop.example/'],
    ['its name as the user', 'https://shop.example@evil.example/'],
    ['its name as user and word', 'https://shop.example:443@evil.example/'],
    ['its name before a backslash', 'https://evil.example\\@shop.example/'],
    ['its name in the path', 'https://evil.example/https://shop.example/'],
    ['its name in the fragment', 'https://evil.example/#@shop.example/'],
    ['an encoded slash in the host', 'https://evil.example%2f@shop.example:1/'],
  ])('does not name %s', (_, address) => {
    expect(names(EXACT, address)).toBe(false)
  })

  it("compares the port, except the scheme's default", () => {
    expect(names('https://shop.example:8443', 'https://shop.example:8443/')).toBe(true)
    expect(names('https://shop.example:8443', 'https://shop.example/')).toBe(false)
    expect(pattern('https://shop.example:443')).toBe('https://shop.example')
    expect(pattern('http://shop.example:80/')).toBe('http://shop.example')
    expect(pattern('http://shop.example:443')).toBe('http://shop.example:443')
  })

  it('is the same in each spelling of its host', () => {
    for (const text of ['https://bücher.example', 'https://BÜCHER.example', 'https://xn--bcher-kva.example/']) {
      expect(pattern(text)).toBe('https://xn--bcher-kva.example')
    }
    expect(names('https://bücher.example', 'https://xn--bcher-kva.example/a')).toBe(true)
    // A Cyrillic o is another letter, so this is another host.
    expect(names('https://shop.example', 'https://sh\u043ep.example/')).toBe(false)
  })

  it('names an IP address in each of its notations, as browsers do', () => {
    for (const address of ['http://127.0.0.1:80/', 'http://0x7f000001/', 'http://2130706433/', 'http://127.1/']) {
      expect(names('http://127.0.0.1', address), address).toBe(true)
    }
    expect(pattern('http://0x7f.1:3000')).toBe('http://127.0.0.1:3000')
    expect(names('http://[::1]:3000', 'http://[0:0:0:0:0:0:0:1]:3000/')).toBe(true)
    expect(names('http://127.0.0.1', 'http://127.0.0.1.evil.example/')).toBe(false)
    expect(names('http://127.0.0.1', 'http://[::ffff:127.0.0.1]/')).toBe(false)
  })
})

describe('a wildcard pattern', () => {
  const WILD = 'https://*.qa.shop.example'

  it('names every host below its own, at any depth', () => {
    expect(names(WILD, 'https://a.qa.shop.example/')).toBe(true)
    expect(names(WILD, 'https://a.b.c.qa.shop.example/')).toBe(true)
    expect(names(WILD, 'https://A.QA.Shop.Example/')).toBe(true)
    expect(names('https://*.bücher.example', 'https://a.xn--bcher-kva.example/')).toBe(true)
  })

  it.each([
    ['the host itself', 'https://qa.shop.example/'],
    ['an empty label below it', 'https://.qa.shop.example/'],
    ['an empty label further below', 'https://.a.qa.shop.example/'],
    ['a host that only ends with the same letters', 'https://evil-qa.shop.example/'],
    ['its name before another host', 'https://a.qa.shop.example.evil.example/'],
    ['its name as the user', 'https://a.qa.shop.example@evil.example/'],
    ['another scheme', 'http://a.qa.shop.example/'],
    ['another port', 'https://a.qa.shop.example:8443/'],
    ['a dot at the end', 'https://a.qa.shop.example./'],
  ])('does not name %s', (_, address) => {
    expect(names(WILD, address)).toBe(false)
  })

  it('compares the port', () => {
    expect(names('https://*.shop.example:8443', 'https://a.shop.example:8443/')).toBe(true)
    expect(names('https://*.shop.example:8443', 'https://a.shop.example/')).toBe(false)
    expect(names('https://*.shop.example:443', 'https://a.shop.example/')).toBe(true)
  })

  it.each([
    ['all hosts', 'https://*'],
    ['all hosts', 'https://*.'],
    ['a top-level domain', 'https://*.com'],
    ['a top-level domain, encoded', 'https://%2a.com'],
    ['a top-level domain, with a wide star', 'https://\uff0a.com'],
    ['a public suffix', 'https://*.co.uk'],
    ['a public suffix behind a rule with a star', 'https://*.kawasaki.jp'],
    ['hosts of a shared provider', 'https://*.github.io'],
    ['the machines of a provider', 'https://*.us-east-1.compute.amazonaws.com'],
    ['an IDN top-level domain', 'https://*.みんな'],
    ['a single label', 'https://*.localhost'],
    ['an address', 'https://*.127.0.0.1'],
    ['an address in another form', 'https://*.0x7f.1'],
    ['an IPv6 address', 'https://*.[::1]'],
  ])('is rejected where it names %s: %s', (_, text) => {
    expect(parseOriginPattern(text)).toHaveProperty('problem')
  })

  it('is rejected for the reason that applies', () => {
    for (const address of ['127.0.0.1', '0x7f.1', '[::1]', '1.2.3']) {
      expect(parseOriginPattern(`https://*.${address}`)).toEqual({
        problem: 'a wildcard needs a host name, not an address',
      })
    }
    for (const host of ['localhost', 'com', 'co.uk', 'github.io', `${'a'.repeat(64)}.example.com`]) {
      expect(parseOriginPattern(`https://*.${host}`)).toEqual({
        problem: `'*.${host}' would name sites of other owners; name a domain of your own`,
      })
    }
    // Hosts whose names only look like addresses.
    expect(pattern('https://*.1.2.3.4.example.com')).toBe('https://*.1.2.3.4.example.com')
    expect(pattern('https://*.127.0.0.1.example.com:1')).toBe('https://*.127.0.0.1.example.com:1')
  })

  it('does not reach below a public suffix below its own host: those sites have other owners', () => {
    expect(names('https://*.amazonaws.com', 'https://docs.amazonaws.com/')).toBe(true)
    expect(names('https://*.amazonaws.com', 'https://another-owner.s3.amazonaws.com/')).toBe(false)
    expect(names('https://*.amazonaws.com:8443', 'https://another-owner.s3.amazonaws.com:8443/')).toBe(false)
    expect(names('https://*.mine.s3.amazonaws.com', 'https://a.mine.s3.amazonaws.com/')).toBe(true)
    const both = [pattern('https://*.amazonaws.com'), pattern('https://*.mine.s3.amazonaws.com')]
    expect(canonicalOrigins(both)).toEqual(both)
    expect(intersectOrigins(both.slice(0, 1), both.slice(1))).toEqual([])
  })

  it('may name the hosts below a domain that can be owned', () => {
    expect(pattern('https://*.shop.co.uk')).toBe('https://*.shop.co.uk')
    expect(pattern('https://*.me.github.io')).toBe('https://*.me.github.io')
    expect(pattern('http://*.corp.internal:8080')).toBe('http://*.corp.internal:8080')
    expect(pattern('http://*.app.localhost')).toBe('http://*.app.localhost')
  })
})

describe('a pattern', () => {
  it.each([
    '',
    '*',
    'shop.example',
    'xhttps://shop.example',
    '//shop.example',
    'ftp://shop.example',
    'file:///etc/passwd',
    'javascript://shop.example',
    'https://',
    'https://shop.example/login',
    'https://shop.example?x',
    'https://shop.example#x',
    'https://user@shop.example',
    'https://shop.example@evil.example',
    'https://shop.example\\@evil.example',
    'https://shop.exa mple',
    'https://shop.exa\nmple',
    'https://shop.example.',
    'https://a.*.example',
    'https://a*.shop.example',
    'https://*.*.shop.example',
    'https://a.%2a.shop.example',
    'https://shop.example:99999',
    'https://shop.example:x',
    'https://1.2.3.4.5',
  ])('is rejected where it is not an origin: %j', (text) => {
    expect(parseOriginPattern(text)).toHaveProperty('problem')
  })

  it('has at most 2,048 characters', () => {
    const longest = `https://${'a.'.repeat(1_019)}aa`
    expect(pattern(longest)).toBe(longest)
    expect(parseOriginPattern(`${longest}a`)).toEqual({ problem: 'an origin is at most 2048 characters long' })
  })

  it('is rejected where it is too long, and is not repeated', () => {
    const parsed = parseOriginPattern(`https://${'a'.repeat(1_000_000)}.example`)
    expect(parsed).toHaveProperty('problem')
    expect(JSON.stringify(parsed).length).toBeLessThan(200)
  })

  it('is canonical once parsed: parsing it again changes nothing', () => {
    fc.assert(
      fc.property(originPattern, (text) => {
        expect(pattern(pattern(text))).toBe(pattern(text))
      }),
    )
  })

  it('names an origin only if scheme, host and port match by an independent definition', () => {
    const named = { yes: 0, no: 0 }
    fc.assert(
      fc.property(originPattern, origin, (text, page) => {
        const wanted = new URL(text.replace('*.', ''))
        const is = new URL(page)
        const host = wanted.hostname.split('.').reverse()
        const labels = is.hostname.split('.').reverse()
        const within = host.every((label, index) => labels[index] === label)
        const depth = labels.length - host.length
        const right =
          is.protocol === wanted.protocol &&
          is.port === wanted.port &&
          within &&
          (text.includes('*') ? depth > 0 : depth === 0) &&
          // A wildcard above s3.amazonaws.com, a public suffix, does not reach below it.
          !(text.includes('*') && is.hostname.endsWith('.s3.amazonaws.com') && !wanted.hostname.includes('.s3.'))
        named[right ? 'yes' : 'no']++
        expect(matchesOrigin(pattern(text), page)).toBe(right)
      }),
      { numRuns: 5000 },
    )
    expect(named.yes).toBeGreaterThan(30)
    expect(named.no).toBeGreaterThan(30)
  })
})

describe('originOf', () => {
  it.each([
    'about:blank',
    'about:srcdoc',
    'data:text/html,<p>hi',
    'javascript:alert(1)',
    'blob:https://shop.example/6f1a9f0e-0000-4000-8000-000000000000',
    'filesystem:https://shop.example/temporary/a',
    'file:///home/me/page.html',
    'view-source:https://shop.example/',
    'chrome://settings',
    'chrome-extension://abcdefghijklmnop/page.html',
    'ws://shop.example/',
    'ftp://shop.example/',
    'java\tscript:alert(1)//https://shop.example',
  ])('finds no origin for %s', (address) => {
    const scheme = `${address.split(':')[0]}:`
    expect(originOf(address)).toEqual({
      ok: false,
      reason: expect.stringMatching(/no web origin/),
      record: scheme.includes('\t') ? '?' : scheme,
    })
  })

  it.each(['', 'shop.example', '/login', 'https://', 'http://[::1', 'https://exa mple/', 'https://1.2.3.4.5/'])(
    'finds no origin for %j, which is not an address',
    (address) => {
      expect(originOf(address)).toEqual({
        ok: false,
        reason: expect.stringMatching(/^not an address: /),
        record: address.startsWith('http') ? address.split('/')[0] : '?',
      })
    },
  )

  it('finds no origin for an address that is too long, and does not repeat it', () => {
    const answer = originOf(`https://shop.example/${'a'.repeat(1_000_000)}`)
    expect(answer).toMatchObject({ ok: false })
    expect(JSON.stringify(answer).length).toBeLessThan(200)
  })

  it('finds one for an address of 2,048 characters, and none for a longer one', () => {
    const longest = `https://shop.example/${'a'.repeat(2_048 - 21)}`
    expect(originOf(longest)).toMatchObject({ ok: true, origin: 'https://shop.example', solverUrl: longest })
    expect(originOf(`${longest}a`)).toEqual({
      ok: false,
      reason: 'an address of more than 2048 characters',
      record: 'https:',
    })
  })

  it('records the scheme of an address that has no origin, and nothing else of it', () => {
    const scheme = `a${'+'.repeat(30)}:`
    expect(originOf(`${scheme}secret`).record).toBe(scheme)
    for (const address of [`a${scheme}secret`, '1a:secret', 'a_b:secret', ' a:secret', 'secret', '/a:secret']) {
      expect(originOf(address).record).toBe('?')
    }
  })

  it('removes user name, query and fragment for records, and user name and fragment for the solver', () => {
    expect(originOf('https://me:word@shop.example/a/b?token=1#2')).toEqual({
      ok: true,
      origin: 'https://shop.example',
      record: 'https://shop.example/a/b',
      solverUrl: 'https://shop.example/a/b?token=1',
    })
  })

  it('computes the same address once, and keeps at most 200 of them', () => {
    let made = 0
    const fresh = () => originOf(`https://shop.example/${++made}`)
    /** How many further addresses it takes until one is computed again. */
    const keptFor = (address: string) => {
      const first = originOf(address)
      let count = 0
      for (; originOf(address) === first; count++) fresh()
      return count
    }
    // Whatever other tests have left is gone after that.
    keptFor('https://shop.example/first')
    const kept = keptFor('https://shop.example/second')
    expect(kept).toBeGreaterThan(100)
    expect(kept).toBeLessThanOrEqual(200)
    const long = `https://shop.example/${'a'.repeat(2_048)}`
    expect(originOf(long)).not.toBe(originOf(long))
  })
})

describe('a list of patterns', () => {
  it('is sorted, without redundant patterns', () => {
    expect(
      canonicalOrigins([
        'https://b.example',
        'https://a.b.shop.example',
        'https://*.shop.example',
        'https://b.example',
      ]),
    ).toEqual(['https://*.shop.example', 'https://b.example'])
  })

  it('names the same pages in canonical form', () => {
    fc.assert(
      fc.property(fc.array(originPattern, { maxLength: 5 }), origin, (texts, page) => {
        const patterns = texts.map(pattern)
        const by = (list: readonly string[]) => list.some((one) => matchesOrigin(one, page))
        expect(by(canonicalOrigins(patterns))).toBe(by(patterns))
      }),
      { numRuns: 500 },
    )
  })

  it('has a regular expression that matches each page that it names', () => {
    fc.assert(
      fc.property(fc.array(originPattern, { maxLength: 5 }), origin, (texts, page) => {
        const patterns = texts.map(pattern)
        const named = patterns.some((one) => matchesOrigin(one, page))
        if (named) expect(page).toMatch(new RegExp(originsSource(patterns)))
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['https://shop.example', ['https://shop.example'], true],
    ['https://shop.example.evil.example', ['https://shop.example'], false],
    ['https://shopxexample', ['https://shop.example'], false],
    ['http://shop.example', ['https://shop.example'], false],
    ['https://shop.example:8443', ['https://shop.example'], false],
    ['https://shop.example:8443', ['https://b.example', 'https://shop.example:8443'], true],
    ['https://a.b.shop.example', ['https://*.shop.example'], true],
    ['https://shop.example', ['https://*.shop.example'], false],
    ['https://evil-shop.example', ['https://*.shop.example'], false],
    ['https://evil.example:1.shop.example', ['https://*.shop.example'], false],
    ['null', ['https://shop.example'], false],
    ['https://shop.example', [], false],
  ])('has a regular expression that, for %s and %j, says %s', (page, patterns, expected) => {
    expect(new RegExp(originsSource(patterns)).test(page)).toBe(expected)
  })
})

describe('two lists of patterns', () => {
  const list = fc.array(originPattern, { maxLength: 4 }).map((texts) => texts.map(pattern))
  const by = (patterns: readonly string[], page: string) => patterns.some((one) => matchesOrigin(one, page))

  it('have in common exactly the pages that both of them name', () => {
    fc.assert(
      fc.property(list, list, origin, (a, b, page) => {
        expect(by(intersectOrigins(a, b), page)).toBe(by(a, page) && by(b, page))
      }),
      { numRuns: 2000 },
    )
  })

  it('have an intersection in canonical form, of the narrower patterns', () => {
    const wide = ['https://*.shop.example', 'https://b.example']
    const narrow = ['https://b.example', 'https://*.a.shop.example', 'https://c.shop.example', 'http://d.shop.example']
    const common = ['https://*.a.shop.example', 'https://b.example', 'https://c.shop.example']
    expect(intersectOrigins(wide, narrow)).toEqual(common)
    expect(intersectOrigins(narrow, wide)).toEqual(common)
    expect(intersectOrigins(wide, wide)).toEqual(wide)
    expect(intersectOrigins(wide, [])).toEqual([])
  })
})
