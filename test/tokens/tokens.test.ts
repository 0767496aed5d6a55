import fc from 'fast-check'
import { compactVerify, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { usd } from '../../src/policy/money.js'
import { narrow } from '../../src/policy/narrow.js'
import { type NarrowingInput, parseNarrowing } from '../../src/policy/schema.js'
import { widenedField } from '../../src/policy/widened.js'
import { manualClock } from '../../src/testing/clock.js'
import { MAX_TOKEN_LENGTH, splitToken } from '../../src/tokens/claims.js'
import { describeToken } from '../../src/tokens/describe.js'
import { checkLength, newId } from '../../src/tokens/issue.js'
import { narrowToken } from '../../src/tokens/narrow.js'
import { tokenPolicy } from '../../src/tokens/policy.js'
import { narrowingInput } from '../policy/arbitraries.js'
import { append, codeOf, encode, GUARD, issue, KEY, keysOf, NOON, sign, verify } from './support.js'

const clock = manualClock(NOON)
const REFUSED = ['TOKEN_INVALID', 'TOKEN_ALTERED', 'TOKEN_KEY_UNKNOWN']
const HEADER = '{"alg":"HS256","kid":"KID","typ":"sg+jwt"}'
const runs = { numRuns: 200 }

/** A policy that a token may have, as its issuer and as a holder may state it. */
const issued = narrowingInput.map(({ egress, ...policy }): NarrowingInput => policy)
const added = issued.map(({ budget, ...policy }): NarrowingInput => {
  if (!budget) return policy
  const { alertsAt, ...rest } = budget
  return { ...policy, budget: rest }
})
const stated = (policy: NarrowingInput, by: 'issuer' | 'holder' = 'issuer') => tokenPolicy(policy, by, 'UTC')

const link = (claims: object) => encode(JSON.stringify({ jti: newId(), ...claims }))
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** Another text for the same bytes, unless their number is a multiple of 3: the last bits then stand for nothing. */
const sameBytes = (text: string) => text.slice(0, -1) + ALPHABET[ALPHABET.indexOf(text.slice(-1)) ^ 1]
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
const headerOf = (token: string) => Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()

/** A token with some links, each with a cap of its own. */
async function chain(links: number): Promise<string> {
  let { token } = await issue({ budget: { perDay: usd(1) } })
  for (let i = 1; i <= links; i++) {
    token = await narrowToken(token, { budget: { perDay: usd(1 - i / 10) } }, { clock, subject: `holder-${i}` })
  }
  return token
}

describe('a token', () => {
  it('allows what all its links allow together, whatever their policies are', async () => {
    const any = fc.asyncProperty(issued, fc.array(added, { maxLength: 4 }), async (first, others) => {
      const root = stated(first)
      let { token } = await issue(root.input)
      const policies = [root.policy]
      for (const policy of others) {
        const { policy: next } = stated(policy, 'holder')
        const before = policies.reduce(narrow)
        const narrowed = narrowToken(token, policy, { clock })
        if (widenedField(before, next) !== undefined) {
          await expect(narrowed).rejects.toMatchObject({ code: 'TOKEN_WIDENED' })
          continue
        }
        token = await narrowed
        policies.push(next)
      }
      const { links } = await verify(token)
      const read = links.map(({ policy }) => policy).reduce(narrow)
      expect({ ...read, budget: { ...read.budget } }).toEqual(policies.reduce(narrow))
    })
    await fc.assert(any, runs)
  })

  it('is a JWS that any library verifies, as long as it is not narrowed', async () => {
    const { token, id, expiresAt } = await issue({ budget: { perDay: usd(0.1) } }, { subject: 'ci-4711' })
    expect(expiresAt).toBe(NOON + 900_000)
    const { payload, protectedHeader } = await compactVerify(token, new TextEncoder().encode(KEY))
    expect(protectedHeader).toMatchObject({ alg: 'HS256', typ: 'sg+jwt' })
    const exp = (NOON + 900_000) / 1000
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({
      ...{ aud: GUARD, jti: id, sub: 'ci-4711', nbf: NOON / 1000, exp },
      pol: { budget: { perDay: usd(0.1) } },
    })
  })

  it('is short: up to 450 characters, and up to 120 more a narrowing', async () => {
    const origins = ['https://staging.example.com', 'https://*.qa.example.com']
    const { token } = await issue({ origins, budget: { perDay: usd(0.1), perMinute: 20 } }, { subject: 'ci-4711' })
    expect(token.length).toBeLessThanOrEqual(450)
    const narrower = await narrowToken(token, { budget: { perDay: usd(0.01) } }, { clock, subject: 'sign-in' })
    expect(narrower.length - token.length).toBeLessThanOrEqual(120)
  })

  it('has at most 8 links, however they were added', async () => {
    const longest = await chain(7)
    expect((await verify(longest)).links).toHaveLength(8)
    await expect(narrowToken(longest, {}, { clock })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(await codeOf(append(longest, link({ pol: {} })))).toBe('TOKEN_INVALID')
  })

  it('has at most 4,096 characters, however it was made', async () => {
    const { token } = await issue()
    const origins = Array.from({ length: 150 }, (_, i) => `https://host-${i}.example.com`)
    await expect(narrowToken(token, { origins }, { clock })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(await codeOf(append(token, link({ pol: { origins } })))).toBe('TOKEN_INVALID')
  })

  it('may have exactly 4,096 characters', async () => {
    const { token } = await issue()
    const [header = '', payload = '', ...rest] = token.split('.')
    const exact = [header, payload, 'A'.repeat(MAX_TOKEN_LENGTH - token.length - 1), ...rest].join('.')
    expect(splitToken(exact).added).toHaveLength(1)
    expect(() => checkLength(exact)).not.toThrow()
    const longer = exact.replace('.AAA', '.AAAA')
    expect(longer).toHaveLength(MAX_TOKEN_LENGTH + 1)
    expect(() => splitToken(longer)).toThrow(expect.objectContaining({ code: 'TOKEN_INVALID' }))
    expect(() => checkLength(longer)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  it('is described without a key: its guard, its links, and when the first of them expires', async () => {
    const { token, id } = await issue({}, { subject: 'team-a' })
    const narrower = await narrowToken(token, {}, { clock, ttl: '5m', subject: 'ci-4711' })
    expect(describeToken(narrower)).toEqual({
      guard: GUARD,
      expiresAt: new Date(NOON + 300_000),
      links: [
        { id, subject: 'team-a' },
        { id: expect.stringMatching(/^[\w-]{16}$/), subject: 'ci-4711' },
      ],
    })
  })
})

describe('a narrower token', () => {
  it('never lives longer than the one before', async () => {
    const { token } = await issue()
    const longer = await narrowToken(token, {}, { clock, ttl: '1h' })
    expect((await verify(longer)).expiresAt).toBe(NOON + 900_000)
    const shorter = await narrowToken(token, {}, { clock, ttl: '1m' })
    expect((await verify(shorter)).expiresAt).toBe(NOON + 60_000)
    expect(await codeOf(shorter, { now: NOON + 60_000 })).toBe('TOKEN_EXPIRED')
    expect((await verify(await narrowToken(shorter, {}, { clock, ttl: '5m' }))).expiresAt).toBe(NOON + 60_000)
    // A link states an expiry only where it ends the token earlier.
    const states = (narrower: string) => 'exp' in claimsOf(narrower.split('.').slice(1).join('.'))
    expect([longer, await narrowToken(token, {}, { clock, ttl: '15m' }), shorter].map(states)).toEqual([
      false,
      false,
      true,
    ])
    expect((await verify(await narrowToken(token, {}, { clock, ttl: '1s' }))).expiresAt).toBe(NOON + 1_000)
  })

  it('states the time zone of each calendar day, and changes nothing else of its policy', () => {
    const amount = usd(0.1)
    const day = { amount, resets: 'calendar' } as const
    const inBerlin = { ...day, timeZone: 'Europe/Berlin' }
    const input = (policy: NarrowingInput) => tokenPolicy(policy, 'holder', 'Europe/Berlin').input
    expect(input({ budget: { perDay: day, perMinute: 3 } })).toEqual({ budget: { perDay: inBerlin, perMinute: 3 } })
    expect(input({ budget: { perDay: amount, perOrigin: day } })).toEqual({
      budget: { perDay: amount, perOrigin: inBerlin },
    })
    const unset = { ...day, timeZone: undefined }
    expect(input({ budget: { perDay: unset, perOrigin: unset } })).toEqual({
      budget: { perDay: inBerlin, perOrigin: inBerlin },
    })
    const own = { ...day, timeZone: 'UTC' }
    expect(input({ budget: { perDay: own } })).toEqual({ budget: { perDay: own } })
    const windows = [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }] as const
    const schedule = { timeZone: 'Asia/Tokyo', windows: [...windows] }
    expect(input({ schedule, budget: { perDay: day } }).budget?.perDay).toEqual({ ...day, timeZone: 'Asia/Tokyo' })
    for (const same of [{ attempts: 1 }, { budget: { perDay: amount } }]) expect(input(same)).toBe(same)
  })

  it('is applied as it was issued, whatever time zones its policy states or leaves out', () => {
    const amount = fc.constantFrom(usd(1), usd(2))
    const timeZone = fc.constantFrom('Asia/Tokyo', 'UTC', undefined)
    const day = fc.record(
      { amount, resets: fc.constant('calendar' as const), timeZone },
      { requiredKeys: ['amount', 'resets'] },
    )
    const daily = fc.option(fc.oneof(amount, day), { nil: undefined })
    fc.assert(
      fc.property(narrowingInput, daily, daily, ({ egress: _, ...other }, perDay, perOrigin) => {
        const policy = { ...other, budget: { ...other.budget, perDay, perOrigin } }
        const stated = tokenPolicy(policy, 'issuer', 'Europe/Berlin')
        // As `readClaims` reads it.
        expect(parseNarrowing(JSON.parse(JSON.stringify(stated.input)), 'UTC')).toEqual(stated.policy)
      }),
    )
  })

  it('is not made of a token that has expired, of no token, or with a wrong policy', async () => {
    const { token } = await issue()
    const later = manualClock(NOON + 900_000)
    await expect(narrowToken(token, {}, { clock: later })).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
    await expect(narrowToken('token', {}, { clock })).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    for (const policy of [
      { perDay: 1 },
      { egress: { proxy: 'http://evil.example:3128' } },
      { budget: { alertsAt: [0.1] } },
    ]) {
      await expect(narrowToken(token, policy as NarrowingInput, { clock })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      })
    }
    for (const options of [{ ttl: '0s' }, { subject: 'a\u202eb' }, { until: 1 }, { clock: null }, { clock: {} }]) {
      await expect(narrowToken(token, {}, { clock, ...options } as object)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('narrowToken'),
      })
    }
  })

  it('takes what it states from no getter twice, and from no prototype', async () => {
    const { token } = await issue()
    let reads = 0
    const budget = Object.defineProperty({}, 'perMinute', { enumerable: true, get: () => (reads++ === 0 ? 1 : 100) })
    const narrower = await narrowToken(token, { budget }, { clock })
    const { links } = await verify(narrower)
    expect([1, 100]).toContain(links[1]?.policy.budget.perMinute)
    const inherited = Object.create({ egress: { proxy: 'http://evil.example:3128' } })
    const { links: others } = await verify(await narrowToken(token, inherited, { clock }).catch(() => token))
    expect(others.at(-1)?.policy.egress.proxies).toEqual([])
  })

  it('does not contain the signature that it was made with', async () => {
    const { token } = await issue()
    const narrower = await narrowToken(token, {}, { clock })
    expect(narrower).not.toContain(token.split('.')[2])
    expect(narrower.startsWith(token.slice(0, token.lastIndexOf('.')))).toBe(true)
  })
})

describe('refused is a token', () => {
  it('that was altered: any character, anywhere', async () => {
    const token = await chain(2)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ %\n\u0000'
    const any = fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...alphabet), async (at, char) => {
      fc.pre(token[at] !== char)
      expect(REFUSED).toContain(await codeOf(token.slice(0, at) + char + token.slice(at + 1)))
    })
    await fc.assert(any, { numRuns: 500 })
  })

  it('of which anything was cut off, inserted or repeated', async () => {
    const token = await chain(2)
    const any = fc.asyncProperty(
      fc.nat(token.length),
      fc.nat(token.length),
      fc.constantFrom('cut', 'repeat', 'insert'),
      async (a, b, what) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const middle = what === 'cut' ? '' : what === 'insert' ? 'A' : token.slice(from, to).repeat(2)
        const altered = token.slice(0, from) + middle + token.slice(what === 'insert' ? from : to)
        fc.pre(altered !== token)
        expect(REFUSED).toContain(await codeOf(altered))
      },
    )
    await fc.assert(any, { numRuns: 500 })
  })

  it('whose links were cut off, reordered, repeated, left out, or taken from another', async () => {
    const tokens = await Promise.all([chain(3), chain(3)])
    const pieces = tokens.map((token) => token.split('.'))
    const whole = new Set(tokens)
    const any = fc.asyncProperty(
      fc.nat(1),
      fc.array(fc.tuple(fc.nat(1), fc.integer({ min: 2, max: 5 })), { minLength: 1, maxLength: 6 }),
      fc.nat(1),
      async (root, links, end) => {
        const [header = '', payload = ''] = pieces[root] ?? []
        const chosen = links.map(([of, at]) => pieces[of]?.[at] ?? '')
        const made = [header, payload, ...chosen, pieces[end]?.at(-1)].join('.')
        fc.pre(!whole.has(made))
        expect(['TOKEN_ALTERED', 'TOKEN_INVALID']).toContain(await codeOf(made))
      },
    )
    await fc.assert(any, runs)
    // The parent cannot be got back: neither with the child's tag nor with any that follows from it.
    const [header, payload, first, , , tag = ''] = pieces[0] ?? []
    for (const parts of [[], [first]]) {
      expect(await codeOf([header, payload, ...parts, tag].join('.'))).toBe('TOKEN_ALTERED')
    }
  })

  it('whose link states more than those before it, in any field; and no other', async () => {
    const any = fc.asyncProperty(issued, added, async (first, second) => {
      const above = stated(first)
      const below = stated(second, 'holder')
      const { token } = await issue(above.input)
      const forged = append(token, link({ pol: below.input }))
      const field = widenedField(above.policy, below.policy)
      expect(await codeOf(forged)).toBe(field === undefined ? undefined : 'TOKEN_WIDENED')
    })
    await fc.assert(any, runs)
  })

  it.each<[string, NarrowingInput, NarrowingInput]>([
    ['an amount', { budget: { perDay: usd(1) } }, { budget: { perDay: usd(2) } }],
    [
      "a calendar's amount",
      { budget: { perDay: { amount: usd(1), resets: 'calendar', timeZone: 'UTC' } } },
      { budget: { perDay: { amount: usd(2), resets: 'calendar', timeZone: 'UTC' } } },
    ],
    ['an origin', { origins: ['https://*.a.example.com'] }, { origins: ['https://b.example.com'] }],
    ['a wider origin', { origins: ['https://x.a.example.com'] }, { origins: ['https://*.a.example.com'] }],
    ['a rate', { budget: { perMinute: 1 } }, { budget: { perMinute: 2 } }],
    ['slots', { budget: { concurrent: 1 } }, { budget: { concurrent: 2 } }],
    ['a price', { budget: { perSolve: usd(0.01) } }, { budget: { perSolve: usd(1) } }],
    ['a wait', { budget: { wait: '1s' } }, { budget: { wait: '2s' } }],
    ['attempts', { attempts: 1 }, { attempts: 2 }],
    ['a deadline', { deadline: '1m' }, { deadline: '2m' }],
    ['test keys', { testKeys: 'answer' }, { testKeys: 'solve' }],
    ['reCAPTCHA v3', { recaptchaV3: 'leave' }, { recaptchaV3: 'solve' }],
    ['a shorter grace', { grace: '3s' }, { grace: '0s' }],
  ])('that widens %s', async (_, first, second) => {
    const { token } = await issue(first)
    await expect(narrowToken(token, second, { clock })).rejects.toMatchObject({
      code: 'TOKEN_WIDENED',
      details: { field: expect.stringMatching(/^policy\.\w/) },
    })
    expect(await codeOf(append(token, link({ pol: second })))).toBe('TOKEN_WIDENED')
    // Also two links away.
    const between = await narrowToken(token, {}, { clock })
    expect(await codeOf(append(between, link({ pol: second })))).toBe('TOKEN_WIDENED')
  })

  it('whose link states another dialect than one before it; where none is stated, any', async () => {
    const { token } = await issue()
    const first = await narrowToken(token, {}, { clock, wire: 'capsolver' })
    const between = await narrowToken(first, {}, { clock })
    for (const narrower of [first, between]) {
      await expect(narrowToken(narrower, {}, { clock, wire: 'captchaai' })).rejects.toMatchObject({
        code: 'TOKEN_WIDENED',
        details: { field: 'wire' },
      })
      expect(await codeOf(append(narrower, link({ wire: 'captchaai', pol: {} })))).toBe('TOKEN_WIDENED')
      expect(await codeOf(append(narrower, link({ wire: 'capsolver', pol: {} })))).toBeUndefined()
    }
    expect(describeToken(between).wire).toBe('capsolver')
    expect(describeToken(token).wire).toBeUndefined()
    for (const wire of ['', 'rucaptcha', 'CapSolver', 1, null, '__proto__']) {
      expect(await codeOf(append(token, link({ wire, pol: {} })))).toBe('TOKEN_INVALID')
      const options: object = { clock, wire }
      await expect(narrowToken(token, {}, options)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })

  it('whose link would live longer', async () => {
    const { token } = await issue()
    const exp = (NOON + 900_000) / 1000
    expect(await codeOf(append(token, link({ exp: exp + 1, pol: {} })))).toBe('TOKEN_WIDENED')
    expect(await codeOf(append(token, link({ exp, pol: {} })))).toBeUndefined()
    const short = append(token, link({ exp: exp - 600, pol: {} }))
    expect(await codeOf(append(short, link({ exp: exp - 599, pol: {} })))).toBe('TOKEN_WIDENED')
    expect(await codeOf(append(short, link({ pol: {} })), { now: NOON + 300_000 })).toBe('TOKEN_EXPIRED')
  })

  it('whose link sets what only the guard or the issuer may set', async () => {
    const { token } = await issue()
    for (const pol of [
      { egress: {} },
      { egress: { proxy: 'http://evil.example:3128' } },
      { egress: { expectIp: ['10.0.0.1'], ipCheckUrl: 'https://10.0.0.1/' } },
      { budget: { alertsAt: [0.1] } },
      { budget: { perDay: -1 } },
      { unknown: 1 },
    ]) {
      expect(await codeOf(append(token, link({ pol }))), JSON.stringify(pol)).toBe('TOKEN_INVALID')
      const between = append(token, link({ pol: {} }))
      expect(await codeOf(append(between, link({ pol }))), JSON.stringify(pol)).toBe('TOKEN_INVALID')
    }
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a key twice', '{"jti":"AAAAAAAAAAAAAAAA","pol":{"budget":{"perDay":100}},"pol":{}}'],
    ['a key twice, deeper', '{"jti":"AAAAAAAAAAAAAAAA","pol":{"budget":{"perDay":100,"perDay":1000000}}}'],
    ['an escaped key', '{"jti":"AAAAAAAAAAAAAAAA","\\u0070ol":{}}'],
    ['white space', '{"jti":"AAAAAAAAAAAAAAAA", "pol":{}}'],
    ['a number in another form', '{"jti":"AAAAAAAAAAAAAAAA","pol":{"attempts":1.0}}'],
    ['an exponent', '{"jti":"AAAAAAAAAAAAAAAA","pol":{"attempts":1e0}}'],
    ['a prototype', '{"jti":"AAAAAAAAAAAAAAAA","pol":{"__proto__":{"egress":{"proxy":"http://evil.example:3128"}}}}'],
    ['a prototype of its own', '{"jti":"AAAAAAAAAAAAAAAA","pol":{},"__proto__":{}}'],
    ['a constructor', '{"jti":"AAAAAAAAAAAAAAAA","pol":{"constructor":{}}}'],
    ['no id', '{"pol":{}}'],
    ['another id', '{"jti":"../../guard","pol":{}}'],
    ['a longer id', '{"jti":"AAAAAAAAAAAAAAAAA","pol":{}}'],
    ['more before an id', '{"jti":"../AAAAAAAAAAAAAAAA","pol":{}}'],
    ['more after an id', '{"jti":"AAAAAAAAAAAAAAAA/..","pol":{}}'],
    ['an id that is a number', '{"jti":1,"pol":{}}'],
    ['no policy', '{"jti":"AAAAAAAAAAAAAAAA"}'],
    ['a policy that is text', '{"jti":"AAAAAAAAAAAAAAAA","pol":"{}"}'],
    ['another claim', '{"jti":"AAAAAAAAAAAAAAAA","aud":"tests","pol":{}}'],
    ['a later start', '{"jti":"AAAAAAAAAAAAAAAA","nbf":0,"pol":{}}'],
    ['an expiry that is text', '{"jti":"AAAAAAAAAAAAAAAA","exp":"1","pol":{}}'],
    ['an expiry that is a fraction', '{"jti":"AAAAAAAAAAAAAAAA","exp":1.5,"pol":{}}'],
    ['an expiry that is null', '{"jti":"AAAAAAAAAAAAAAAA","exp":null,"pol":{}}'],
    ['an expiry before 1970', '{"jti":"AAAAAAAAAAAAAAAA","exp":-1,"pol":{}}'],
    ['a subject that is a list', '{"jti":"AAAAAAAAAAAAAAAA","sub":["a"],"pol":{}}'],
    ['a subject with a line break', '{"jti":"AAAAAAAAAAAAAAAA","sub":"a\\nb","pol":{}}'],
    ['a byte order mark', '\ufeff{"jti":"AAAAAAAAAAAAAAAA","pol":{}}'],
    ['depth', `{"jti":"AAAAAAAAAAAAAAAA","pol":${'['.repeat(1200)}${']'.repeat(1200)}}`],
  ])('whose link has %s', async (_, text) => {
    const { token } = await issue()
    const forged = append(token, encode(text))
    expect(await codeOf(forged)).toBe('TOKEN_INVALID')
    await expect(narrowToken(forged, {}, { clock })).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })

  it('whose link is not the one text of its bytes', async () => {
    const { token } = await issue()
    const part = link({ pol: {} })
    const bytes = Buffer.from(part, 'base64url')
    const notUtf8 = Buffer.concat([bytes.subarray(0, 9), Buffer.from([0xff]), bytes.subarray(10)]).toString('base64url')
    for (const other of [`${part}=`, `${part}A`, part.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')), notUtf8]) {
      if (other === part) continue
      expect(await codeOf(append(token, other)), other.slice(-5)).toBe('TOKEN_INVALID')
    }
    // Other last characters for the same bytes, in a link and at the end; and a subject that is no UTF-8.
    expect(Buffer.from(sameBytes(part), 'base64url')).toEqual(bytes)
    expect(await codeOf(append(token, sameBytes(part)))).toBe('TOKEN_INVALID')
    const end = token.split('.').at(-1) ?? ''
    expect(Buffer.from(sameBytes(end), 'base64url')).toEqual(Buffer.from(end, 'base64url'))
    expect(await codeOf(token.slice(0, -end.length) + sameBytes(end))).toBe('TOKEN_INVALID')
    const subject = Buffer.from(link({ sub: 'Zo\u00e9', pol: {} }), 'base64url')
    subject[subject.indexOf(0xc3)] = 0x80
    expect(await codeOf(append(token, subject.toString('base64url')))).toBe('TOKEN_INVALID')
  })

  it('that has one link twice, under one id', async () => {
    const { token, id } = await issue()
    expect(await codeOf(append(token, encode(JSON.stringify({ jti: id, pol: {} }))))).toBe('TOKEN_INVALID')
  })

  it.each([
    ['no algorithm', '{"alg":"none","kid":"KID","typ":"sg+jwt"}'],
    ['a longer hash', '{"alg":"HS512","kid":"KID","typ":"sg+jwt"}'],
    ['a public key', '{"alg":"RS256","kid":"KID","typ":"sg+jwt"}'],
    ['small letters', '{"alg":"hs256","kid":"KID","typ":"sg+jwt"}'],
    ['critical extensions', '{"alg":"HS256","crit":["exp"],"exp":1,"kid":"KID","typ":"sg+jwt"}'],
    ['an unencoded payload', '{"alg":"HS256","b64":false,"crit":["b64"],"kid":"KID","typ":"sg+jwt"}'],
    ['a key of its own', '{"alg":"HS256","jwk":{"kty":"oct","k":"AA"},"kid":"KID","typ":"sg+jwt"}'],
    ['a field twice', '{"alg":"none","alg":"HS256","kid":"KID","typ":"sg+jwt"}'],
    ['another order', '{"kid":"KID","alg":"HS256","typ":"sg+jwt"}'],
    ['white space', '{ "alg":"HS256","kid":"KID","typ":"sg+jwt"}'],
    ['another type', '{"alg":"HS256","kid":"KID","typ":"JWT"}'],
    ['no type', '{"alg":"HS256","kid":"KID"}'],
    ['more before it', ' {"alg":"HS256","kid":"KID","typ":"sg+jwt"}'],
    ['more after it', '{"alg":"HS256","kid":"KID","typ":"sg+jwt"} '],
    ['no kid', '{"alg":"HS256","typ":"sg+jwt"}'],
    ['a kid that is a path', '{"alg":"HS256","kid":"../../dev/null","typ":"sg+jwt"}'],
    ['a kid that is a prototype', '{"alg":"HS256","kid":"__proto__","typ":"sg+jwt"}'],
  ])('whose header has %s, even if it is rightly signed', async (_, header) => {
    const { token } = await issue()
    const kid = /"kid":"(\w+)"/.exec(headerOf(token))?.[1] ?? ''
    const payload = JSON.stringify(claimsOf(token))
    expect(await codeOf(sign(HEADER.replace('KID', kid), payload))).toBeUndefined()
    expect(await codeOf(sign(header.replace('KID', kid), payload))).toBe('TOKEN_INVALID')
  })

  it('that another key of the store has signed under this name', async () => {
    const { token } = await issue()
    const next = 'fedcba9876543210'.repeat(4)
    const forged = sign(headerOf(token), JSON.stringify(claimsOf(token)), next)
    expect(await codeOf(forged, { by: keysOf(next, KEY) })).toBe('TOKEN_ALTERED')
    expect(await codeOf(token, { by: keysOf(next, KEY) })).toBeUndefined()
    expect(await codeOf(token, { by: keysOf(next) })).toBe('TOKEN_KEY_UNKNOWN')
  })

  it('of another program that signs with the same key', async () => {
    const { token } = await issue()
    const kid = /"kid":"(\w+)"/.exec(headerOf(token))?.[1] ?? ''
    const jwt = await new SignJWT(claimsOf(token))
      .setProtectedHeader({ alg: 'HS256', kid })
      .sign(new TextEncoder().encode(KEY))
    expect(await codeOf(jwt)).toBe('TOKEN_INVALID')
  })

  it.each([
    ['no audience', { aud: undefined }],
    ['several audiences', { aud: [GUARD, 'others'] }],
    ['an expiry that is text', { exp: '9999999999' }],
    ['an expiry that is a fraction', { exp: 9999999999.5 }],
    ['an expiry that is not a number', { exp: Number.NaN }],
    ['no expiry', { exp: undefined }],
    ['an expiry after the year 9999', { exp: 1e15 }],
    ['a start that is text', { nbf: '0' }],
    ['no start', { nbf: undefined }],
    ['another claim', { admin: true }],
  ])('that has %s, even if it is rightly signed', async (_, claims) => {
    const { token } = await issue()
    const forged = sign(headerOf(token), JSON.stringify({ ...claimsOf(token), ...claims }))
    expect(await codeOf(forged)).toBe('TOKEN_INVALID')
  })

  it('of another guard, not yet valid, or expired: each with its own code, and none before the signature', async () => {
    const { token } = await issue()
    expect(await codeOf(token, { guard: 'others' })).toBe('TOKEN_AUDIENCE')
    expect(await codeOf(token, { now: NOON - 60_001 })).toBe('TOKEN_NOT_YET_VALID')
    await expect(verify(token, { now: NOON - 60_001 })).rejects.toMatchObject({ retryAt: new Date(NOON) })
    expect(await codeOf(token, { now: NOON - 60_000 })).toBeUndefined()
    expect(await codeOf(token, { now: NOON + 900_000 - 1 })).toBeUndefined()
    expect(await codeOf(token, { now: NOON + 900_000 })).toBe('TOKEN_EXPIRED')
    const altered = sign(headerOf(token), JSON.stringify({ ...claimsOf(token), aud: 'others', exp: 1 }), 'x'.repeat(32))
    expect(await codeOf(altered)).toBe('TOKEN_ALTERED')
  })

  it('in an error that has no part of it', async () => {
    const token = await chain(2)
    const parts = token.split('.')
    const texts = [token.slice(1), token.slice(0, -1), `${token}A`, [...parts].reverse().join('.')]
    texts.push([parts[0], parts[1], parts[3], parts[2], parts[4]].join('.'))
    for (const text of texts) {
      const error = await verify(text).then(
        () => undefined,
        (caught: Error) => caught,
      )
      const shown = `${error?.message} ${error?.stack} ${JSON.stringify(error)}`
      for (const part of text.split('.').slice(1)) if (part.length > 8) expect(shown).not.toContain(part)
    }
  })
})
