import { describe, expect, it } from 'vitest'
import { SolveguardError } from '../../src/base/errors.js'
import type { Ledger } from '../../src/ledger/ledger.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { SERVICE_NAMES, SERVICES, type ServiceName, type ServiceWires } from '../../src/wires/services.js'
import { fixedSecret } from '../guard/support.js'
import { type BrokerRig, type BrokerRigOptions, brokerRig, PAGE, SITEKEY, untilDone } from './support.js'

/** A client: the dialect that it speaks, and how. A service with both wires has a client for each. */
type Dialect = ServiceName | 'twocaptcha tasks'

const DIALECTS: readonly Dialect[] = SERVICE_NAMES.flatMap((name): Dialect[] =>
  name === 'twocaptcha' ? [name, 'twocaptcha tasks'] : [name],
)

const serviceOf = (dialect: Dialect): ServiceName => (dialect === 'twocaptcha tasks' ? 'twocaptcha' : dialect)

const isForm = (dialect: Dialect): boolean => {
  const { form }: ServiceWires = SERVICES[serviceOf(dialect)]
  return form !== undefined && dialect !== 'twocaptcha tasks'
}

/** What each dialect's client gets: the code, and for the task family its number too. */
type Words = Readonly<Record<Dialect, string | readonly [code: string, errorId: number]>>

/** What a client gets in most dialects. CapSolver has one number for all errors. */
function words(code: string, errorId: number, others: Partial<Words> = {}): Words {
  const usual = DIALECTS.map((dialect) => [dialect, isForm(dialect) ? code : [code, errorId]])
  return { ...Object.fromEntries(usual), capsolver: [code, 1], ...others }
}

interface Row {
  readonly what: string
  readonly options?: () => BrokerRigOptions
  readonly before?: (rig: BrokerRig) => Promise<unknown>
  readonly page?: string
  readonly fields?: Readonly<Record<string, string>>
  readonly token?: string
  readonly poll?: boolean
  readonly words: Words
  readonly sentence: RegExp
}

const brokenLedger = (): Ledger =>
  memoryLedgerWith({
    reserve: () => {
      throw new SolveguardError('LEDGER_UNAVAILABLE', 'The disk is full.')
    },
  })

function memoryLedgerWith(overrides: Partial<Ledger>): Ledger {
  const ledger = memoryLedger()
  return new Proxy(ledger, {
    get: (target, name: keyof Ledger) => {
      const value = overrides[name] ?? target[name]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A schedule that is closed around now. */
function closedSchedule() {
  const days = [-1, 0, 1].map((days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10))
  const windows = [{ days: 'Mon-Sun' as const, from: '00:00', to: '24:00' }]
  return { timeZone: 'UTC', windows, except: Object.fromEntries(days.map((day) => [day, 'closed' as const])) }
}

const internal = words('ERROR_INTERNAL_SERVER_ERROR', 110)
const slots = words('ERROR_NO_SLOT_AVAILABLE', 2, { captchaai: 'ERROR_ZERO_BALANCE' })
const noBudget = words('ERROR_ZERO_BALANCE', 10)

const ROWS: readonly Row[] = [
  {
    what: 'a page that is not named',
    page: 'https://elsewhere.example/',
    words: words('ERROR_PAGEURL', 110, { capmonster: ['ERROR_DOMAIN_NOT_ALLOWED', 110] }),
    sentence: /https:\/\/elsewhere\.example is not named in policy\.origins/,
  },
  {
    what: 'a budget that is used up',
    options: () => ({ policy: { budget: { perDay: usd(0.0015) } } }),
    before: submitOnce,
    words: noBudget,
    sentence: /spent or reserved/,
  },
  {
    what: 'no free slot',
    options: () => ({ policy: { budget: { perDay: usd(1), concurrent: 1 } }, serviceOptions: { solveMs: 60_000 } }),
    before: submitOnce,
    words: slots,
    sentence: /1 of 1 slots are in use/,
  },
  {
    what: 'a rate that is used up',
    options: () => ({ policy: { budget: { perDay: usd(1), perMinute: 1 } } }),
    before: submitOnce,
    words: slots,
    sentence: /1 of 1 solve a minute/,
  },
  {
    what: 'a closed schedule',
    options: () => ({
      policy: { schedule: closedSchedule() },
    }),
    words: noBudget,
    sentence: /outside the working hours/,
  },
  {
    what: 'a pause',
    options: () => {
      const ledger = memoryLedger()
      return { ledger }
    },
    before: async ({ ledger }) => ledger.pause('tests', { code: 'MANUAL', message: 'Under review.', at: Date.now() }),
    words: words('ERROR_ACCOUNT_SUSPENDED', 57),
    sentence: /Under review/,
  },
  {
    what: 'a token that is no good',
    token: 'unknown-token',
    words: words('ERROR_KEY_DOES_NOT_EXIST', 1),
    sentence: /not known/,
  },
  {
    what: 'no token',
    token: '',
    words: words('ERROR_KEY_DOES_NOT_EXIST', 1),
    sentence: /no token where its key would be/,
  },
  {
    what: "another token's task",
    poll: true,
    words: words('ERROR_NO_SUCH_CAPCHA_ID', 16, {
      captchaai: 'ERROR_WRONG_CAPTCHA_ID',
      twocaptcha: 'ERROR_WRONG_CAPTCHA_ID',
    }),
    sentence: /no such task/,
  },
  {
    what: 'a ledger that does not answer',
    options: () => ({ ledger: brokenLedger() }),
    words: internal,
    sentence: /disk is full/,
  },
  {
    what: 'an audit log that cannot be written',
    before: async ({ audit }) => audit.failWith(new Error('No space left.')),
    words: internal,
    sentence: /No space left/,
  },
  {
    what: 'a secret that is away',
    options: () => {
      const secret = fixedSecret('x')
      secret.fail(new SolveguardError('SECRET_UNAVAILABLE', 'The store is down.'))
      return { secret }
    },
    words: internal,
    sentence: /store is down|secret/i,
  },
  {
    what: 'a sitekey that cannot be one',
    fields: { sitekey: 'not a key!' },
    words: words('ERROR_BAD_PARAMETERS', 110),
    sentence: /challenge\.sitekey/,
  },
  {
    what: 'a call-back',
    fields: { pingback: 'https://client.example/cb', callbackUrl: 'https://client.example/cb' },
    words: words('ERROR_BAD_PARAMETERS', 110),
    sentence: /calls no addresses of clients back/,
  },
  {
    what: 'a proxy of the client',
    fields: {
      proxy: 'user:pw@203.0.113.9:3128',
      proxytype: 'HTTP',
      proxyType: 'http',
      proxyAddress: '203.0.113.9',
      proxyPort: '3128',
    },
    words: words('ERROR_BAD_PROXY', 110, { anticaptcha: ['ERROR_PROXY_CONNECT_REFUSED', 110] }),
    sentence: /policy\.pageProxy/,
  },
  {
    what: 'a proxy of the client as one value',
    fields: { proxy: 'http:203.0.113.9:3128:user:pw' },
    words: words('ERROR_BAD_PROXY', 110, { anticaptcha: ['ERROR_PROXY_CONNECT_REFUSED', 110] }),
    sentence: /policy\.pageProxy/,
  },
  {
    what: 'a broker that drains',
    before: async ({ tasks }) => tasks.drain(0),
    words: slots,
    sentence: /about to stop/,
  },
]

/** The types of task by which a client of these services is recognized. */
const TYPES: Readonly<Record<string, string>> = {
  capmonster: 'RecaptchaV2Task',
  capsolver: 'ReCaptchaV2TaskProxyLess',
}

describe.each(ROWS)('a client gets the error of $what', (row) => {
  it.each(DIALECTS)('in the words of %s', async (dialect) => {
    const rig = await brokerRig({ as: serviceOf(dialect), ...row.options?.() })
    rig.guard.on('alert', () => {})
    await row.before?.(rig)
    const reply = await ask(rig, dialect, row)
    const expected = row.words[dialect]
    const [code, errorId] = typeof expected === 'string' ? [expected] : expected
    if (isForm(dialect)) {
      expect(reply).toEqual({ status: 0, request: code, error_text: expect.stringMatching(row.sentence) })
    } else {
      expect(reply).toEqual({ errorId, errorCode: code, errorDescription: expect.stringMatching(row.sentence) })
    }
    expect(reply.errorId).not.toBe(11)
    // A plain reply has the code alone.
    if (isForm(dialect)) expect(await ask(rig, dialect, row, false)).toBe(code)
    // The key is in no reply.
    expect(JSON.stringify(reply)).not.toContain(rig.service.key)
    expect(rig.service.requests.filter(({ endpoint }) => endpoint === 'in').length).toBeLessThanOrEqual(1)
  })
})

async function submitOnce(rig: BrokerRig): Promise<void> {
  const { taskId, request } = await ask(rig, 'anticaptcha', { page: PAGE })
  expect(taskId ?? request).toBeDefined()
}

function ask(rig: BrokerRig, dialect: Dialect, row: Partial<Row>): Promise<Record<string, unknown>>
function ask(rig: BrokerRig, dialect: Dialect, row: Partial<Row>, asJson: false): Promise<string>
async function ask(
  rig: BrokerRig,
  dialect: Dialect,
  { page = PAGE, fields = {}, token, poll }: Partial<Row>,
  asJson = true,
): Promise<Record<string, unknown> | string> {
  const options = token === undefined ? {} : { token }
  const { sitekey = SITEKEY, pingback, callbackUrl, proxy, proxytype, ...proxyFields } = fields
  if (isForm(dialect)) {
    const form = {
      ...(poll ? { action: 'get', id: '1234567' } : { method: 'userrecaptcha', googlekey: sitekey, pageurl: page }),
      ...(asJson && { json: '1' }),
      ...(pingback && { pingback }),
      ...(proxy && { proxy, proxytype: proxytype ?? '' }),
    }
    const text = await rig.form(`/${dialect}/${poll ? 'res' : 'in'}.php`, form, options)
    return asJson ? JSON.parse(text) : text
  }
  const prefix = serviceOf(dialect)
  const task = {
    type: TYPES[dialect] ?? 'RecaptchaV2TaskProxyless',
    websiteURL: page,
    websiteKey: sitekey,
    ...proxyFields,
    ...(proxy && proxytype === undefined && { proxy }),
  }
  return poll
    ? rig.json(`/${prefix}/getTaskResult`, { taskId: 1234567 }, options)
    : rig.json(`/${prefix}/createTask`, { task, ...(callbackUrl && { callbackUrl }) }, options)
}

describe('what a service says of a task', () => {
  it.each(DIALECTS)('comes with the poll, in the words of %s', async (dialect) => {
    const as = serviceOf(dialect)
    const rig = await brokerRig({ as })
    rig.service.always('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    const submitted = await ask(rig, dialect, {})
    if (isForm(dialect)) {
      const id = String(submitted.request)
      const poll = () => rig.form(`/${dialect}/res.php`, { action: 'get', id, json: '1' })
      const text = await untilDone(poll, (reply) => reply.includes('CAPCHA_NOT_READY'))
      expect(JSON.parse(text)).toMatchObject({ status: 0, request: 'ERROR_CAPTCHA_UNSOLVABLE' })
      return
    }
    const prefix = serviceOf(dialect)
    const poll = () => rig.json(`/${prefix}/getTaskResult`, { taskId: submitted.taskId })
    const reply = await untilDone(poll, ({ status }) => status === 'processing')
    expect(reply).toMatchObject({ errorId: dialect === 'capsolver' ? 1 : 12, errorCode: 'ERROR_CAPTCHA_UNSOLVABLE' })
  })
})

describe('a client of CaptchaAI that is refused for lack of capacity', () => {
  it('is answered by threadsinfo that all threads are busy, upon which it waits, and not so for a budget', async () => {
    const budget = { perDay: usd(0.0025), concurrent: 5, perMinute: 1 }
    const rig = await brokerRig({ as: 'captchaai', policy: { budget } })
    const submit = () => ask(rig, 'captchaai', {})
    const threads = async () => JSON.parse(await rig.form('/res.php', { action: 'threadsinfo', json: '1' }))
    expect(await submit()).toMatchObject({ status: 1 })
    expect(await submit()).toMatchObject({
      request: 'ERROR_ZERO_BALANCE',
      error_text: expect.stringMatching(/a minute/),
    })
    expect(await threads()).toEqual({ threads: 5, working_threads: 5 })
    const poor = await brokerRig({ as: 'captchaai', policy: { budget: { perDay: usd(0.0005), concurrent: 5 } } })
    expect(await ask(poor, 'captchaai', {})).toMatchObject({ request: 'ERROR_ZERO_BALANCE' })
    expect(JSON.parse(await poor.form('/res.php', { action: 'threadsinfo', json: '1' }))).toEqual({
      threads: 5,
      working_threads: 0,
    })
  })
})

describe('a client that asks for something while the ledger is away', () => {
  const ASKED: Readonly<Record<string, readonly [path: string, form: Record<string, string>, task: object]>> = {
    'its balance': ['Balance', { action: 'getbalance' }, {}],
    'its threads': ['', { action: 'threadsinfo' }, {}],
    "another broker's task": ['TaskResult', { action: 'get', id: '1234567' }, { taskId: 1234567 }],
  }
  it.each(Object.entries(ASKED))(
    'is answered that for %s, and no word of the ledger itself',
    async (_, [path, form, task]) => {
      const fail = () => {
        throw new Error('No space left on /var/lib/secret-place')
      }
      for (const dialect of DIALECTS) {
        const as = serviceOf(dialect)
        let isAway = false
        const ledger = memoryLedgerWith({})
        const flaky = new Proxy(ledger, {
          get: (target, name: keyof Ledger) => {
            const value = target[name]
            if (isAway && (name === 'usage' || name === 'listFacts')) return fail
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
        const rig = await brokerRig({ as, ledger: flaky })
        rig.guard.on('alert', () => {})
        isAway = true
        if (isForm(dialect)) {
          const reply = await rig.form(`/${as}/res.php`, { ...form, json: '1' })
          expect([dialect, JSON.parse(reply).request]).toEqual([dialect, 'ERROR_INTERNAL_SERVER_ERROR'])
          expect(await rig.form(`/${as}/res.php`, form)).toBe('ERROR_INTERNAL_SERVER_ERROR')
        } else if (path !== '') {
          const reply = await rig.json(`/${as}/get${path}`, task)
          const errorId = dialect === 'capsolver' ? 1 : 110
          expect([dialect, reply]).toEqual([
            dialect,
            {
              errorId,
              errorCode: 'ERROR_INTERNAL_SERVER_ERROR',
              errorDescription: expect.stringMatching(/The ledger/),
            },
          ])
        }
      }
    },
  )
})
