import { describe, expect, test } from 'vitest'
import type { SolverAccount } from '../../../src/guard/accounts/options.js'
import { createGuard } from '../../../src/guard/create.js'
import type { GuardOptions } from '../../../src/guard/options.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { antiCaptcha, captchaAI, twoCaptcha } from '../../../src/solvers/index.js'
import {
  type Behavior,
  manualClock,
  memoryAudit,
  type SolverService,
  startSolverService,
} from '../../../src/testing/index.js'
import { eventually } from '../../support/wait.js'
import { after, challenge, errorOf, fixedSecret, rig, settleWith } from '../support.js'

const FAST_POLLING = { firstPollMs: 0, everyMs: 5 }
const HCAPTCHA = { ...challenge, family: 'hcaptcha', variant: 'checkbox' } as const

type Make = typeof antiCaptcha | typeof captchaAI | typeof twoCaptcha

/** A guard over two stand-in services: $0.001 a solve at the first, $0.002 at the second. */
async function pair(
  more: {
    makes?: [Make, Make]
    accounts?: [Partial<SolverAccount>, Partial<SolverAccount>]
    policy?: Partial<GuardOptions['policy']>
    options?: Partial<GuardOptions>
    services?: [SolverService, SolverService]
  } = {},
) {
  const services = more.services ?? [await startSolverService(), await startSolverService({ price: 0.002 })]
  if (!more.services) after(() => Promise.all(services.map((service) => service.close())))
  const [first, second] = services
  const audit = memoryAudit()
  const makes = more.makes ?? [antiCaptcha, twoCaptcha]
  const solvers = services.map((service, i): SolverAccount => {
    const make = makes[i] as Make
    const solver = make({ baseUrl: service.url, polling: FAST_POLLING, pricing: { per: 'solve', usd: (i + 1) / 1000 } })
    return { solver, secret: fixedSecret(service.key), ...more.accounts?.[i] }
  })
  const guard = await createGuard({
    name: 'tests',
    solvers,
    policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(1) }, ...more.policy },
    ledger: memoryLedger(),
    audit,
    logger: { debug() {}, info() {}, warn() {} },
    ...more.options,
  })
  after(() => guard.close())
  const fallbacks: string[] = []
  guard.on('fallback', ({ from, to, code }) => fallbacks.push(`${from} > ${to}: ${code}`))
  const submits = () => services.map(({ requests }) => requests.filter(({ endpoint }) => endpoint === 'in').length)
  return { guard, audit, first, second, moves: fallbacks, submits, solvers }
}

describe('a guard with several solvers', () => {
  test('uses the first as long as it works', async () => {
    const { guard, submits, moves: fallbacks } = await pair()
    for (let i = 0; i < 3; i++) expect((await guard.solve(challenge)).cost).toBe(1_000)
    expect([submits(), fallbacks]).toEqual([[3, 0], []])
  })

  test.each<[string, Behavior, string]>([
    ['no free slot', { error: 'ERROR_NO_SLOT_AVAILABLE' }, 'SOLVER_BUSY'],
    ['too many calls', { error: 'ERROR_TOO_MUCH_REQUESTS' }, 'SOLVER_BUSY'],
    ['no money', { error: 'ERROR_ZERO_BALANCE' }, 'BALANCE_EMPTY'],
    ['a refused key', { error: 'ERROR_KEY_DOES_NOT_EXIST' }, 'KEY_REFUSED'],
    ['a refused address', { error: 'ERROR_IP_NOT_ALLOWED' }, 'ADDRESS_REFUSED'],
    ['an unknown task type', { error: 'ERROR_TASK_NOT_SUPPORTED' }, 'FAMILY_UNSUPPORTED'],
  ])('falls back to the next when the first reports %s, and pays only one', async (_, behavior, code) => {
    const { guard, audit, first, second, moves: fallbacks } = await pair()
    first.always('in', behavior)
    const solution = await guard.solve(challenge)
    expect(solution).toMatchObject({ cost: 2_000, taskId: second.tasks[0]?.id })
    expect(fallbacks).toEqual([`anticaptcha > twocaptcha: ${code}`])
    expect([first.charged, second.charged, (await guard.status()).day.spent]).toEqual([0, 2_000, 2_000])
    const records = audit.events.filter(({ solveId }) => solveId !== undefined)
    expect(records.map(({ action, solver, cost }) => [action, solver, cost])).toEqual([
      ['authorized', 'anticaptcha', undefined],
      ['failed', 'anticaptcha', 0],
      ['authorized', 'twocaptcha', undefined],
      ['submitted', 'twocaptcha', undefined],
      ['solved', 'twocaptcha', 2_000],
    ])
    expect(records.map(({ path }) => path?.at(-1))).toEqual(records.map(({ solver }) => `tests:${solver}`))
  })

  test.each(['ERROR_TASK_TYPE_DEPRECATED', 'ERROR_METHOD_CALL', 'ERROR_TASK_NOT_SUPPORTED', 'ERROR_NO_SUCH_METHOD'])(
    'moves on when the first no longer does that kind (%s), and remembers it for a day',
    async (error) => {
      const clock = manualClock()
      const { guard, first, submits, moves } = await pair({ options: { clock } })
      const alerts: string[] = []
      guard.on('alert', ({ code, message }) => alerts.push(`${code}: ${message}`))
      first.always('in', { error })
      const solved = () => settleWith(clock, guard.solve(challenge))
      for (let i = 0; i < 3; i++) expect((await solved()).cost).toBe(2_000)
      expect(submits()).toEqual([1, 3])
      expect(moves).toEqual(['anticaptcha > twocaptcha: FAMILY_UNSUPPORTED'])
      expect(alerts).toEqual([
        expect.stringMatching(
          new RegExp(`^FAMILY_UNSUPPORTED: anticaptcha does not do recaptcha \\(v2-checkbox\\) any more\\. .*${error}`),
        ),
      ])
      // It may still do another kind.
      const invisible = { ...challenge, variant: 'v2-invisible' } as const
      first.always('in', undefined)
      expect((await settleWith(clock, guard.solve(invisible))).cost).toBe(1_000)
      await settleWith(clock, clock.advance(86_400_000))
      expect((await solved()).cost).toBe(1_000)
      expect(first.charged).toBe(2_000)
    },
  )

  test('denies at once what the only service no longer does, and names others', async () => {
    const service = await startSolverService()
    after(() => service.close())
    const { guard } = await rig({ service, guardOptions: { solver: antiCaptcha({ baseUrl: service.url }) } })
    guard.on('alert', () => {})
    service.always('in', { error: 'ERROR_TASK_TYPE_DEPRECATED' })
    expect((await errorOf(guard.solve(challenge))).code).toBe('FAMILY_UNSUPPORTED')
    const requests = service.requests.length
    const again = await errorOf(guard.solve(challenge))
    expect(again.code).toBe('FAMILY_UNSUPPORTED')
    expect(again.message).toMatch(/anticaptcha answered within the last day .*recaptcha \(v2-checkbox\).*twocaptcha/)
    expect(service.requests).toHaveLength(requests)
    expect((await guard.status()).day).toMatchObject({ spent: 0, reserved: 0 })
  })

  test('falls back to the next when the first cannot be reached', async () => {
    const { guard, first, moves: fallbacks } = await pair()
    await first.close()
    expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect(fallbacks).toEqual(['anticaptcha > twocaptcha: SOLVER_UNREACHABLE'])
  })

  test.each<[string, Behavior]>([
    ['the connection is cut', { drop: true }],
    ['the reply is cut in half', { half: true }],
    ['a gateway loses the answer', { status: 504, taken: true }],
    ['the service has an internal error', { status: 503, taken: true }],
    ['a web page comes in place of a reply', { html: true, taken: true }],
    ['the service reports an internal error', { error: 'ERROR_INTERNAL_SERVER_ERROR', taken: true }],
    ['the reply is empty', { empty: true, taken: true }],
  ])('does not fall back when the first may have taken the task: %s', async (_, behavior) => {
    const { guard, first, submits, moves: fallbacks } = await pair()
    first.next('in', behavior)
    await errorOf(guard.solve(challenge))
    expect([submits(), fallbacks, (await guard.status()).day.spent]).toEqual([[1, 0], [], 1_000])
  })

  test('makes a second attempt at the next, with a new reservation, if policy.attempts allows it', async () => {
    const { guard, first, submits } = await pair({ policy: { attempts: 2 } })
    first.next('in', { drop: true })
    expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect([submits(), (await guard.status()).day.spent]).toEqual([[1, 1], 3_000])
  })

  test('spends further attempts on the next solver, and on the last one again when none is left', async () => {
    const { guard, first, second, submits } = await pair({ policy: { attempts: 3 } })
    first.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    second.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect([submits(), (await guard.status()).day.spent]).toEqual([[1, 2], 2_000])
  })

  test('does not fall back when the first refuses the request as invalid', async () => {
    const { guard, first, submits } = await pair()
    first.next('in', { error: 'ERROR_RECAPTCHA_INVALID_SITEKEY' })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'SOLVER_REFUSED' })
    expect(submits()).toEqual([1, 0])
  })

  test('uses the one that supports the family, and reserves nothing for the other', async () => {
    const { guard, audit, submits } = await pair({ makes: [captchaAI, antiCaptcha] })
    expect((await guard.solve(HCAPTCHA)).cost).toBe(2_000)
    expect(submits()).toEqual([0, 1])
    expect(audit.events.flatMap(({ solver, action }) => (action === 'authorized' ? [solver] : []))).toEqual([
      'anticaptcha',
    ])
  })

  test('names all of its solvers, and those that would help, when none supports the family', async () => {
    const { guard } = await pair({
      makes: [captchaAI, captchaAI],
      accounts: [{ name: 'one' }, { name: 'other' }],
    })
    const error = await errorOf(guard.solve(HCAPTCHA))
    expect(error).toMatchObject({ code: 'FAMILY_UNSUPPORTED' })
    expect(error.message).toMatch(/None of the solvers captchaai, captchaai can do .*twocaptcha, anticaptcha/)
  })

  test('uses the second when the store has no key for the first', async () => {
    const empty = fixedSecret('x'.repeat(32))
    empty.fail(new Error('the store is down'))
    const { guard, submits } = await pair({ accounts: [{ secret: empty }, {}] })
    expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect(submits()).toEqual([0, 1])
  })
})

describe('the budget of an account', () => {
  test('is a hard cap: solves beyond it fall back to the next account', async () => {
    const { guard, submits, moves: fallbacks } = await pair({ accounts: [{ budget: { perDay: usd(0.002) } }, {}] })
    for (let i = 0; i < 4; i++) await guard.solve(challenge)
    expect(submits()).toEqual([2, 2])
    expect(fallbacks).toEqual(Array(2).fill('anticaptcha > twocaptcha: BUDGET_EXHAUSTED'))
    const { day, solvers } = await guard.status()
    expect(day).toMatchObject({ spent: 6_000, reserved: 0 })
    expect(solvers).toMatchObject([
      { name: 'anticaptcha', day: { cap: 2_000, spent: 2_000 } },
      { name: 'twocaptcha', day: { cap: undefined, spent: 4_000 } },
    ])
  })

  test('may reset at midnight in the time zone of the schedule', async () => {
    const budget = { perDay: { amount: usd(0.001), resets: 'calendar' } } as const
    const schedule = { timeZone: 'Asia/Tokyo', windows: [{ days: 'Mon-Sun', from: '00:00', to: '24:00' }] }
    const { guard, submits } = await pair({ accounts: [{ budget }, {}], policy: { schedule } })
    for (let i = 0; i < 2; i++) await guard.solve(challenge)
    expect(submits()).toEqual([1, 1])
    const [first] = (await guard.status()).solvers
    expect(first?.day).toMatchObject({ cap: 1_000, spent: 1_000, left: 0, timeZone: 'Asia/Tokyo' })
  })

  test('when used up in every account, denies the solve with the time to retry', async () => {
    const { guard, audit } = await pair({
      accounts: [{ budget: { perMinute: 1 } }, { budget: { perSolve: usd(0.001) } }],
    })
    await guard.solve(challenge)
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'PRICE_TOO_HIGH', layer: 'spending', retryAt: expect.any(Date) })
    expect(error.message).toMatch(/the budget of twocaptcha.*Tried before:.*tests:anticaptcha.*1 of 1 solve a minute/)
    await guard.close()
    expect(audit.events.filter(({ action }) => action === 'denied')).toHaveLength(1)
  })

  test('does not extend the budget of the policy', async () => {
    const { guard, submits } = await pair({ policy: { budget: { perDay: usd(0.001) } } })
    await guard.solve(challenge)
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    expect(submits()).toEqual([1, 0])
  })
})

describe('a pause', () => {
  test('of one account, whose key is refused, leaves the other accounts in use', async () => {
    const { guard, first, submits } = await pair()
    first.revoke(first.key)
    for (let i = 0; i < 3; i++) expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect(submits()).toEqual([1, 3])
    const { paused, solvers } = await guard.status()
    expect(paused).toBeUndefined()
    expect(solvers).toMatchObject([{ paused: { code: 'KEY_REFUSED' } }, { paused: undefined }])
    first.addKey(first.key, 5)
    await guard.resume()
    expect((await guard.solve(challenge)).cost).toBe(1_000)
    expect((await guard.status()).solvers[0]?.paused).toBeUndefined()
  })

  test('of every account denies solves', async () => {
    const { guard, first, second, submits } = await pair()
    for (const service of [first, second]) service.always('in', { error: 'ERROR_ZERO_BALANCE' })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'BALANCE_EMPTY' })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'GUARD_PAUSED', layer: 'spending' })
    expect(submits()).toEqual([1, 1])
  })
})

describe('a service without a free slot', () => {
  test('is retried for policy.budget.wait, and gets the task once it has a slot', async () => {
    const clock = manualClock()
    const { guard, first, submits } = await pair({ policy: { budget: { wait: '30s' } }, options: { clock } })
    first.next('in', ...Array(3).fill({ error: 'ERROR_NO_SLOT_AVAILABLE' }))
    expect((await settleWith(clock, guard.solve(challenge))).cost).toBe(1_000)
    expect(submits()).toEqual([4, 0])
  })

  test('is left for the next account when policy.budget.wait is over', async () => {
    const clock = manualClock()
    const { guard, first, submits } = await pair({ policy: { budget: { wait: '12s' } }, options: { clock } })
    first.always('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
    expect((await settleWith(clock, guard.solve(challenge))).cost).toBe(2_000)
    // At once, and after 5 to 6.25 s. A third try would be after the 12 s.
    expect(submits()[0]).toBeGreaterThanOrEqual(2)
    expect(submits()[0]).toBeLessThanOrEqual(3)
  })

  test('is tried again when the other accounts cannot take the task either', async () => {
    const clock = manualClock()
    const { guard, first, second, submits } = await pair({ options: { clock } })
    first.next('in', ...Array(3).fill({ error: 'ERROR_NO_SLOT_AVAILABLE' }))
    second.always('in', { error: 'ERROR_ZERO_BALANCE' })
    expect((await settleWith(clock, guard.solve(challenge))).cost).toBe(1_000)
    expect(submits()).toEqual([4, 1])
  })

  test('is retried until the deadline when no other account supports the family', async () => {
    const clock = manualClock()
    const { guard, first, submits } = await pair({ makes: [antiCaptcha, captchaAI], options: { clock } })
    first.next('in', ...Array(3).fill({ error: 'ERROR_NO_SLOT_AVAILABLE' }))
    expect((await settleWith(clock, guard.solve(HCAPTCHA))).cost).toBe(1_000)
    expect(submits()).toEqual([4, 0])
  })
})

test('a guard recovers an orphaned task with the account that submitted it', async () => {
  const ledger = memoryLedger()
  const one = await pair({ options: { ledger } })
  one.first.always('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
  one.second.next('in', { pendingTimes: 1_000_000 })
  const left = errorOf(one.guard.solve(challenge))
  await eventually(() => (one.second.tasks[0]?.polls ?? 0) > 0)
  await one.guard.close()
  expect(await left).toMatchObject({ code: 'GUARD_CLOSED' })

  one.second.always('res', { pendingTimes: 0 })
  const { guard, audit } = await pair({ services: [one.first, one.second], options: { ledger } })
  await eventually(() => audit.events.some(({ action }) => action === 'recovered'))
  expect(audit.events.find(({ action }) => action === 'recovered')).toMatchObject({
    solver: 'twocaptcha',
    cost: 2_000,
    path: ['tests', 'tests:twocaptcha'],
  })
  expect((await guard.status()).day).toMatchObject({ spent: 2_000, reserved: 0 })
})

describe('createGuard', () => {
  const make = (options: Partial<GuardOptions>) =>
    errorOf(
      createGuard({
        policy: { origins: ['https://a.example'] },
        ledger: memoryLedger(),
        audit: memoryAudit(),
        ...options,
      }),
    )
  const account = { solver: captchaAI(), secret: fixedSecret('x'.repeat(32)) }

  test.each<[string, Partial<GuardOptions>, RegExp]>([
    ['solvers beside a solver', { solver: captchaAI(), solvers: [account] }, /either solver and secret, or solvers/],
    ['solvers beside a secret', { secret: account.secret, solvers: [account] }, /either solver and secret, or solvers/],
    ['an empty list of solvers', { solvers: [] }, /at least one/],
    [
      'two accounts of one name',
      { solvers: [account, account] },
      /solvers\[1\]\.name: another account has the name captchaai/,
    ],
    ['an invalid account name', { solvers: [{ ...account, name: 'a b' }] }, /solvers\[0\]\.name/],
    ['an account without a secret', { solvers: [{ solver: captchaAI() } as SolverAccount] }, /solvers\[0\]\.secret/],
    [
      'an account budget for each origin',
      { solvers: [{ ...account, budget: { perOrigin: usd(1) } as never }] },
      /budget: expected only/,
    ],
    [
      'the path of a certificate in place of the certificate',
      { ca: '/etc/ssl/ca.pem' },
      /options.ca: .*in PEM.*not the path/,
    ],
    ['an empty stateDir', { stateDir: '' }, /options.stateDir: expected the path of a folder/],
    [
      'a mistyped field of an account',
      { solvers: [{ ...account, secrets: 1 } as never] },
      /solvers\[0\]\.secrets: there is no such field, only solver, secret,/,
    ],
  ])('refuses %s', async (_, options, message) => {
    const error = await make(options)
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringMatching(message)])
  })
})
