import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SolveguardError } from '../../src/base/errors.js'
import { usd } from '../../src/policy/money.js'
import {
  check,
  DEFAULTS,
  type NarrowingInput,
  type PolicyInput,
  parseNarrowing,
  parsePolicy,
  zoneOf,
} from '../../src/policy/schema.js'
import { duration } from '../../src/policy/shapes.js'
import { narrowingInput, policy } from './arbitraries.js'

const ORIGINS = ['https://staging.example.com']
const WINDOW = { days: 'Mon-Fri', from: '09:00', to: '17:00' }

/** The message for an invalid policy. */
function complaint(wrong: unknown, parse: (input: never) => unknown = parsePolicy): string {
  try {
    parse(wrong as never)
  } catch (error) {
    expect(error).toBeInstanceOf(SolveguardError)
    expect((error as SolveguardError).code).toBe('CONFIG_INVALID')
    return (error as Error).message
  }
  throw new Error('nothing was wrong with it')
}

/** A valid policy with some fields replaced. */
const but = (wrong: object) => ({ origins: ORIGINS, ...wrong })
const schedule = (wrong: object) => but({ schedule: { timeZone: 'Europe/Berlin', windows: [WINDOW], ...wrong } })
const window = (wrong: object) => schedule({ windows: [WINDOW, { ...WINDOW, ...wrong }] })
const except = (wrong: unknown) => schedule({ except: wrong })

describe('an invalid policy', () => {
  it.each<[string, unknown, RegExp]>([
    ['policy', undefined, /expected an object with/],
    ['policy', 'https://staging.example.com', /expected an object with/],
    ['policy', [], /expected an object with/],
    ['policy.origins', {}, /expected a list of origins/],
    ['policy.origins', { origins: 'https://staging.example.com' }, /expected a list of origins/],
    ['policy.origins', { origins: [] }, /at least one origin/],
    ['policy.origins[1]', { origins: [...ORIGINS, '*'] }, /expected an origin such as/],
    ['policy.origins[0]', { origins: ['https://*.com'] }, /sites of other owners/],
    ['policy.origins[0]', { origins: [7] }, /expected an origin such as/],
    ['policy.colour', but({ colour: 'red' }), /no such field/],
    ['policy.budget', but({ budget: 5 }), /expected an object with/],
    ['policy.budget.perHour', but({ budget: { perHour: usd(1) } }), /no such field, only perDay, perMinute,/],
    ['policy.budget.perDay', but({ budget: { perDay: -1 } }), /cannot be negative$/],
    ['policy.budget.perDay', but({ budget: { perDay: 5 } }), /write usd\(5\)/],
    ['policy.budget.perDay', but({ budget: { perDay: '5' } }), /such as usd\(5\)/],
    ['policy.budget.perDay', but({ budget: { perDay: 1000.5 } }), /such as usd\(5\)/],
    ['policy.budget.perDay', but({ budget: { perDay: Number.NaN } }), /such as usd\(5\)/],
    ['policy.budget.perDay', but({ budget: { perDay: Number.POSITIVE_INFINITY } }), /such as usd\(5\)/],
    ['policy.budget.perDay.amount', but({ budget: { perDay: { amount: 5, resets: 'calendar' } } }), /write usd\(5\)/],
    ['policy.budget.perDay.resets', but({ budget: { perDay: { amount: usd(5) } } }), /expected 'calendar'/],
    [
      'policy.budget.perOrigin.timeZone',
      but({ budget: { perOrigin: { amount: usd(5), resets: 'calendar', timeZone: 'Mars' } } }),
      /such as 'Europe\/Berlin'/,
    ],
    [
      'policy.budget.perDay.timezone',
      but({ budget: { perDay: { amount: usd(5), resets: 'calendar', timezone: 'UTC' } } }),
      /no such field/,
    ],
    ['policy.budget.perSolve', but({ budget: { perSolve: 2e12 } }), /at most usd\(1000000\)/],
    ['policy.budget.perOrigin', but({ budget: { perOrigin: null } }), /such as usd\(5\)/],
    ['policy.budget.perPage', but({ budget: { perPage: 0 } }), /from 1 to/],
    ['policy.budget.perMinute', but({ budget: { perMinute: 0 } }), /from 1 to/],
    ['policy.budget.perMinute', but({ budget: { perMinute: 1.5 } }), /whole number/],
    ['policy.budget.concurrent', but({ budget: { concurrent: '10' } }), /whole number/],
    ['policy.budget.alertsAt[1]', but({ budget: { alertsAt: [0.5, 80] } }), /up to 1/],
    ['policy.budget.alertsAt', but({ budget: { alertsAt: 0.8 } }), /such as \[0.5, 0.8\]/],
    ['policy.budget.alertsAt[0]', but({ budget: { alertsAt: ['80%'] } }), /such as \[0.5, 0.8\]/],
    ['policy.budget.alertsAt[0]', but({ budget: { alertsAt: [0] } }), /above 0/],
    ['policy.budget.wait', but({ budget: { wait: 30 } }), /expected a duration such as/],
    ['policy.budget.wait', but({ budget: { wait: '30 seconds' } }), /duration is a number and one of/],
    ['policy.schedule.timeZone', schedule({ timeZone: 'Berlin' }), /expected a time zone such as/],
    ['policy.schedule.timeZone', schedule({ timeZone: undefined }), /expected a time zone such as/],
    ['policy.schedule.windows[1].days', window({ days: ['Mon'] }), /expected weekdays such as/],
    ['policy.schedule', but({ schedule: 'Mon-Fri' }), /expected an object with timeZone, windows, except$/],
    ['policy.schedule.except.24.12.', except({ '24.12.': 'closed' }), /expected a date such as/],
    ['policy.schedule.windows', schedule({ windows: [] }), /expected a list of windows such as/],
    ['policy.schedule.windows', schedule({ windows: undefined }), /expected a list of windows such as/],
    ['policy.schedule.windows[1].days', window({ days: 'weekdays' }), /expected weekdays such as/],
    ['policy.schedule.windows[1].from', window({ from: '9:00' }), /expected a time such as/],
    ['policy.schedule.windows[1].to', window({ to: '25:00' }), /expected a time such as/],
    ['policy.schedule.windows[1]', window({ to: '09:00' }), /empty/],
    ['policy.schedule.windows[1]', window({ from: '24:00' }), /empty/],
    ['policy.schedule.windows[1].until', window({ until: '17:00' }), /no such field/],
    ['policy.schedule.except.2026-13-45', except({ '2026-13-45': 'closed' }), /expected a date such as/],
    ['policy.schedule.except.2026-12-24T00:00', except({ '2026-12-24T00:00': 'closed' }), /expected a date such as/],
    ['policy.schedule.except', except(7), /expected a record/],
    ['policy.pageProxy', but({ pageProxy: 'https://203.0.113.9:3128' }), /write http:\/\/ instead/],
    ['policy.pageProxy', but({ pageProxy: 7 }), /expected a text/],
    ['policy.schedule.except.24 December', except({ '24 December': 'closed' }), /expected a date such as/],
    ['policy.schedule.except.2026-02-30', except({ '2026-02-30': 'closed' }), /expected a date such as/],
    ['policy.schedule.except.2026-12-24', except({ '2026-12-24': 'open' }), /expected 'closed' or a list of hours/],
    ['policy.schedule.except.2026-12-24[0]', except({ '2026-12-24': ['09:00'] }), /expected an object with/],
    ['policy.schedule.except.2026-12-24[0].to', except({ '2026-12-24': [{ from: '09:00', to: 12 }] }), /time such as/],
    ['policy.schedule.except', except(dates(1001)), /at most 1000 dates/],
    ['policy.key.rotateEvery', but({ key: { rotateEvery: '60' } }), /duration/],
    ['policy.key.expireAfter', but({ key: { expireAfter: '99y' } }), /duration/],
    ['policy.egress.proxy', but({ egress: { proxy: 'socks4://egress.internal' } }), /expected a proxy such as/],
    ['policy.egress', but({ egress: { expectIp: ['203.0.113.7'] } }), /expectIp and ipCheckUrl go together/],
    [
      'policy.egress.expectIp[0]',
      but({ egress: { expectIp: ['203.0.113.7/33'], ipCheckUrl: 'https://a.example/' } }),
      /expected addresses/,
    ],
    [
      'policy.egress.ipCheckUrl',
      but({ egress: { expectIp: ['203.0.113.7'], ipCheckUrl: 'http://a.example/' } }),
      /expected an https: address/,
    ],
    ['policy.egress.proxy', but({ egress: { proxy: 'egress.internal:3128' } }), /expected a proxy such as/],
    ['policy.egress.proxy', but({ egress: { proxy: 'http://egress.internal/path' } }), /expected a proxy such as/],
    ['policy.egress.localAddress', but({ egress: { localAddress: 'eth0' } }), /expected an IP address/],
    ['policy.attempts', but({ attempts: 0 }), /from 1 to/],
    ['policy.attempts', but({ attempts: 11 }), /from 1 to 10/],
    ['policy.deadline', but({ deadline: '500ms' }), /1s to 60m/],
    ['policy.deadline', but({ deadline: '2h' }), /1s to 60m/],
    ['policy.grace', but({ grace: '2m' }), /at most 60s/],
    ['policy.recaptchaV3', but({ recaptchaV3: 'always' }), /expected 'leave' or 'solve'$/],
    ['policy.testKeys', but({ testKeys: true }), /expected 'answer' or 'solve'$/],
    ['policy.renewals', but({ renewals: -1 }), /from 0 to 100/],
    ['policy.renewals', but({ renewals: true }), /from 0 to 100/],
  ])('is rejected with %s and what was expected there', (field, wrong, expected) => {
    const message = complaint(wrong)
    expect(message).toContain(`${field}: `)
    expect(message).toMatch(expected)
  })

  it('is rejected with one sentence for each wrong field', () => {
    const zone = "policy.schedule.timeZone: expected a time zone such as 'Europe/Berlin'"
    for (const timeZone of [7, undefined, 'Mars']) expect(complaint(schedule({ timeZone }))).toBe(zone)
    for (const range of [7, '203.0.113.7/33']) {
      const egress = { expectIp: [range], ipCheckUrl: 'https://a.example/' }
      expect(complaint(but({ egress }))).toBe(
        'policy.egress.expectIp[0]: expected addresses or networks such as 203.0.113.7 or 203.0.113.0/24',
      )
    }
  })

  it('is rejected with all wrong fields in one message', () => {
    const message = complaint({ origins: [], budget: { perDay: -1 }, attempts: 99 })
    expect(message).toContain('policy.origins: ')
    expect(message).toContain('policy.budget.perDay: ')
    expect(message).toContain('policy.attempts: ')
  })

  it('is rejected with a bounded message without control characters', () => {
    const message = complaint(but(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`\u001b[2J${i}`, 1]))))
    expect(message.length).toBeLessThan(1000)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the message must not contain them
    expect(message).not.toMatch(/[\u0000-\u001f]/)
  })

  it("is rejected without repeating its proxy's password", () => {
    expect(complaint(but({ egress: { proxy: 'http://me:hunter2@egress.internal/x' } }))).not.toContain('hunter2')
  })

  it('is rejected as a narrowing too, which may omit the origins', () => {
    expect(parseNarrowing({}).origins).toBeUndefined()
    expect(complaint({ origins: [] }, parseNarrowing)).toMatch(/at least one origin/)
    expect(complaint({ colour: 'red' }, parseNarrowing)).toContain('policy.colour: there is no such field')
  })

  it('cannot set properties of prototypes', () => {
    const top = JSON.parse('{ "origins": ["https://a.example"], "__proto__": { "attempts": 5 } }')
    expect(complaint(top)).toContain('policy.__proto__: there is no such field')
    const dates = JSON.parse('{ "__proto__": { "2026-12-24": "closed" } }')
    const [schedule] = parsePolicy(except(dates) as PolicyInput).schedules
    expect(schedule?.except['2026-12-24']).toBeUndefined()
  })
})

describe("a guard's own policy", () => {
  it('has cautious defaults', () => {
    const { budget, ...others } = parsePolicy({ origins: ORIGINS })
    expect(others).toMatchObject({
      origins: ORIGINS,
      attempts: 1,
      deadlineMs: 180_000,
      graceMs: 3_000,
      recaptchaV3: 'leave',
      testKeys: 'answer',
      renewals: 0,
    })
    expect(budget).toMatchObject({ perDay: usd(1), alertsAt: [0.8] })
  })

  it('has the given values', () => {
    const input: PolicyInput = {
      origins: ORIGINS,
      budget: { perDay: usd(5), perMinute: 20, concurrent: 10, alertsAt: [0.9, 0.5, 0.9], wait: '30s' },
      key: { rotateEvery: '60d', expireAfter: '90d' },
      egress: { proxy: 'http://me:word@egress.internal:3128/', localAddress: '10.0.0.1' },
      attempts: 3,
      deadline: '2m',
      recaptchaV3: 'solve',
      testKeys: 'solve',
      renewals: 2,
      grace: '0s',
    }
    expect(parsePolicy(input)).toMatchObject({
      budget: { perDay: 5_000_000, perMinute: 20, concurrent: 10, alertsAt: [0.5, 0.9], waitMs: 30_000 },
      key: { rotateEveryMs: 60 * 86_400_000, expireAfterMs: 90 * 86_400_000 },
      egress: { proxies: ['http://me:word@egress.internal:3128'], localAddresses: ['10.0.0.1'] },
      attempts: 3,
      deadlineMs: 120_000,
      recaptchaV3: 'solve',
      testKeys: 'solve',
      renewals: 2,
      graceMs: 0,
    })
  })

  it('may have calendar days, in their own zone, that of the schedule, or UTC', () => {
    const perDay = { amount: usd(5), resets: 'calendar' } as const
    const schedule = { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon', from: '09:00', to: '17:00' }] }
    const zones = (input: Omit<PolicyInput, 'origins'>, zone?: string) => {
      const { budget } = zone ? parseNarrowing(input, zone) : parsePolicy({ origins: ORIGINS, ...input })
      return [budget.perDay, budget.perCalendarDay, budget.perOrigin, budget.perOriginCalendarDay]
    }
    const amount = usd(5)
    expect(zones({ budget: { perDay } })).toEqual([undefined, [{ timeZone: 'UTC', amount }], undefined, undefined])
    expect(zones({ budget: { perOrigin: perDay }, schedule })).toEqual([
      usd(1),
      undefined,
      undefined,
      [{ timeZone: 'Europe/Berlin', amount }],
    ])
    const tokyo = { ...perDay, timeZone: 'Asia/Tokyo' }
    expect(zones({ budget: { perDay: tokyo }, schedule })[1]).toEqual([{ timeZone: 'Asia/Tokyo', amount }])
    expect(zones({ budget: { perDay } }, 'Asia/Kathmandu')[1]).toEqual([{ timeZone: 'Asia/Kathmandu', amount }])
  })

  it('may raise no alerts, and may have a budget of zero', () => {
    const { budget } = parsePolicy({ origins: ORIGINS, budget: { alertsAt: [], perDay: usd(0) } })
    expect(budget).toMatchObject({ alertsAt: [], perDay: 0 })
  })
})

describe('a limit of a policy', () => {
  const repeat = <T>(count: number, value: T) => Array.from({ length: count }, () => value)
  const egress = (more: object) => ({
    egress: { expectIp: ['203.0.113.7'], ipCheckUrl: 'https://a.example/', ...more },
  })
  const origins = (count: number) => Array.from({ length: count }, (_, i) => `https://a${i}.example`)
  const hours = { from: '09:00', to: '10:00' }

  it.each<[string, readonly object[], readonly object[]]>([
    [
      'money',
      [{ budget: { perSolve: 0 } }, { budget: { perSolve: 100 } }, { budget: { perSolve: 1e12 } }],
      [{ budget: { perSolve: 99 } }, { budget: { perSolve: 1 } }, { budget: { perSolve: 1e12 + 1 } }],
    ],
    [
      'the rate',
      [{ budget: { perMinute: 1 } }, { budget: { perMinute: 100_000 } }],
      [{ budget: { perMinute: 0 } }, { budget: { perMinute: 100_001 } }, { budget: { perMinute: '5' } }],
    ],
    ['concurrent', [{ budget: { concurrent: 1 } }], [{ budget: { concurrent: 1.5 } }, { budget: { concurrent: 0 } }]],
    ['perPage', [{ budget: { perPage: 1 } }], [{ budget: { perPage: 0 } }, { budget: { perPage: null } }]],
    [
      'alertsAt',
      [{ budget: { alertsAt: [1] } }, { budget: { alertsAt: repeat(20, 0.5) } }],
      [{ budget: { alertsAt: [1.01] } }, { budget: { alertsAt: repeat(21, 0.5) } }, { budget: { alertsAt: 0.5 } }],
    ],
    ['attempts', [{ attempts: 1 }, { attempts: 10 }], [{ attempts: 1.5 }, { attempts: null }]],
    ['deadline', [{ deadline: '1s' }, { deadline: '60m' }], [{ deadline: '999ms' }, { deadline: '3601s' }]],
    ['grace', [{ grace: '0s' }, { grace: '60s' }], [{ grace: '60001ms' }]],
    ['renewals', [{ renewals: 0 }, { renewals: 100 }], [{ renewals: 101 }, { renewals: 0.5 }]],
    ['origins', [{ origins: origins(1) }, { origins: origins(1_000) }], [{ origins: origins(1_001) }]],
    [
      'windows',
      [schedule({ windows: repeat(100, WINDOW) })],
      [schedule({ windows: repeat(101, WINDOW) }), schedule({ windows: [] })],
    ],
    [
      'the hours of a date',
      [except({ '2026-12-24': repeat(100, hours) }), except(dates(1_000))],
      [except({ '2026-12-24': repeat(101, hours) }), except('closed')],
    ],
    [
      'expectIp',
      [
        egress({}),
        egress({ expectIp: repeat(100, '203.0.113.7') }),
        egress({ expectIp: ['::1', '2001:db8::/32', '1.2.3.0/24'] }),
      ],
      [egress({ expectIp: [] }), egress({ expectIp: repeat(101, '203.0.113.7') }), egress({ expectIp: undefined })],
    ],
  ])('is checked at its edges: %s', (_, accepted, refused) => {
    for (const one of accepted) expect(parsePolicy(but(one) as never)).toBeDefined()
    for (const one of refused) expect(complaint(but(one))).toMatch(/^policy\./)
  })

  it('of hours is on the next day where it does not come after their beginning', () => {
    const parse = (from: string, to: string) =>
      parsePolicy(window({ from, to }) as never).schedules[0]?.windows.find((one) => one.from !== 540)
    expect(parse('22:00', '06:00')).toEqual({ days: [1, 2, 3, 4, 5], from: 1320, to: 1800 })
    expect(parse('08:00', '08:01')).toEqual({ days: [1, 2, 3, 4, 5], from: 480, to: 481 })
    expect(parse('08:00', '00:00')).toEqual({ days: [1, 2, 3, 4, 5], from: 480, to: 1440 })
    expect(parse('00:00', '24:00')).toEqual({ days: [1, 2, 3, 4, 5], from: 0, to: 1440 })
    const own = [
      { from: '22:00', to: '06:00' },
      { from: '08:00', to: '09:00' },
    ]
    expect(parsePolicy(except({ '2026-12-24': own }) as never).schedules[0]?.except).toEqual({
      '2026-12-24': [
        { from: 1320, to: 1800 },
        { from: 480, to: 540 },
      ],
    })
    for (const wrong of [
      { from: '08:00', to: '08:00' },
      { from: '24:00', to: '01:00' },
    ])
      expect(complaint(except({ '2026-12-24': [wrong] }))).toMatch(/except\.2026-12-24\[0\]: a window .* is empty/)
  })
})

describe('an address in a policy', () => {
  const proxy = (text: string) => parsePolicy(but({ egress: { proxy: text } }) as never).egress.proxies
  const check = (ipCheckUrl: unknown) =>
    parsePolicy(but({ egress: { expectIp: ['203.0.113.7'], ipCheckUrl } }) as never).egress.expected[0]?.url

  it('of a proxy has one form', () => {
    expect(proxy('http://Egress.Internal:3128/')).toEqual(['http://egress.internal:3128'])
    expect(proxy('https://a:b@egress.internal')).toEqual(['https://a:b@egress.internal'])
    expect(proxy('socks5h://egress.internal:1080')).toEqual(['socks5://egress.internal:1080'])
    expect(proxy('http://socks5h:word@egress.internal')).toEqual(['http://socks5h:word@egress.internal'])
    expect(proxy('socks5://egress.internal')).toEqual(['socks5://egress.internal'])
    for (const wrong of [
      '',
      'x',
      'ftp://a',
      'xhttp://a',
      'https+x://a',
      'socks5://',
      'http://a/b',
      'http://a?b',
      'http://a#b',
      'http://a/#b',
    ])
      expect(complaint(but({ egress: { proxy: wrong } }))).toMatch(/^policy\.egress\.proxy: expected a proxy such as/)
  })

  it('of the service that reports the address keeps its path and query', () => {
    expect(check('https://a.example')).toBe('https://a.example/')
    expect(check('https://A.example/ip?format=json')).toBe('https://a.example/ip?format=json')
    expect(check('http://127.0.0.1:8080/ip')).toBe('http://127.0.0.1:8080/ip')
    for (const wrong of [
      '',
      'x',
      'http://a.example/',
      'https://u@a.example/',
      'https://:w@a.example/',
      'https://a.example/#b',
    ])
      expect(() => check(wrong)).toThrow(/policy\.egress\.ipCheckUrl: expected an https: address/)
  })

  it('of this machine is an IP address', () => {
    for (const localAddress of ['10.0.0.1', '::1'])
      expect(parsePolicy(but({ egress: { localAddress } }) as never).egress.localAddresses).toEqual([localAddress])
    expect(complaint(but({ egress: { localAddress: '10.0.0.0/8' } }))).toMatch(
      /expected an IP address of this machine$/,
    )
  })

  it('that is expected is listed once, in one order', () => {
    const egress = { expectIp: ['203.0.113.7', '10.0.0.0/8', '203.0.113.7'], ipCheckUrl: 'https://a.example/' }
    expect(parsePolicy(but({ egress }) as never).egress).toEqual({
      proxies: [],
      localAddresses: [],
      expected: [{ url: 'https://a.example/', ranges: ['10.0.0.0/8', '203.0.113.7'] }],
    })
    expect(complaint(but({ egress: { ipCheckUrl: 'https://a.example/' } }))).toMatch(/go together/)
  })
})

describe('zoneOf', () => {
  it('is the zone of all schedules, or UTC', () => {
    const inZone = (timeZone: string) => parseNarrowing(schedule({ timeZone }) as never)
    const both = (one: string, other: string) => ({
      ...inZone(one),
      schedules: [...inZone(one).schedules, ...inZone(other).schedules],
    })
    expect(zoneOf(parseNarrowing({}))).toBe('UTC')
    expect(zoneOf(inZone('Asia/Tokyo'))).toBe('Asia/Tokyo')
    expect(zoneOf(both('Asia/Tokyo', 'Asia/Tokyo'))).toBe('Asia/Tokyo')
    expect(zoneOf(both('Asia/Tokyo', 'Europe/Berlin'))).toBe('UTC')
  })
})

describe('a message about a field', () => {
  const shape = z.strictObject({
    text: z.string().optional(),
    list: z.array(z.strictObject({ a: z.number(), b: z.boolean() })).optional(),
    map: z.record(z.string(), z.number()).optional(),
    wait: duration.optional(),
    kind: z.enum(['one', 'two']).optional(),
    some: z.looseObject({ x: z.number() }).optional(),
    when: z.date().optional(),
  })
  const message = (input: unknown, where?: string) => {
    try {
      check(shape, input, where)
    } catch (error) {
      return (error as Error).message
    }
    throw new Error('nothing was wrong with it')
  }

  it.each<[unknown, string]>([
    [7, 'policy: expected an object with text, list, map, wait, kind, some, when'],
    [{ text: 7 }, 'policy.text: expected a text'],
    [{ list: {} }, 'policy.list: expected a list'],
    [{ list: [7] }, 'policy.list[0]: expected an object with a, b'],
    [{ list: [{ a: 'x', b: 'y' }] }, 'policy.list[0].a: expected a number; policy.list[0].b: expected true or false'],
    [{ map: 7 }, 'policy.map: expected a record'],
    [{ map: { 'a\u001b': 'x' } }, 'policy.map.a·: expected a number'],
    [{ kind: 'three' }, "policy.kind: expected 'one' or 'two'"],
    [{ some: 7 }, 'policy.some: expected an object with x'],
    [{ when: 7 }, 'policy.when: expected a date'],
    [{ wait: 30 }, "policy.wait: expected a duration such as '30s' or '60d'"],
    [
      { a: 1, ['b'.repeat(100)]: 1 },
      'policy.a: there is no such field, only text, list, map, wait, kind, some, when; ' +
        `policy.${'b'.repeat(60)}…: there is no such field`,
    ],
  ])('for %j names the field and what was expected', (input, expected) => {
    expect(message(input)).toBe(expected)
  })

  it('begins with the name of the input, and stops after ten problems', () => {
    const wrong = { list: Array.from({ length: 11 }, () => 7) }
    expect(message(wrong, 'options').split('; ')).toEqual(
      Array.from({ length: 10 }, (_, i) => `options.list[${i}]: expected an object with a, b`),
    )
    expect(check(shape, { text: 'x' })).toEqual({ text: 'x' })
  })
})

describe('a narrowing', () => {
  it('has each given field in canonical form', () => {
    const input: NarrowingInput = {
      origins: ['https://b.example', 'https://a.example'],
      budget: {
        perDay: usd(5),
        perMinute: 20,
        concurrent: 10,
        perSolve: usd(0.01),
        perPage: 3,
        perOrigin: usd(2),
        alertsAt: [0.9, 0.5],
        wait: '30s',
      },
      schedule: { timeZone: 'UTC', windows: [{ days: 'Mon', from: '09:00', to: '17:00' }] },
      key: { rotateEvery: '60d', expireAfter: '90d' },
      egress: { proxy: 'http://a.internal:1', localAddress: '10.0.0.1' },
      pageProxy: 'http://203.0.113.9:3128',
      attempts: 2,
      deadline: '2m',
      recaptchaV3: 'solve',
      testKeys: 'solve',
      renewals: 3,
      grace: '5s',
    }
    expect(parseNarrowing(input)).toEqual({
      origins: ['https://a.example', 'https://b.example'],
      budget: {
        perDay: usd(5),
        perCalendarDay: undefined,
        perMinute: 20,
        concurrent: 10,
        perSolve: usd(0.01),
        perPage: 3,
        perOrigin: usd(2),
        perOriginCalendarDay: undefined,
        alertsAt: [0.5, 0.9],
        waitMs: 30_000,
      },
      schedules: [{ timeZone: 'UTC', windows: [{ days: [1], from: 540, to: 1020 }], except: {} }],
      key: { rotateEveryMs: 60 * 86_400_000, expireAfterMs: 90 * 86_400_000 },
      egress: { proxies: ['http://a.internal:1'], localAddresses: ['10.0.0.1'], expected: [] },
      pageProxies: ['http://203.0.113.9:3128'],
      attempts: 2,
      deadlineMs: 120_000,
      recaptchaV3: 'solve',
      testKeys: 'solve',
      renewals: 3,
      graceMs: 5_000,
    })
  })

  it('contains only the given fields, without defaults', () => {
    expect(JSON.parse(JSON.stringify(parseNarrowing({})))).toEqual({
      budget: { alertsAt: [] },
      schedules: [],
      key: {},
      egress: { proxies: [], localAddresses: [], expected: [] },
      pageProxies: [],
    })
    expect(parseNarrowing({ budget: { perDay: usd(0.5) } }).budget.perDay).toBe(500_000)
    expect(DEFAULTS.perDay).toBe(1_000_000)
  })
})

describe('the canonical form', () => {
  it('survives a round trip through JSON', () => {
    fc.assert(
      fc.property(policy, (one) => {
        expect(JSON.parse(JSON.stringify(one))).toEqual(one)
      }),
    )
  })

  it('is the same text for equivalent policies', () => {
    const one: NarrowingInput = {
      origins: ['https://B.example:443/', 'https://a.shop.example', 'https://*.shop.example'],
      budget: { perMinute: 5, perDay: usd('0.3'), alertsAt: [1, 0.5, 0.5] },
      schedule: {
        timeZone: 'Europe/Berlin',
        windows: [
          { days: 'Sat', from: '10:00', to: '12:00' },
          { days: 'Mon-Wed', from: '22:00', to: '06:00' },
        ],
        except: { '2026-12-26': 'closed', '2026-12-24': [] },
      },
      deadline: '60s',
    }
    const other: NarrowingInput = {
      deadline: '1m',
      schedule: {
        except: { '2026-12-24': 'closed', '2026-12-26': [] },
        windows: [
          { to: '06:00', from: '22:00', days: 'Wed,Tue,Mon' },
          { to: '12:00', from: '10:00', days: 'Sat' },
        ],
        timeZone: 'Europe/Berlin',
      },
      budget: { alertsAt: [0.5, 1], perDay: usd(0.1 + 0.2), perMinute: 5 },
      origins: ['https://*.shop.example', 'https://b.example'],
    }
    expect(JSON.stringify(parseNarrowing(one))).toBe(JSON.stringify(parseNarrowing(other)))
  })

  it('depends only on the input, which is not changed', () => {
    fc.assert(
      fc.property(narrowingInput, (input) => {
        const before = JSON.stringify(input)
        expect(JSON.stringify(parseNarrowing(input))).toBe(JSON.stringify(parseNarrowing(JSON.parse(before))))
        expect(JSON.stringify(input)).toBe(before)
      }),
    )
  })
})

function dates(count: number): Record<string, 'closed'> {
  const day = (i: number) => new Date(Date.UTC(2026, 0, 1 + i)).toISOString().slice(0, 10)
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [day(i), 'closed']))
}
