import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AnyChallenge } from '../../src/base/challenge.js'
import { systemClock } from '../../src/base/clock.js'
import { SolveguardError } from '../../src/base/errors.js'
import { explainPolicy } from '../../src/guard/explain-policy.js'
import type { LayerVerdict, Verdict } from '../../src/guard/types.js'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { narrow } from '../../src/policy/narrow.js'
import { type PolicyInput, parseNarrowing, parsePolicy } from '../../src/policy/schema.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'
import { manualClock } from '../../src/testing/clock.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { after, challenge, errorOf, fixedSecret, rig } from './support.js'

const PAGE = challenge.pageUrl
const HOUR = 3_600_000
/** A Tuesday, 12:00 in UTC and 13:00 in Berlin. */
const NOON = Date.UTC(2026, 10, 24, 12)
const OFFICE = { timeZone: 'Europe/Berlin', windows: [{ days: 'Mon-Fri', from: '09:00', to: '17:00' }] }

function layer({ layers }: Verdict, name: LayerVerdict['layer']): LayerVerdict {
  const found = layers.find((each) => each.layer === name)
  if (!found) throw new Error(`there is no layer ${name}`)
  return found
}

describe('guard.explain', () => {
  it('says what every layer would say, and fetches, sends, reserves and records nothing', async () => {
    const secret = fixedSecret('0'.repeat(32))
    const { guard, audit, ledger, service } = await rig({ secret, policy: { schedule: OFFICE } })
    const before = [await ledger.usage('tests', systemClock.now()), audit.events.length]
    const verdict = await guard.explain(`${PAGE}#top`, { at: new Date(NOON) })
    expect(verdict.allowed).toBe(true)
    expect(verdict.layers.map(({ layer, ok, checked }) => [layer, ok, checked])).toEqual([
      ['origin', true, true],
      ['time', true, true],
      ['secret', true, false],
      ['network', true, true],
      ['spending', true, false],
      ['audit', true, false],
    ])
    expect(layer(verdict, 'secret').message).toBe(
      'The key from the test has not been fetched, so nothing is known of it.',
    )
    const christmas = await guard.explain('https://elsewhere.example/', { at: new Date('2026-12-26T10:00Z') })
    expect(christmas).toMatchObject({ allowed: false, code: 'ORIGIN_NOT_NAMED' })
    expect(layer(christmas, 'time')).toMatchObject({
      ok: false,
      checked: true,
      code: 'OUTSIDE_SCHEDULE',
      retryAt: new Date('2026-12-28T08:00Z'),
    })
    expect([await ledger.usage('tests', systemClock.now()), audit.events.length]).toEqual(before)
    expect([secret.fetches, service.tasks.length]).toEqual([0, 0])
    expect((await guard.status()).process.denied).toEqual({})
  })

  it('names the limit that is used up, and from when on there is capacity again', async () => {
    const now = systemClock.now()
    const { guard, service } = await rig({ policy: { budget: { perDay: usd(0.0015) } } })
    await guard.solve(challenge)
    const used = await guard.explain(challenge)
    const error = await errorOf(guard.solve(challenge))
    expect(used).toMatchObject({ allowed: false, code: 'BUDGET_EXHAUSTED', message: error.message })
    expect(used.retryAt).toEqual(error.retryAt)
    expect(layer(used, 'secret')).toMatchObject({ ok: true, checked: true })
    const [sooner, later] = [-1, 0].map((ms) => ({ at: new Date((used.retryAt?.getTime() ?? 0) + ms) }))
    expect(await guard.explain(challenge, sooner)).toMatchObject({ allowed: false, code: 'BUDGET_EXHAUSTED' })
    expect(layer(await guard.explain(challenge, later), 'spending')).toMatchObject({ ok: true, checked: true })
    const earlier = layer(await guard.explain(challenge, { at: new Date(now - 40 * HOUR) }), 'spending')
    expect(earlier).toMatchObject({ ok: true, checked: false, message: expect.stringContaining('not known') })
    expect(service.tasks).toHaveLength(1)
  })

  it('declares no limits: another guard of the name keeps its own', async () => {
    const ledger = memoryLedger()
    const { guard } = await rig({ ledger, policy: { budget: { perDay: usd(0.01) } } })
    await guard.explain(challenge)
    expect(ledger.usage('tests', systemClock.now()).declared).toEqual({})
  })

  it('speaks for a narrowed grant, and for the widget of a frame', async () => {
    const { guard } = await rig()
    const none = guard.narrow({ budget: { perDay: usd(0.0005) } }, { name: 'none' })
    expect(await none.explain(PAGE)).toMatchObject({ allowed: false, code: 'BUDGET_EXHAUSTED' })
    expect(layer(await none.explain(PAGE), 'spending').message).toContain("'tests/none'")
    const framed = { ...challenge, frameUrl: 'https://frame.example/' }
    expect(await guard.explain(framed)).toMatchObject({ code: 'ORIGIN_NOT_NAMED', message: /frame/ })
  })

  it('asks the next account where one cannot take the challenge or has no budget left', async () => {
    const [first, second] = await Promise.all([startSolverService(), startSolverService()])
    after(() => Promise.all([first.close(), second.close()]))
    const { guard } = await rig({
      service: first,
      guardOptions: {
        solver: undefined,
        secret: undefined,
        solvers: [
          {
            solver: captchaAI({ baseUrl: first.url, pricing: { per: 'solve', usd: 0.001 } }),
            secret: fixedSecret(first.key),
            budget: { perDay: usd(0.0005) },
          },
          {
            solver: twoCaptcha({ baseUrl: second.url, pricing: { per: 'solve', usd: 0.001 } }),
            secret: fixedSecret(second.key),
            budget: { perDay: usd(0.0007) },
          },
        ],
      },
    })
    const error = await errorOf(guard.solve(challenge))
    const verdict = await guard.explain(challenge)
    expect(verdict).toMatchObject({ allowed: false, code: error.code, message: error.message })
  })

  it('throws for a challenge that is none, and for a closed guard, as solve does', async () => {
    const { guard } = await rig()
    expect(await errorOf(guard.explain({ ...challenge, sitekey: '' }))).toMatchObject({ code: 'CHALLENGE_INVALID' })
    expect(await errorOf(guard.explain(PAGE, { at: new Date('never') }))).toMatchObject({ code: 'CONFIG_INVALID' })
    await guard.close()
    expect(await errorOf(guard.explain(PAGE))).toMatchObject({ code: 'GUARD_CLOSED' })
  })

  it('says that the ledger does not answer, rather than throw', async () => {
    const preview: Ledger['preview'] = () => Promise.reject(new Error('connection lost'))
    const { guard } = await rig({ ledger: { ...memoryLedger(), preview } })
    const verdict = await guard.explain(challenge)
    expect(layer(verdict, 'spending')).toMatchObject({ ok: false, code: 'LEDGER_UNAVAILABLE' })
  })

  const TEST_KEY = '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI'
  const minutes = (ms: number) => new Date(ms).toISOString().slice(11, 16)

  it('denies what solve denies, with its code, and allows what solve allows, as far as it says that it is sure', async () => {
    const { service } = await rig()
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          hours: fc.constantFrom(undefined, [0, 24], [9, 17], [13, 14]),
          perDay: fc.constantFrom(0.0005, 0.001, 0.0025, 1),
          perMinute: fc.constantFrom(undefined, 1, 2),
          perSolve: fc.constantFrom(undefined, undefined, 0.0009),
          resets: fc.boolean(),
          expireAfter: fc.constantFrom(undefined, undefined, '1h' as const, '3h' as const),
          pageUrl: fc.constantFrom(PAGE, PAGE, PAGE, 'https://elsewhere.example/', 'about:blank'),
          sitekey: fc.constantFrom(challenge.sitekey, challenge.sitekey, challenge.sitekey, TEST_KEY),
          family: fc.constantFrom('recaptcha' as const, 'recaptcha' as const, 'arkose' as const),
          conflict: fc.constantFrom(undefined, undefined, undefined, 'egress' as const, 'pageProxy' as const),
          solvesBefore: fc.nat(3),
          laterMs: fc.constantFrom(0, 0, 30_000, 61_000, HOUR, 2.5 * HOUR, 23 * HOUR, 25 * HOUR),
          pause: fc.constantFrom(false, false, false, true),
        }),
        async (each) => {
          let now = NOON
          const clock = { ...systemClock, now: () => now }
          const ledger = memoryLedger()
          const { hours, perMinute, perSolve, expireAfter, conflict } = each
          const { guard } = await rig({
            service,
            ledger,
            secret: fixedSecret(service.key, { createdAt: NOON - 0.5 * HOUR }),
            policy: {
              budget: {
                perDay: each.resets ? { amount: usd(each.perDay), resets: 'calendar' } : usd(each.perDay),
                perMinute,
                perSolve: perSolve === undefined ? undefined : usd(perSolve),
              },
              key: { expireAfter },
              schedule: hours && {
                timeZone: 'UTC',
                windows: [
                  { days: 'Mon-Sun', from: minutes((hours[0] ?? 0) * HOUR), to: hours[1] === 24 ? '24:00' : '17:00' },
                ],
              },
              ...(conflict === 'egress' && { egress: { localAddress: '127.0.0.1' } }),
              ...(conflict === 'pageProxy' && { pageProxy: 'http://203.0.113.9:3128' }),
            },
            guardOptions: { clock, logger: { debug() {}, info() {}, warn() {} } },
          })
          for (let i = 0; i < each.solvesBefore; i++) await guard.solve(challenge).catch(() => {})
          const grant = guard.narrow({
            ...(conflict === 'egress' && { egress: { localAddress: '127.0.0.2' } }),
            ...(conflict === 'pageProxy' && { pageProxy: 'http://203.0.113.10:3128' }),
          })
          if (each.pause) ledger.pause('tests', { code: 'MANUAL', message: 'looking.', at: now })
          const { family, sitekey, pageUrl } = each
          const asked: AnyChallenge =
            family === 'arkose'
              ? { family, variant: 'arkose', sitekey: 'A0B1', pageUrl }
              : { family, variant: 'v2-checkbox', sitekey, pageUrl }
          const verdict = await grant.explain(asked, { at: new Date(now + each.laterMs) })
          now += each.laterMs
          const error = await grant.solve(asked).then(
            () => undefined,
            (thrown: unknown) => (thrown instanceof SolveguardError ? thrown : undefined),
          )
          const sure = verdict.layers.every(({ checked, layer }) => checked || layer === 'audit')
          if (!verdict.allowed && sure) {
            expect([verdict.code, each]).toEqual([error?.code, each])
            expect(verdict.message?.slice(0, 30)).toBe(error?.message.slice(0, 30))
          } else if (verdict.allowed && sure) {
            expect([error?.code, each]).toEqual([undefined, each])
          } else if (verdict.allowed && error) {
            const unsure = verdict.layers.filter(({ checked }) => !checked).map((one) => one.layer)
            expect([...unsure, 'time']).toContain(error.layer)
          }
          await guard.close()
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('explainPolicy', () => {
  const policy: PolicyInput = {
    origins: ['https://staging.example.com'],
    budget: { perDay: usd(5), perSolve: usd(0.01) },
    schedule: OFFICE,
  }
  const at = new Date(NOON)

  it.each<[string, string | AnyChallenge, Parameters<typeof explainPolicy>[2], object]>([
    ['a named page in working hours', PAGE, { at }, { allowed: true }],
    ['a page that is not named', 'https://example.com/', { at }, { allowed: false, code: 'ORIGIN_NOT_NAMED' }],
    ['a holiday', PAGE, { at: new Date('2026-11-28T12:00Z') }, { allowed: false, code: 'OUTSIDE_SCHEDULE' }],
    ['a day whose budget is spent', PAGE, { at, spent: usd(5) }, { allowed: false, code: 'BUDGET_EXHAUSTED' }],
    ['a day with capacity', PAGE, { at, spent: usd(4.9) }, { allowed: true }],
    [
      'a price above the limit',
      PAGE,
      { at, solver: captchaAI({ pricing: { per: 'solve', usd: 0.02 } }) },
      { allowed: false, code: 'PRICE_TOO_HIGH' },
    ],
    [
      'a family that the solver does not do',
      { family: 'arkose', variant: 'arkose', sitekey: 'A0B1', pageUrl: PAGE },
      { at },
      { allowed: false, code: 'FAMILY_UNSUPPORTED' },
    ],
  ])('explains %s', async (_, challengeOrUrl, options, expected) => {
    expect(await explainPolicy(policy, challengeOrUrl, options)).toMatchObject(expected)
  })

  it('takes a policy that was narrowed, and says that the key and the address are not known', async () => {
    const egress = {
      proxy: 'http://egress.internal:3128',
      expectIp: ['203.0.113.7'],
      ipCheckUrl: 'https://ip.example/',
    }
    const narrowed = narrow(parsePolicy({ ...policy, egress }), parseNarrowing({ budget: { perDay: usd(0.0001) } }))
    const verdict = await explainPolicy(narrowed, PAGE, { at })
    expect(verdict).toMatchObject({ allowed: false, code: 'BUDGET_EXHAUSTED' })
    expect([layer(verdict, 'secret').checked, layer(verdict, 'network').checked]).toEqual([false, false])
  })

  it('says the same at the same moment as a guard', async () => {
    const clock = manualClock(NOON)
    const { guard } = await rig({ clock, policy })
    const solver = captchaAI({ pricing: { per: 'solve', usd: 0.001 } })
    const without = ({ message: _, ...rest }: LayerVerdict) => rest
    for (const url of [PAGE, 'https://example.com/']) {
      const [here, there] = [await explainPolicy(policy, url, { at, solver }), await guard.explain(url, { at })]
      expect(here.layers.map(without)).toEqual(there.layers.map(without))
    }
  })
})
