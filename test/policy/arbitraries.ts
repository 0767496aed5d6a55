import fc from 'fast-check'
import { type Money, usd } from '../../src/policy/money.js'
import { type NarrowingInput, parseNarrowing, parsePolicy, type ScheduleInput } from '../../src/policy/schema.js'

/** Few names, so that patterns and origins often match. */
const host = fc
  .tuple(
    fc.array(fc.constantFrom('a', 'b', 'evil-a', 'xn--bcher-kva'), { maxLength: 3 }),
    // Below the second is a public suffix, which a wildcard cannot name.
    fc.constantFrom(...Array(6).fill('shop.example'), 'amazonaws.com', 'a.s3.amazonaws.com'),
  )
  .map(([labels, domain]) => [...labels, domain].join('.'))
const scheme = fc.constantFrom('https', 'http')
const port = fc.constantFrom('', '', '', ':8443', ':80', ':443')

/** The origin of a page, in canonical form. */
export const origin = fc
  .tuple(scheme, fc.oneof(host, fc.constantFrom('evil.example', 'shop.example.evil.example', '127.0.0.1')), port)
  .map(([s, h, p]) => new URL(`${s}://${h}${p}`).origin)

/** A valid entry of `origins`. */
export const originPattern = fc
  .tuple(scheme, fc.constantFrom('', '*.'), host, port)
  .map(([s, star, h, p]) => `${s}://${star}${h}${p}`)

const clock = fc.integer({ min: 0, max: 1439 }).map((m) => new Date(m * 60_000).toISOString().slice(11, 16))
const hours = fc.tuple(clock, fc.oneof(clock, fc.constant('24:00'))).filter(([from, to]) => from !== to)
const days = fc.constantFrom('Mon', 'Mon-Fri', 'Sat,Sun', 'Fri-Mon', 'Sun', 'Mon,Wed,Fri', 'Mon-Sun')

/** A valid schedule. Its exceptional dates are taken from `dates`. */
export const scheduleInput = (zones: readonly string[], dates: readonly string[]): fc.Arbitrary<ScheduleInput> =>
  fc.record({
    timeZone: fc.constantFrom(...zones),
    windows: fc.array(
      fc.tuple(days, hours).map(([d, [from, to]]) => ({ days: d, from, to })),
      { minLength: 1, maxLength: 3 },
    ),
    except: fc.dictionary(
      fc.constantFrom(...dates),
      fc.oneof(
        fc.constant('closed' as const),
        fc.array(
          hours.map(([from, to]) => ({ from, to })),
          { maxLength: 2 },
        ),
      ),
      { maxKeys: 3 },
    ),
  })

const money = fc.integer({ min: 100, max: 5_000_000 }).map((amount) => amount as Money)
/** A daily amount: in any 24 hours, or on a calendar day. */
const daily = fc.oneof(
  money,
  fc.record({
    amount: money,
    resets: fc.constant('calendar' as const),
    timeZone: fc.constantFrom(undefined, 'Europe/Berlin', 'Asia/Tokyo', 'UTC'),
  }),
)
const duration = (maxSeconds: number) => fc.integer({ min: 1, max: maxSeconds }).map((s) => `${s}s` as const)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

/** A valid narrowing. */
export const narrowingInput: fc.Arbitrary<NarrowingInput> = fc.record({
  origins: maybe(fc.array(originPattern, { minLength: 1, maxLength: 4 })),
  budget: maybe(
    fc.record({
      perDay: maybe(fc.oneof(daily, fc.constant(usd(0)))),
      perMinute: maybe(fc.integer({ min: 1, max: 100 })),
      concurrent: maybe(fc.integer({ min: 1, max: 100 })),
      perSolve: maybe(money),
      perPage: maybe(fc.integer({ min: 1, max: 100 })),
      perOrigin: maybe(daily),
      alertsAt: maybe(fc.array(fc.constantFrom(0.1, 0.5, 0.8, 1), { maxLength: 3 })),
      wait: maybe(duration(100)),
    }),
  ),
  schedule: maybe(
    scheduleInput(['Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'], ['2026-03-29', '2026-07-04', '2026-12-24']),
  ),
  key: maybe(fc.record({ rotateEvery: maybe(duration(100)), expireAfter: maybe(duration(100)) })),
  egress: maybe(
    fc
      .record({
        proxy: maybe(fc.constantFrom('http://one.internal:3128', 'socks5://user:word@two.internal:1080')),
        localAddress: maybe(fc.constantFrom('10.0.0.1', '::1')),
        seen: maybe(fc.constantFrom<string[][]>(['203.0.113.7/32'], ['2001:db8::/32', '203.0.113.7'])),
      })
      .map(({ seen, ...egress }) =>
        seen ? { ...egress, expectIp: seen, ipCheckUrl: 'https://address.internal/' } : egress,
      ),
  ),
  pageProxy: maybe(fc.constantFrom('http://203.0.113.9:3128', 'socks5://user:word@proxy.example:1080')),
  attempts: maybe(fc.integer({ min: 1, max: 10 })),
  deadline: maybe(duration(600)),
  recaptchaV3: maybe(fc.constantFrom('leave', 'solve')),
  testKeys: maybe(fc.constantFrom('answer', 'solve')),
  renewals: maybe(fc.integer({ min: 0, max: 100 })),
  grace: maybe(duration(60)),
})

/** Any policy: a narrowing, or a guard's own with origins and defaults. */
export const policy = fc.oneof(
  narrowingInput.map(parseNarrowing),
  fc
    .tuple(narrowingInput, fc.array(originPattern, { minLength: 1, maxLength: 4 }))
    .map(([input, origins]) => parsePolicy({ ...input, origins })),
)
