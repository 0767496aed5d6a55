import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Challenge, Family, GridChallenge, ImageChallenge, Variant } from '../../src/base/challenge.js'
import type { Call, Reply } from '../../src/base/wire.js'
import type { SolverOptions } from '../../src/solvers/options.js'
import type { Failure, FailureClass, Solver } from '../../src/solvers/solver.js'
import { drawDigits } from '../../src/testing/shared/picture.js'

export const CHALLENGE: Challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI',
  pageUrl: 'https://staging.example.com/login?next=%2Fhome',
}

export const TURNSTILE: Challenge = {
  family: 'turnstile',
  variant: 'turnstile',
  sitekey: '0x4AAAAAAAC3DHQFLr1GavRN',
  pageUrl: CHALLENGE.pageUrl,
}

export const HCAPTCHA: Challenge = {
  family: 'hcaptcha',
  variant: 'checkbox',
  sitekey: '5a1c0000-0000-4000-8000-00000000cafe',
  pageUrl: CHALLENGE.pageUrl,
}

/** v3; v4 is `GEETEST_V4`. */
export const GEETEST: Challenge = {
  family: 'geetest',
  variant: 'v3',
  sitekey: '81dc9bdb52d04dc20036dbd8313ed055',
  challenge: 'd93591bdf7860e1e4ee2fca799911215',
  pageUrl: CHALLENGE.pageUrl,
}

export const GEETEST_V4: Challenge = {
  family: 'geetest',
  variant: 'v4',
  sitekey: 'e392e1d7fd421dc63325744d5a2b9c73',
  pageUrl: CHALLENGE.pageUrl,
}

/** Version 1, which every service with this family solves. */
export const FRIENDLY: Challenge = {
  family: 'friendly',
  variant: 'v1',
  sitekey: 'FCMDESUD3M34857N',
  pageUrl: CHALLENGE.pageUrl,
}

export const MTCAPTCHA: Challenge = {
  family: 'mtcaptcha',
  variant: 'mtcaptcha',
  sitekey: 'MTPublic-KzqLY1cKH',
  pageUrl: CHALLENGE.pageUrl,
}

export const AWS_WAF: Challenge = {
  family: 'aws-waf',
  variant: 'widget',
  sitekey: `${'An+API/key='.repeat(80)}_0_1`,
  scriptUrl: 'https://f4df95ce5d70.us-east-1.captcha-sdk.awswaf.com/f4df95ce5d70/jsapi.js',
  pageUrl: CHALLENGE.pageUrl,
}

export const ARKOSE: Challenge = {
  family: 'arkose',
  variant: 'arkose',
  sitekey: '69A21A01-CC7B-B9C6-0F9A-E7FA06677FFC',
  pageUrl: CHALLENGE.pageUrl,
}

export const CAPTCHAFOX: Challenge = {
  family: 'captchafox',
  variant: 'captchafox',
  sitekey: 'sk_xtNxpk6fCdFbxh1_xJeGflSdCE9tn99G',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  pageUrl: CHALLENGE.pageUrl,
}

export const YANDEX: Challenge = {
  family: 'yandex',
  variant: 'checkbox',
  sitekey: 'ysc1_bFdbbET5WBnPTvoE5jTXYrvdbT60MdQ31nhVV5wUa8027fe5',
  pageUrl: CHALLENGE.pageUrl,
}

export const IMAGE: ImageChallenge = {
  family: 'image',
  variant: 'text',
  pageUrl: CHALLENGE.pageUrl,
  image: drawDigits('4711'),
}

export const GRID: GridChallenge = {
  family: 'bls',
  variant: 'grid',
  pageUrl: CHALLENGE.pageUrl,
  images: ['664', '123', '546', '664', '812', '907', '664', '111', '230'].map((digits) => drawDigits(digits)),
  instruction: 'Please select all boxes with number 664',
}

/** A challenge of each family and variant that a service can solve, and whose widgets are found in pages. */
export const EVERY: readonly Challenge[] = [
  CHALLENGE,
  { ...CHALLENGE, variant: 'v2-invisible' },
  { ...CHALLENGE, variant: 'v3' },
  { ...CHALLENGE, variant: 'enterprise-checkbox' },
  { ...CHALLENGE, variant: 'enterprise-invisible' },
  { ...CHALLENGE, variant: 'enterprise-score' },
  TURNSTILE,
  HCAPTCHA,
  { ...HCAPTCHA, variant: 'invisible', rqdata: 'one-time' },
  GEETEST,
  { ...GEETEST, apiHost: 'api-na.geetest.com' },
  GEETEST_V4,
  FRIENDLY,
  { ...FRIENDLY, variant: 'v2', scriptUrl: 'https://cdn.example/@friendlycaptcha/sdk@0.1.31/site.min.js' },
  MTCAPTCHA,
  { ...MTCAPTCHA, action: 'login' },
  AWS_WAF,
  ARKOSE,
  { ...ARKOSE, blob: 'one-time', apiHost: 'company-api.arkoselabs.com' },
  CAPTCHAFOX,
  YANDEX,
  { ...YANDEX, variant: 'invisible' },
]

const CLASSES: readonly FailureClass[] = [
  'busy',
  'unsolvable',
  'request',
  'unsupported',
  'proxy',
  'key',
  'address',
  'balance',
  'invalid',
  'unknown',
]

export const ok = (body: string): Reply => ({ status: 200, contentType: 'text/html; charset=UTF-8', body })

/** Replies of one service, as it sends them. */
export interface Recorded {
  readonly submitted: { readonly reply: Reply; readonly taskId: string }
  readonly ready: { readonly reply: Reply; readonly token: string }
  readonly pending: Reply
  readonly balance: { readonly reply: Reply; readonly micros: number }
  /** An error, as a reply to anything. */
  readonly error: (code: string) => Reply
}

/** What every solver promises, whichever service it speaks to. */
export function solverContract(name: string, make: (options?: SolverOptions) => Solver, recorded: Recorded): void {
  describe(`${name} keeps the promises of a solver:`, () => {
    const solver = make()
    const able = EVERY.filter((one) => !solver.unsupported(one))
    const all = [...able, ...[IMAGE, GRID].filter((one) => !solver.unsupported(one))]
    const readers = {
      readSubmit: solver.readSubmit,
      readPoll: (reply: Reply, family: Family = 'recaptcha') => solver.readPoll(reply, family),
      readBalance: solver.readBalance,
    }

    test('has the name of its table entry, and an https address without a trailing slash', () => {
      expect(solver.name).toBe(name)
      expect(solver.baseUrl).toMatch(/^https:\/\/[a-z0-9.-]+$/)
      expect(solver.addressHelp).toMatch(/\.$/)
    })

    test('makes calls to a plain path, without the key', () => {
      const calls: (Call | undefined)[] = [
        ...all.map((one) => solver.submit(one)),
        solver.poll('123'),
        solver.balance(),
        ...all.flatMap(({ family }) => [solver.report('123', true, family), solver.report('123', false, family)]),
      ]
      for (const call of calls) {
        if (!call) continue
        expect(call.path).toMatch(/^\/[A-Za-z0-9./_-]+$/)
        expect(call.fields).not.toHaveProperty(call.keyField)
      }
    })

    test('solves something, and names what it cannot solve', () => {
      expect(able.length).toBeGreaterThan(0)
      const stranger: Challenge = { ...CHALLENGE, family: 'stranger', variant: 'stranger' } as never
      expect(solver.unsupported(stranger)).toMatch(/stranger/)
      for (const name of ['constructor', '__proto__', 'toString']) {
        expect(solver.unsupported({ ...CHALLENGE, variant: name as Variant })).toMatch(/variant/)
      }
    })

    test("submits the frame's address, without credentials and fragment", () => {
      for (const one of able) {
        const page = JSON.stringify(solver.submit({ ...one, pageUrl: 'https://u:pw@page.example/a?b=c#d' }))
        expect(page).toContain('"https://page.example/a?b=c"')
        const framed = JSON.stringify(solver.submit({ ...one, frameUrl: 'https://u:pw@frame.example/x?y#z' }))
        expect(framed).toContain('"https://frame.example/x?y"')
        expect(framed).not.toContain('staging.example.com')
      }
    })

    test('rejects a page without a web address', () => {
      for (const pageUrl of ['about:blank', 'javascript:1', 'data:text/html,x', 'file:///x', '', 'x']) {
        for (const one of able) {
          expect(() => solver.submit({ ...one, pageUrl })).toThrow(
            expect.objectContaining({ code: 'CHALLENGE_INVALID' }),
          )
        }
      }
    })

    test('submits no id of the program unless its user sets one', () => {
      for (const one of all) {
        const { fields } = solver.submit(one)
        expect(JSON.stringify(fields)).not.toMatch(
          /"(?:soft_?id|app_?id|developer|ref(?:erral)?|pingback|callbackUrl)"/i,
        )
      }
    })

    test('submits the whole proxy of a page, or states why not; the password is in no other call', () => {
      const login = { user: 'browser', password: 'pa55-word' }
      const proxy = { type: 'socks5', host: '203.0.113.9', port: 1080, login } as const
      for (const one of all) {
        const without = solver.submit(one)
        expect([JSON.stringify(without).match(/proxy(?!less)(?:type|address)?":/i), without.sensitive]).toEqual([
          null,
          undefined,
        ])
        const why = solver.proxyUnsupported(one, proxy)
        if (why !== undefined) {
          expect(why).not.toContain('pa55')
          continue
        }
        const call = solver.submit(one, proxy)
        if (one.family === 'image' || one.family === 'bls') expect(call.fields).toEqual(without.fields)
        else {
          const sent = JSON.stringify(call.fields)
          for (const part of ['203.0.113.9', '1080', 'browser', 'pa55-word']) expect(sent).toContain(part)
          expect(sent).toMatch(/"socks5"/i)
          expect(call.sensitive).toEqual(['pa55-word'])
        }
      }
    })

    test('rejects a proxy that the service cannot reach', () => {
      const [one] = able as [Challenge]
      for (const host of ['127.0.0.1', '10.1.2.3', '192.168.0.9', 'fe80::1', 'proxy', 'proxy.internal', 'localhost']) {
        const proxy = { type: 'http', host, port: 3128 } as const
        expect(solver.proxyUnsupported(one, proxy)).toMatch(/private network|through a proxy/)
      }
    })

    test('has a price for each solve, in whole micro-dollars', () => {
      for (const one of all) {
        const { amount, imputed } = solver.price(one)
        expect(Number.isSafeInteger(amount) && amount > 0).toBe(true)
        expect(typeof imputed).toBe('boolean')
      }
    })

    test('polls every 1 to 60 s', () => {
      for (const one of all) {
        const { usual, ...limits } = solver.polling(one)
        for (const ms of Object.values(limits)) {
          expect(ms).toBeGreaterThanOrEqual(1_000)
          expect(ms).toBeLessThanOrEqual(60_000)
        }
        expect(usual?.medianMs).toBeGreaterThanOrEqual(1_000)
        expect(usual?.spread).toBeGreaterThan(0)
        // An answer waits at the service for half of the interval between polls, on average.
        expect(usual?.idleMs).toBeGreaterThanOrEqual(limits.everyMs / 2)
      }
    })

    test('polls faster than that on loopback only', () => {
      const polling = { firstPollMs: 0, everyMs: 5 }
      expect(make({ baseUrl: 'http://127.0.0.1:1', polling: polling }).polling(CHALLENGE)).toEqual(polling)
      for (const field of ['firstPollMs', 'everyMs']) {
        expect(() => make({ polling: { ...{ firstPollMs: 1000, everyMs: 1000 }, [field]: 999 } })).toThrow(
          expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(`polling.${field}`) }),
        )
      }
    })

    test('accepts another address, but not without TLS', () => {
      expect(make({ baseUrl: 'https://mirror.example/api/' }).baseUrl).toBe('https://mirror.example/api')
      expect(make({ baseUrl: 'http://127.0.0.1:8080/' }).baseUrl).toBe('http://127.0.0.1:8080')
      expect(() => make({ baseUrl: 'http://mirror.example' })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(`${name}: baseUrl`) }),
      )
    })

    test.each([
      ['a key in place of options', '0123456789abcdef', /no key: put the key into SOLVEGUARD_KEY/],
      ['a key among the options', { key: '0123456789abcdef' }, /no key: put the key into SOLVEGUARD_KEY/],
      ['a price without a unit', { pricing: 0.001 }, /pricing is not valid: is \{ per: 'solve', usd: 0.003 \}/],
      ['a price in micro-dollars', { pricing: { per: 'solve', usd: 1000 } }, /from 0 to 100, such as 0.003 \(not usd/],
      ['a price of no family', { pricing: { per: 'solve', usd: { recapcha: 1 } } }, /pricing.usd .*recapcha/],
    ])('rejects %s, and states what to write', (_, options, message) => {
      expect(() => make(options as never)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
      )
    })

    test('reads the recorded replies', () => {
      const { submitted, ready, pending, balance } = recorded
      expect(solver.readSubmit(submitted.reply)).toEqual({ kind: 'submitted', taskId: submitted.taskId })
      expect(readers.readPoll(ready.reply)).toMatchObject({ kind: 'ready', answer: { token: ready.token } })
      expect(readers.readPoll(pending)).toEqual({ kind: 'pending' })
      expect(solver.readBalance(balance.reply)).toEqual({ kind: 'balance', amount: balance.micros })
    })

    test('fails with an unknown error, and keeps its code: a task that has it counts as charged, a submit does not', () => {
      const unknown = { class: 'unknown', code: 'ERROR_OF_TOMORROW', ambiguous: false }
      const reply = recorded.error('ERROR_OF_TOMORROW')
      expect(readers.readPoll(reply)).toMatchObject({ ...unknown, charged: true })
      for (const status of [200, 400, 401, 403]) {
        expect(readers.readSubmit({ ...reply, status })).toMatchObject({ ...unknown, charged: false })
      }
    })

    test.each<[string, Reply]>([
      ['under a status of the server', { ...recorded.error('ERROR_OF_TOMORROW'), status: 500 }],
      ['under 408', { ...recorded.error('ERROR_OF_TOMORROW'), status: 408 }],
      ['whose name is that of an internal failure', recorded.error('ERROR_INTERNAL_OF_TOMORROW')],
      ['whose name is that of a time-out', recorded.error('ERROR_SOLVER_TIMEOUT_OF_TOMORROW')],
    ])('takes a submit for possibly accepted after an unknown error %s', (_, reply) => {
      expect(solver.readSubmit(reply)).toMatchObject({ kind: 'failure', ambiguous: true })
    })

    test('does not take the name of a built-in property for a known error', () => {
      for (const code of ['ERROR_constructor', 'ERROR___proto__']) {
        expect(readers.readPoll(recorded.error(code))).toMatchObject({ class: 'unknown' })
      }
    })

    test('bounds every code and makes it printable', () => {
      const failure = solver.readSubmit(recorded.error(`ERROR_\u001b[31m\u202e${'x'.repeat(5000)}`)) as Failure
      expect(failure.code.length).toBeLessThanOrEqual(80)
      for (const bad of ['\u001b', '\u202e']) expect(failure.code + failure.message).not.toContain(bad)
    })

    test.each<[string, Reply]>([
      ['nothing', ok('')],
      ['blanks', ok(' \r\n ')],
      ['half of a reply', ok(recorded.submitted.reply.body.slice(0, 2))],
      ['a megabyte of nonsense', ok('x'.repeat(1024 * 1024))],
      ['bytes', ok('\u0000\ufffd\ufffd')],
      ['a gateway that lost the answer (502)', { ...ok('<html>'), status: 502 }],
      ['a gateway that lost the answer (504)', { ...ok(''), status: 504 }],
      ['a gateway that waited in vain (524)', { ...ok('<html>'), status: 524 }],
      ['a success under an error of the server', { ...recorded.submitted.reply, status: 500 }],
      // CapSolver names the task in it, which makes a whole reply of it.
      ...(recorded.pending.body.includes('"taskId"')
        ? []
        : [['a reply to a poll', recorded.pending] as [string, Reply]]),
    ])('takes a submit for possibly accepted after %s', (_, reply) => {
      expect(solver.readSubmit(reply)).toMatchObject({ kind: 'failure', ambiguous: true })
    })

    test.each<[string, Reply, FailureClass]>([
      ['a web page', ok('<!DOCTYPE html><html></html>'), 'invalid'],
      ['a redirect', { ...ok(''), status: 302 }, 'invalid'],
      ...[400, 401, 403, 404, 408, 499].map(
        (status) => [`HTTP ${status}`, { ...ok('<html>'), status }, 'invalid'] as const,
      ),
      ...[500, 501, 502, 503, 504, 507, 520, 521, 522, 523, 524, 525, 526, 529, 530].map(
        (status) => [`HTTP ${status}`, { ...ok(''), status }, 'busy'] as const,
      ),
      ['an internal error', recorded.error('ERROR_INTERNAL_SERVER_ERROR'), 'busy'],
      ['a server error', recorded.error('ERROR_SERVER_ERROR'), 'busy'],
      ['a service that is not available', recorded.error('ERROR_SERVICE_UNAVALIABLE'), 'busy'],
    ] as [string, Reply, FailureClass][])(
      'takes a submit for possibly accepted, and a poll for one to retry, after %s',
      (_, reply, kind) => {
        expect(solver.readSubmit(reply)).toMatchObject({ kind: 'failure', class: kind, ambiguous: true })
        const polled = readers.readPoll(reply) as Failure
        expect(polled).toMatchObject({ kind: 'failure', class: kind, ambiguous: false })
        expect(polled.retryAfterMs).toBeGreaterThanOrEqual(1_000)
      },
    )

    test.each<[string, Reply]>([
      ['429', { ...ok(''), status: 429 }],
      ['no free slot', recorded.error('ERROR_NO_SLOT_AVAILABLE')],
      ['too many calls', recorded.error('ERROR_TOO_MUCH_REQUESTS')],
    ])('takes a submit for refused, to retry under the same reservation, after %s', (_, reply) => {
      const failure = solver.readSubmit(reply) as Failure
      expect(failure).toMatchObject({ kind: 'failure', class: 'busy', ambiguous: false, charged: false })
      expect(failure.retryAfterMs).toBeGreaterThanOrEqual(1_000)
    })

    test('reads a whole error as an error under any HTTP status', () => {
      const reply = recorded.error('ERROR_WRONG_USER_KEY')
      for (const status of [200, 400, 401, 403, 500, 502]) {
        expect(solver.readSubmit({ ...reply, status })).toMatchObject({ class: 'key', ambiguous: false })
      }
    })

    test('never takes a poll for ambiguous', () => {
      for (const reply of [ok(''), ok('{"'), ok('<html>'), { ...ok(''), status: 504 }]) {
        expect(readers.readPoll(reply)).toMatchObject({ kind: 'failure', ambiguous: false, charged: true })
      }
    })

    test('reads the results of a batch, in order', () => {
      const { batchPoll: batch } = solver
      if (!batch) return
      const families = all.map(({ family }) => family).filter((family) => batch.families.includes(family))
      const call = batch.poll(families.map((_, i) => String(i + 1)))
      expect(call.fields).not.toHaveProperty(call.keyField)
      expect(JSON.stringify(call.fields)).toContain(families.map((_, i) => i + 1).join())
      const parts = families.map((_, i) => ['CAPCHA_NOT_READY', `token-${i}`, 'ERROR_CAPTCHA_UNSOLVABLE'][i % 3])
      expect(batch.read(ok(parts.join('|')), families)).toMatchObject({
        kind: 'batch',
        results: families.map(
          (_, i) =>
            [
              { kind: 'pending' },
              { kind: 'ready', answer: { token: `token-${i}` } },
              { kind: 'failure', class: 'unsolvable' },
            ][i % 3],
        ),
      })
      // One part too batch or too few: the parts cannot be assigned to the tasks.
      for (const odd of [[...parts, 'x'], parts.slice(1), ['x']]) {
        expect(batch.read(ok(odd.join('|')), families)).toMatchObject({ kind: 'failure', class: 'invalid' })
      }
      expect(batch.read(ok('ERROR_WRONG_USER_KEY'), families)).toMatchObject({ kind: 'failure', class: 'key' })
      expect(batch.read(ok('<html>'), families)).toMatchObject({ kind: 'failure', class: 'invalid' })
    })

    const word = fc.oneof(
      fc.constantFrom(
        'OK|',
        '|',
        '{',
        '}',
        '"status":',
        '"request":',
        ':',
        ',',
        '1',
        '0',
        '"',
        '[',
        '\\u0000',
        '\n',
        '<',
      ),
      fc.constantFrom(
        '"errorId":',
        '"taskId":',
        '"solution":',
        'null',
        'ERROR_',
        'CAPCHA_NOT_READY',
        '-',
        '1e999',
        '.',
      ),
      fc.string({ maxLength: 20 }),
    )
    const text = fc.oneof(
      fc.array(word, { maxLength: 20 }).map((words) => words.join('')),
      fc.json(),
      fc
        .record(
          {
            errorId: fc.constantFrom(0, 1, '0', null),
            status: fc.constantFrom('ready', 'processing', 1, {}),
            taskId: fc.jsonValue(),
            solution: fc.oneof(
              fc.jsonValue(),
              fc.record({ gRecaptchaResponse: fc.jsonValue(), token: fc.jsonValue(), userAgent: fc.jsonValue() }),
            ),
            cost: fc.jsonValue(),
            balance: fc.jsonValue(),
            createTime: fc.jsonValue(),
            endTime: fc.jsonValue(),
          },
          { requiredKeys: ['errorId'] },
        )
        .map((value) => JSON.stringify(value)),
      fc
        .record({ status: fc.jsonValue(), request: fc.jsonValue(), price: fc.jsonValue() }, { requiredKeys: [] })
        .map((value) => JSON.stringify(value)),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.nat(2_000_000).map((length) => '['.repeat(length)),
      fc
        .tuple(fc.constantFrom('{"status":1,"request":', '{"errorId":0,"status":"ready","solution":'), fc.nat(40_000))
        .map(([start, depth]) => `${start}${'['.repeat(depth)}${']'.repeat(depth)}}`),
      fc.nat(200_000).map((length) => `OK|${'9'.repeat(length)}`),
    )

    const families = fc.constantFrom(...new Set(all.map(({ family }) => family)))
    test('does not throw for any text, and keeps all bounds', () => {
      fc.assert(
        fc.property(
          text,
          fc.constantFrom(200, 200, 200, 204, 302, 403, 429, 500, 502),
          families,
          (body, status, family) => {
            const reply = { status, contentType: 'text/html', body }
            const submitted = readers.readSubmit(reply)
            if (submitted.kind === 'submitted') expect(submitted.taskId).toMatch(/^[A-Za-z0-9-]{1,64}$/)
            const polled = readers.readPoll(reply, family)
            if (polled.kind === 'ready') {
              expect(polled.answer.token).toMatch(ANSWERS[family] ?? /^[\x21-\x7e]+$/)
              expect(polled.answer.token.length).toBeLessThanOrEqual(64 * 1024)
              expect(polled.cost ?? 0).toBeGreaterThanOrEqual(0)
              expect(polled.tookMs ?? 0).toBeGreaterThanOrEqual(0)
              for (const value of Object.values(polled.answer.fields ?? {}))
                expect(value).toMatch(/^[\x20-\x7e]{1,65536}$/)
            }
            const balance = readers.readBalance(reply)
            if (balance.kind === 'balance')
              expect(Number.isSafeInteger(balance.amount) && balance.amount >= 0).toBe(true)
            for (const one of [submitted, polled, balance]) if (one.kind === 'failure') expectSound(one)
          },
        ),
        { numRuns: 500 },
      )
    })

    test('works without `this`', () => {
      const { readSubmit, submit, price, polling } = solver
      expect(readSubmit(ok('')).kind).toBe('failure')
      expect(submit(CHALLENGE).keyField).toBeTruthy()
      expect(price(CHALLENGE).amount).toBeGreaterThan(0)
      expect(polling(CHALLENGE).everyMs).toBeGreaterThan(0)
    })
  })
}

/** What the answers look like that are no tokens. */
const ANSWERS: { readonly [family in Family]?: RegExp } = {
  image: /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u,
  bls: /^\[[1-9](,[1-9]){0,8}\]$/,
}

/** What holds for every failure. */
export function expectSound(failure: Failure): void {
  expect(CLASSES).toContain(failure.class)
  expect(failure.code).toMatch(/^[^\p{C}\u2028\u2029]{1,80}$/u)
  expect(failure.message.length, inspect(failure)).toBeLessThanOrEqual(300)
  expect(failure.message).toMatch(/^[A-Z].*\.$/)
  expect(failure.retryAfterMs ?? 1).toBeGreaterThan(0)
}
