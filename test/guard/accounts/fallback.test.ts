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
import { after, challenge, errorOf, fixedSecret, settleWith } from '../support.js'

const HASTE = { firstPollMs: 0, everyMs: 5 }
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
    const solver = make({ baseUrl: service.url, polling: HASTE, pricing: { per: 'solve', usd: (i + 1) / 1000 } })
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
  const moves: string[] = []
  guard.on('fallback', ({ from, to, code }) => moves.push(`${from} > ${to}: ${code}`))
  const submits = () => services.map(({ requests }) => requests.filter(({ endpoint }) => endpoint === 'in').length)
  return { guard, audit, first, second, moves, submits, solvers }
}

describe('of several solvers', () => {
  test('the first is asked for as long as it can', async () => {
    const { guard, submits, moves } = await pair()
    for (let i = 0; i < 3; i++) expect((await guard.solve(challenge)).cost).toBe(1_000)
    expect([submits(), moves]).toEqual([[3, 0], []])
  })

  test.each<[string, Behavior, string]>([
    ['no slot', { error: 'ERROR_NO_SLOT_AVAILABLE' }, 'SOLVER_BUSY'],
    ['calls that come too fast', { error: 'ERROR_TOO_MUCH_REQUESTS' }, 'SOLVER_BUSY'],
    ['no money', { error: 'ERROR_ZERO_BALANCE' }, 'BALANCE_EMPTY'],
    ['a wrong key', { error: 'ERROR_KEY_DOES_NOT_EXIST' }, 'KEY_REFUSED'],
    ['a wrong address', { error: 'ERROR_IP_NOT_ALLOWED' }, 'ADDRESS_REFUSED'],
    ['a kind of task that it does not know', { error: 'ERROR_TASK_NOT_SUPPORTED' }, 'FAMILY_UNSUPPORTED'],
    ['a web page', { html: true }, 'SOLVER_REPLY_INVALID'],
    ['trouble of its own', { status: 503 }, 'SOLVER_BUSY'],
  ])('the next is asked where one has %s, and only one is paid', async (_, behavior, code) => {
    const { guard, audit, first, second, moves } = await pair()
    first.always('in', behavior)
    const solution = await guard.solve(challenge)
    expect(solution).toMatchObject({ cost: 2_000, taskId: second.tasks[0]?.id })
    expect(moves).toEqual([`anticaptcha > twocaptcha: ${code}`])
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

  test('the next is asked where one cannot be reached', async () => {
    const { guard, first, moves } = await pair()
    await first.close()
    expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect(moves).toEqual(['anticaptcha > twocaptcha: SOLVER_UNREACHABLE'])
  })

  test.each<[string, Behavior]>([
    ['the connection is cut', { drop: true }],
    ['half of the reply comes', { half: true }],
    ['a gateway loses the answer', { status: 504, taken: true }],
    ['the reply is empty', { empty: true, taken: true }],
  ])('none is asked after a submit that may have been taken: %s', async (_, behavior) => {
    const { guard, first, submits, moves } = await pair()
    first.next('in', behavior)
    await errorOf(guard.solve(challenge))
    expect([submits(), moves, (await guard.status()).day.spent]).toEqual([[1, 0], [], 1_000])
  })

  test('the next is asked after that where the policy allows another attempt, which is reserved anew', async () => {
    const { guard, first, submits } = await pair({ policy: { attempts: 2 } })
    first.next('in', { drop: true })
    expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect([submits(), (await guard.status()).day.spent]).toEqual([[1, 1], 3_000])
  })

  test('the next is asked with another attempt where one gave up, and the same again where there is none', async () => {
    const { guard, first, second, submits } = await pair({ policy: { attempts: 3 } })
    first.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    second.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect([submits(), (await guard.status()).day.spent]).toEqual([[1, 2], 2_000])
  })

  test('none is asked where the request is wrong', async () => {
    const { guard, first, submits } = await pair()
    first.next('in', { error: 'ERROR_RECAPTCHA_INVALID_SITEKEY' })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'SOLVER_REFUSED' })
    expect(submits()).toEqual([1, 0])
  })

  test('the one is asked that can do the family, and nothing is reserved for the other', async () => {
    const { guard, audit, submits } = await pair({ makes: [captchaAI, antiCaptcha] })
    expect((await guard.solve(HCAPTCHA)).cost).toBe(2_000)
    expect(submits()).toEqual([0, 1])
    expect(audit.events.flatMap(({ solver, action }) => (action === 'authorized' ? [solver] : []))).toEqual([
      'anticaptcha',
    ])
  })

  test('none can do it: the error names all of them, and who could', async () => {
    const { guard } = await pair({
      makes: [captchaAI, captchaAI],
      accounts: [{ name: 'one' }, { name: 'other' }],
    })
    const error = await errorOf(guard.solve(HCAPTCHA))
    expect(error).toMatchObject({ code: 'FAMILY_UNSUPPORTED' })
    expect(error.message).toMatch(/None of the solvers captchaai, captchaai can do .*twocaptcha, anticaptcha/)
  })

  test('a store that has no key for one is no trouble for the other', async () => {
    const empty = fixedSecret('x'.repeat(32))
    empty.fail(new Error('the store is down'))
    const { guard, submits } = await pair({ accounts: [{ secret: empty }, {}] })
    expect((await guard.solve(challenge)).cost).toBe(2_000)
    expect(submits()).toEqual([0, 1])
  })
})

describe('a budget of its own', () => {
  test('is a hard cap for one solver; what does not fit is taken to the next', async () => {
    const { guard, submits, moves } = await pair({ accounts: [{ budget: { perDay: usd(0.002) } }, {}] })
    for (let i = 0; i < 4; i++) await guard.solve(challenge)
    expect(submits()).toEqual([2, 2])
    expect(moves).toEqual(Array(2).fill('anticaptcha > twocaptcha: BUDGET_EXHAUSTED'))
    const { day, solvers } = await guard.status()
    expect(day).toMatchObject({ spent: 6_000, reserved: 0 })
    expect(solvers).toMatchObject([
      { name: 'anticaptcha', day: { cap: 2_000, spent: 2_000 } },
      { name: 'twocaptcha', day: { cap: undefined, spent: 4_000 } },
    ])
  })

  test('may begin anew at midnight where the schedule is', async () => {
    const budget = { perDay: { amount: usd(0.001), resets: 'calendar' } } as const
    const schedule = { timeZone: 'Asia/Tokyo', windows: [{ days: 'Mon-Sun', from: '00:00', to: '24:00' }] }
    const { guard, submits } = await pair({ accounts: [{ budget }, {}], policy: { schedule } })
    for (let i = 0; i < 2; i++) await guard.solve(challenge)
    expect(submits()).toEqual([1, 1])
    const [first] = (await guard.status()).solvers
    expect(first?.day).toMatchObject({ cap: 1_000, spent: 1_000, left: 0, timeZone: 'Asia/Tokyo' })
  })

  test('with nothing left anywhere the solve is denied, with when it is worth trying again', async () => {
    const { guard, audit } = await pair({
      accounts: [{ budget: { perMinute: 1 } }, { budget: { perSolve: usd(0.001) } }],
    })
    await guard.solve(challenge)
    const error = await errorOf(guard.solve(challenge))
    expect(error).toMatchObject({ code: 'PRICE_TOO_HIGH', layer: 'spending', retryAt: expect.any(Date) })
    expect(error.message).toMatch(/the budget of twocaptcha.*Tried before:.*tests:anticaptcha.*1 of 1 solves a minute/)
    await guard.close()
    expect(audit.events.filter(({ action }) => action === 'denied')).toHaveLength(1)
  })

  test('never allows more than the policy does for all', async () => {
    const { guard, submits } = await pair({ policy: { budget: { perDay: usd(0.001) } } })
    await guard.solve(challenge)
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'BUDGET_EXHAUSTED' })
    expect(submits()).toEqual([1, 0])
  })
})

describe('a pause', () => {
  test('concerns the one solver whose key is wrong: it is asked no more, and the others are', async () => {
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

  test('of every one of them denies', async () => {
    const { guard, first, second, submits } = await pair()
    for (const service of [first, second]) service.always('in', { error: 'ERROR_ZERO_BALANCE' })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'BALANCE_EMPTY' })
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'GUARD_PAUSED', layer: 'spending' })
    expect(submits()).toEqual([1, 1])
  })
})

describe('a service without a free slot', () => {
  test('is waited for as long as the policy says, and gets the task if it has one by then', async () => {
    const clock = manualClock()
    const { guard, first, submits } = await pair({ policy: { budget: { wait: '30s' } }, options: { clock } })
    first.next('in', ...Array(3).fill({ error: 'ERROR_NO_SLOT_AVAILABLE' }))
    expect((await settleWith(clock, guard.solve(challenge))).cost).toBe(1_000)
    expect(submits()).toEqual([4, 0])
  })

  test('is left for the next one when that time is over', async () => {
    const clock = manualClock()
    const { guard, first, submits } = await pair({ policy: { budget: { wait: '12s' } }, options: { clock } })
    first.always('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
    expect((await settleWith(clock, guard.solve(challenge))).cost).toBe(2_000)
    // At once, and after 5 to 6.25 s; a third try would come after the 12 s.
    expect(submits()[0]).toBeGreaterThanOrEqual(2)
    expect(submits()[0]).toBeLessThanOrEqual(3)
  })

  test('is come back to where the others do not take it either', async () => {
    const clock = manualClock()
    const { guard, first, second, submits } = await pair({ options: { clock } })
    first.next('in', ...Array(3).fill({ error: 'ERROR_NO_SLOT_AVAILABLE' }))
    second.always('in', { error: 'ERROR_ZERO_BALANCE' })
    expect((await settleWith(clock, guard.solve(challenge))).cost).toBe(1_000)
    expect(submits()).toEqual([4, 1])
  })

  test('is asked until the deadline where no other one can do the family', async () => {
    const clock = manualClock()
    const { guard, first, submits } = await pair({ makes: [antiCaptcha, captchaAI], options: { clock } })
    first.next('in', ...Array(3).fill({ error: 'ERROR_NO_SLOT_AVAILABLE' }))
    expect((await settleWith(clock, guard.solve(HCAPTCHA))).cost).toBe(1_000)
    expect(submits()).toEqual([4, 0])
  })
})

test('a task that a guard left is picked up with the account that it was handed in with', async () => {
  const ledger = memoryLedger()
  const one = await pair({ options: { ledger } })
  one.first.always('in', { error: 'ERROR_NO_SLOT_AVAILABLE' })
  one.second.next('in', { pendingTimes: 1_000_000 })
  const left = errorOf(one.guard.solve(challenge))
  await until(() => (one.second.tasks[0]?.polls ?? 0) > 0)
  await one.guard.close()
  expect(await left).toMatchObject({ code: 'GUARD_CLOSED' })

  one.second.always('res', { pendingTimes: 0 })
  const { guard, audit } = await pair({ services: [one.first, one.second], options: { ledger } })
  await until(() => audit.events.some(({ action }) => action === 'recovered'))
  expect(audit.events.find(({ action }) => action === 'recovered')).toMatchObject({
    solver: 'twocaptcha',
    cost: 2_000,
    path: ['tests', 'tests:twocaptcha'],
  })
  expect((await guard.status()).day).toMatchObject({ spent: 2_000, reserved: 0 })
})

describe('the list of solvers', () => {
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
    ['beside a solver', { solver: captchaAI(), solvers: [account] }, /either solver and secret, or solvers/],
    ['beside a secret', { secret: account.secret, solvers: [account] }, /either solver and secret, or solvers/],
    ['empty', { solvers: [] }, /at least one/],
    [
      'with two of one name',
      { solvers: [account, account] },
      /solvers\[1\]\.name: another account has the name captchaai/,
    ],
    ['with a name that is none', { solvers: [{ ...account, name: 'a b' }] }, /solvers\[0\]\.name/],
    ['without a secret', { solvers: [{ solver: captchaAI() } as SolverAccount] }, /solvers\[0\]\.secret/],
    [
      'with a budget for pages',
      { solvers: [{ ...account, budget: { perOrigin: usd(1) } as never }] },
      /budget: expected only/,
    ],
    [
      'with the path of a certificate for the certificate',
      { ca: '/etc/ssl/ca.pem' },
      /options.ca: .*in PEM.*not the path/,
    ],
    ['without a folder', { stateDir: '' }, /options.stateDir: expected the path of a folder/],
    [
      'with a mistyped field',
      { solvers: [{ ...account, secrets: 1 } as never] },
      /solvers\[0\]\.secrets: there is no such field, only solver, secret,/,
    ],
  ])('is refused %s', async (_, options, message) => {
    const error = await make(options)
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringMatching(message)])
  })
})

/** Until a condition holds, on a real clock; generous. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 6_000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(holds()).toBe(true)
}
