import { describe, expect, test } from 'vitest'
import type { Challenge, TextHints } from '../../src/base/challenge.js'
import { captchaAI, twoCaptcha } from '../../src/solvers/index.js'
import { CHALLENGE, GRID, HCAPTCHA, IMAGE, ok, TURNSTILE } from './contract.js'
import { fixture } from './recorded.js'

const solver = captchaAI()

describe('captchaAI submits', () => {
  const base = { method: 'userrecaptcha', googlekey: CHALLENGE.sitekey, pageurl: CHALLENGE.pageUrl, json: '1' }

  test.each<[string, Partial<Challenge>, Record<string, string>]>([
    ['a v2 checkbox', {}, {}],
    ['an invisible v2', { variant: 'v2-invisible' }, { invisible: '1' }],
    ['a v2 with data-s', { dataS: 'a+b/c==' }, { 'data-s': 'a+b/c==' }],
    ['a v2 from recaptcha.net', { apiHost: 'www.recaptcha.net' }, { domain: 'recaptcha.net' }],
    ['a v2 from the usual host', { apiHost: 'www.google.com' }, {}],
    ['a v2 with an action, which means nothing there', { action: 'login' }, {}],
    ['a v3', { variant: 'v3' }, { version: 'v3' }],
    [
      'a v3 with action and score',
      { variant: 'v3', action: 'login', minScore: 0.7 },
      { version: 'v3', action: 'login', min_score: '0.7' },
    ],
    ['an Enterprise checkbox', { variant: 'enterprise-checkbox' }, { enterprise: '1' }],
    [
      'an Enterprise checkbox with action and data-s from recaptcha.net',
      { variant: 'enterprise-checkbox', action: 'pay', dataS: 's', apiHost: 'recaptcha.net' },
      { enterprise: '1', action: 'pay', 'data-s': 's', domain: 'recaptcha.net' },
    ],
    ['an invisible Enterprise', { variant: 'enterprise-invisible' }, { enterprise: '1', invisible: '1' }],
    [
      'an Enterprise score',
      { variant: 'enterprise-score', action: 'pay', minScore: 0.9 },
      { enterprise: '1', version: 'v3', action: 'pay', min_score: '0.9' },
    ],
  ])('%s', (_, more, fields) => {
    expect(solver.submit({ ...CHALLENGE, ...more })).toEqual({
      path: '/in.php',
      encoding: 'form',
      keyField: 'key',
      fields: { ...base, ...fields },
    })
  })

  test.each<[string, Partial<Challenge>, Record<string, string>]>([
    ['a Turnstile', {}, {}],
    ['a Turnstile with an action', { action: 'login' }, { action: 'login' }],
    [
      'a Turnstile with all that it may have',
      { action: 'pay', cData: 'order-17', pageData: 'p' },
      { action: 'pay', data: 'order-17', pagedata: 'p' },
    ],
    ['a Turnstile in a frame', { frameUrl: 'https://pay.example.com/x#y' }, { pageurl: 'https://pay.example.com/x' }],
  ])('%s', (_, more, fields) => {
    const { sitekey, pageUrl } = TURNSTILE
    expect(solver.submit({ ...TURNSTILE, ...more }).fields).toEqual({
      method: 'turnstile',
      sitekey,
      pageurl: pageUrl,
      json: '1',
      ...fields,
    })
  })

  test.each<[string, TextHints, Record<string, string>]>([
    ['a picture', {}, {}],
    [
      'a picture of five digits',
      { numeric: 1, minLength: 5, maxLength: 5 },
      { numeric: '1', minLen: '5', maxLen: '5' },
    ],
    ['a picture of words', { phrase: true, case: true }, { phrase: '1', regsense: '1' }],
    ['a picture of a sum', { math: true, case: false }, { calc: '1', regsense: '0' }],
    ['a picture with a word to the solver', { comment: 'the red ones' }, { textinstructions: 'the red ones' }],
  ])('%s', (_, hints, fields) => {
    const body = Buffer.from(IMAGE.image).toString('base64')
    expect(solver.submit({ ...IMAGE, ...hints }).fields).toEqual({ method: 'base64', body, json: '1', ...fields })
  })

  test.each([
    ['Please select all boxes with number 664', '664'],
    ['664', '664'],
    ['664 or 123', '664 or 123'],
    ['all buses', 'all buses'],
  ])('a grid with the instruction %j as %j', (instruction, submitted) => {
    const { method, instructions, ...fields } = solver.submit({ ...GRID, instruction }).fields
    expect([method, instructions]).toEqual(['bls', submitted])
    const cells = GRID.images.map((image) => `data:image/png;base64,${Buffer.from(image).toString('base64')}`)
    expect(fields).toEqual({
      ...Object.fromEntries(cells.map((cell, at) => [`image_base64_${at + 1}`, cell])),
      json: '1',
    })
  })

  test('no picture that is too small or too large for the service', () => {
    for (const size of [99, 1024 * 1024 + 1]) {
      const image = new Uint8Array(size)
      expect(solver.unsupported({ ...IMAGE, image })).toBe(`a picture of ${size} bytes (it takes 100 to 1048576)`)
    }
  })

  test('no hCaptcha, which is not on its list', () => {
    expect(solver.unsupported(HCAPTCHA)).toBe('the family hcaptcha')
  })

  test('a poll, a balance call, a report', () => {
    const fields = (call: { path: string; fields: unknown } | undefined) => [call?.path, call?.fields]
    expect(fields(solver.poll('74'))).toEqual(['/res.php', { action: 'get', id: '74', json: '1' }])
    expect(fields(solver.balance())).toEqual(['/res.php', { action: 'getbalance', json: '1' }])
    expect(fields(solver.report('74', true, 'recaptcha'))).toEqual([
      '/res.php',
      { action: 'reportgood', id: '74', json: '1' },
    ])
    expect(fields(solver.report('74', false, 'recaptcha'))).toEqual([
      '/res.php',
      { action: 'reportbad', id: '74', json: '1' },
    ])
  })
})

describe('captchaAI reads', () => {
  test('an error that has an explanation as that error', () => {
    expect(solver.readSubmit(ok(fixture('error.json')))).toMatchObject({ class: 'key', code: 'ERROR_WRONG_USER_KEY' })
    expect(solver.readSubmit(ok(fixture('error.txt')))).toMatchObject({ class: 'key', code: 'ERROR_WRONG_USER_KEY' })
  })

  test('an error with the status of a success as an error', () => {
    for (const body of ['{"status":1,"request":"ERROR_PAGEURL"}', 'ERROR_PAGEURL\r\n']) {
      expect(solver.readPoll(ok(body), 'recaptcha')).toMatchObject({ class: 'request', code: 'ERROR_PAGEURL' })
    }
  })

  test.each([
    ['request', { status: 1, request: 'a-token', user_agent: 'A/1' }],
    ['result', { status: 1, result: 'a-token', user_agent: 'A/1' }],
    ['both', { status: 1, request: 'a-token', result: 'a-token', useragent: 'A/1' }],
  ])('a reCAPTCHA Enterprise token and its browser from %s', (_, body) => {
    const polled = solver.readPoll(ok(JSON.stringify(body)), 'recaptcha')
    expect(polled).toMatchObject({ kind: 'ready', answer: { token: 'a-token', fields: { userAgent: 'A/1' } } })
  })

  test('a maintenance page as a page without the state of the task, with a retry of polls after 5 s', () => {
    expect(solver.readSubmit(ok(fixture('maintenance.html')))).toMatchObject({
      class: 'invalid',
      code: 'HTML',
      retryAfterMs: 5_000,
      ambiguous: true,
    })
  })

  test.each([
    ['EMPTY', ''],
    ['UNREADABLE', fixture('half.json')],
    ['UNREADABLE', '[]'],
    ['UNREADABLE', 'null'],
    ['UNREADABLE', '{}'],
    ['UNREADABLE', '{"status":1}'],
    ['UNREADABLE', '{"status":1,"request":null}'],
    ['UNREADABLE', '{"status":1,"request":{"a":1}}'],
    ['UNREADABLE', '{"status":2,"request":"74"}'],
    ['UNREADABLE', '{"status":1,"request":"7 4"}'],
    ['UNREADABLE', '{"status":1,"request":"../../x"}'],
    ['UNREADABLE', `{"status":1,"request":"${'7'.repeat(65)}"}`],
    ['UNREADABLE', '{"status":1,"request":1e300}'],
    // Rounded, it would be the id of another task.
    ['UNREADABLE', '{"status":1,"request":72345678901234567890}'],
    ['UNREADABLE', 'OK|'],
    ['UNREADABLE', 'OK'],
    ['UNREADABLE', 'ok|74'],
    ['UNREADABLE', 'OK|74|75'],
    ['TOO_LONG', `OK|${'7'.repeat(90_000)}`],
  ])('as %s, with a retry after 5 s: %.40s', (code, body) => {
    expect(solver.readSubmit(ok(body))).toMatchObject({ class: 'invalid', code, retryAfterMs: 5_000, ambiguous: true })
  })

  test('a task id that is a number as its digits', () => {
    expect(solver.readSubmit(ok(fixture('submit-number.json')))).toEqual({ kind: 'submitted', taskId: '74238956102' })
  })

  test('up to 64 KiB of printable characters as a token, and nothing else', () => {
    const token = 'x'.repeat(64 * 1024)
    expect(solver.readPoll(ok(`OK|${token}`), 'recaptcha')).toEqual({ kind: 'ready', answer: { token } })
    for (const bad of [`${token}x`, 'a b', 'a\nb', 'tökén', '', 'a\u0000']) {
      expect(solver.readPoll(ok(JSON.stringify({ status: 1, request: bad })), 'recaptcha')).toMatchObject({
        class: 'invalid',
      })
    }
  })

  test.each(['four words of text', 'Ünïcödé', '二 + 三', '0', 'x'.repeat(256)])(
    'as the text of a picture: %.30s',
    (token) => {
      for (const body of [`OK|${token}`, JSON.stringify({ status: 1, request: token })]) {
        expect(solver.readPoll(ok(body), 'image')).toEqual({ kind: 'ready', answer: { token } })
      }
    },
  )

  test.each(['', ' ', 'a\nb', 'a\u2028b', 'a\u202eb', 'x'.repeat(257)])('no text of a picture in %j', (request) => {
    expect(solver.readPoll(ok(JSON.stringify({ status: 1, request })), 'image')).toMatchObject({ class: 'invalid' })
  })

  test('cells of a grid, as text or as a list', () => {
    for (const body of ['OK|[1, 4,7]', '{"status":1,"request":"[1,4,7]"}', '{"status":1,"request":[1,4,7]}']) {
      expect(solver.readPoll(ok(body), 'bls')).toEqual({ kind: 'ready', answer: { token: '[1,4,7]' } })
    }
  })

  test.each(['[]', '[0]', '[10]', '[1,1]', '[1.5]', '["1"]', '[1,[2]]', '[1,2', '1,2', '{}', 'null', '[-1]', '[1e0]'])(
    'no cells of a grid: %s',
    (request) => {
      for (const body of [
        `OK|${request}`,
        JSON.stringify({ status: 1, request }),
        `{"status":1,"request":${request}}`,
      ]) {
        // JSON can write a 1 in several ways.
        if (request === '[1e0]' && body.includes(':[1e0]')) continue
        expect(solver.readPoll(ok(body), 'bls')).toMatchObject({ kind: 'failure', class: 'invalid' })
      }
    },
  )

  test('no cells of a grid in a very deep list', () => {
    const body = `{"status":1,"request":${'['.repeat(35_000)}${']'.repeat(35_000)}}`
    expect(solver.readPoll(ok(body), 'bls')).toMatchObject({ kind: 'failure', class: 'invalid' })
  })

  test('no token in a list', () => {
    expect(solver.readPoll(ok('{"status":1,"request":[1,4]}'), 'recaptcha')).toMatchObject({ class: 'invalid' })
  })

  test('what a solve cost, where the service reports it', () => {
    const { readPoll } = captchaAI({ pricing: { per: 'solve', usd: 0.003 } })
    const read = (price: string) => readPoll(ok(`{"status":1,"request":"t","price":${price}}`), 'recaptcha')
    for (const price of ['"0.00299"', '0.00299']) expect(read(price)).toMatchObject({ cost: 2_990 })
    for (const price of ['"x"', '{}', 'null', '"1e300"']) expect(read(price)).not.toHaveProperty('cost')
    // Nothing is counted as less than it was.
    for (const price of ['"0.0029901"', '0.0029901']) expect(read(price)).toMatchObject({ cost: 2_991 })
    for (const price of ['"-0.002"', '-0.002']) expect(read(price)).not.toHaveProperty('cost')
  })

  test('no price of a solve where threads are paid for: with a 0 a budget would never be used up', () => {
    expect(solver.readPoll(ok('{"status":1,"request":"t","price":"0"}'), 'recaptcha')).not.toHaveProperty('cost')
  })

  test.each([
    ['0', 0],
    ['10', 10_000_000],
    ['0.57', 570_000],
    ['1.1', 1_100_000],
    ['12.3456789', 12_345_678],
    ['-0.5', 0],
    ['999999999', 999_999_999_000_000],
  ])('a balance of %s as %i micro-dollars', (balance, amount) => {
    for (const body of [
      balance,
      `OK|${balance}`,
      `{"status":1,"request":"${balance}"}`,
      `{"status":1,"request":${balance}}`,
    ]) {
      expect(solver.readBalance(ok(body))).toEqual({ kind: 'balance', amount })
    }
  })

  test.each(['', 'ten', '1,5', '1e3', '0x10', '1.', '.5', '9999999999', 'NaN', 'Infinity', '1 2'])(
    'a balance of %j for none',
    (balance) => {
      expect(solver.readBalance(ok(`{"status":1,"request":"${balance}"}`))).toMatchObject({ class: 'invalid' })
    },
  )
})

describe('captchaAI refuses', () => {
  test.each(['v3', 'enterprise-score'] as const)(
    'a reCAPTCHA %s without an action, before anything is sent',
    (variant) => {
      expect(solver.unsupported({ ...CHALLENGE, variant })).toMatch(/without an `action`/)
      expect(solver.unsupported({ ...CHALLENGE, variant, action: 'login' })).toBeUndefined()
      expect(twoCaptcha({ api: 'v1' }).unsupported({ ...CHALLENGE, variant })).toBeUndefined()
    },
  )
})

describe('captchaAI reads the threads of an account', () => {
  const read = (body: string, status = 200) => solver.threadsInfo?.read({ ...ok(body), status })

  test('asked for in the body of a POST', () => {
    expect(solver.threadsInfo?.call()).toEqual({
      path: '/res.php',
      encoding: 'form',
      keyField: 'key',
      fields: { action: 'threadsinfo', json: '1' },
    })
  })

  test.each([
    ['{"threads":5,"working_threads":2}', { total: 5, busy: 2 }],
    ['{"status":1,"threads":"50","working_threads":"0"}', { total: 50, busy: 0 }],
  ])('from %s', (body, threads) => {
    expect(read(body)).toEqual({ kind: 'threads', ...threads })
  })

  test.each([
    ...['{}', 'null', '[]', '5', 'OK|5', '<html>', '', '{"threads":5}', '{"threads":5,"working_threads":""}'],
    ...[
      '{"threads":-1,"working_threads":0}',
      '{"threads":1.5,"working_threads":0}',
      '{"threads":null,"working_threads":0}',
    ],
  ])('not from %j', (body) => {
    expect(read(body)).toMatchObject({ kind: 'failure', class: 'invalid' })
  })

  test('not from a reply of the server, and not where the key is refused', () => {
    expect(read('{"threads":0,"working_threads":0}', 500)).toMatchObject({ kind: 'failure' })
    expect(read('ERROR_KEY_DOES_NOT_EXIST')).toMatchObject({ kind: 'failure', class: 'key' })
  })
})

describe('captchaAI waits', () => {
  test('15 s before the first poll of a reCAPTCHA, and 5 s between polls', () => {
    expect(solver.polling(CHALLENGE)).toMatchObject({ firstPollMs: 15_000, everyMs: 5_000 })
  })

  test('10 s before the first poll of a Turnstile', () => {
    expect(solver.polling(TURNSTILE)).toMatchObject({ firstPollMs: 10_000, everyMs: 5_000 })
  })

  test('10 s before the first poll of a reCAPTCHA with a score', () => {
    for (const variant of ['v3', 'enterprise-score'] as const) {
      expect(solver.polling({ family: 'recaptcha', variant })).toMatchObject({ firstPollMs: 10_000, everyMs: 5_000 })
    }
    // The v3 of another family has its family's times.
    expect(solver.polling({ family: 'geetest', variant: 'v3' })).toMatchObject({ firstPollMs: 15_000 })
  })

  test('1 s before the first poll of a picture', () => {
    for (const one of [IMAGE, GRID]) expect(solver.polling(one)).toMatchObject({ firstPollMs: 1_000, everyMs: 5_000 })
  })

  test('10 s after an error of the server', () => {
    for (const status of [429, 500, 502, 503, 504]) {
      expect(solver.readSubmit({ ...ok(''), status })).toMatchObject({ class: 'busy', retryAfterMs: 10_000 })
    }
  })
})

describe('captchaAI costs', () => {
  test('by the thread, so that a solve counts as what the user states', () => {
    expect(solver.price(CHALLENGE)).toEqual({ amount: 1_000, imputed: true })
    const pricing = { per: 'thread', threads: 50, usdPerMonth: 90, imputedUsd: 0.0005 } as const
    expect(captchaAI({ pricing }).price(CHALLENGE)).toEqual({ amount: 500, imputed: true })
  })

  test('by the solve if the user states that', () => {
    expect(captchaAI({ pricing: { per: 'solve', usd: 0.003 } }).price(CHALLENGE)).toEqual({
      amount: 3_000,
      imputed: false,
    })
    const pricing = { per: 'solve', usd: { recaptcha: 0.002 } } as const
    expect(captchaAI({ pricing }).price(CHALLENGE)).toEqual({ amount: 2_000, imputed: false })
  })

  test('something for each family, or a solve of it is rejected', () => {
    const { price } = captchaAI({ pricing: { per: 'solve', usd: {} } })
    expect(() => price(CHALLENGE)).toThrow(/pricing\.usd\.recaptcha is missing/)
  })

  test.each<[string, unknown]>([
    ['pricing.per', {}],
    ['pricing.per', { per: 'month' }],
    ['pricing.usd', { per: 'solve' }],
    ['pricing.usd', { per: 'solve', usd: -1 }],
    ['pricing.usd', { per: 'solve', usd: '0.1' }],
    ['pricing.usd', { per: 'solve', usd: Number.NaN }],
    ['pricing.usd', { per: 'solve', usd: 0.000_000_1 }],
    ['pricing.usd', { per: 'solve', usd: 1e9 }],
    ['pricing.usd', { per: 'solve', usd: { recaptcha: -1 } }],
    ['pricing.usd', { per: 'solve', usd: { stranger: 1 } }],
    ['pricing', { per: 'solve', usd: 1, more: 1 }],
    ['pricing.threads', { per: 'thread', threads: 0, usdPerMonth: 1, imputedUsd: 1 }],
    ['pricing.threads', { per: 'thread', threads: 1.5, usdPerMonth: 1, imputedUsd: 1 }],
    ['pricing.usdPerMonth', { per: 'thread', threads: 1, usdPerMonth: -1, imputedUsd: 1 }],
    ['pricing.imputedUsd', { per: 'thread', threads: 1, usdPerMonth: 1, imputedUsd: -0.1 }],
    ['pricing.imputedUsd', { per: 'thread', threads: 1, usdPerMonth: 1 }],
    ['pricing', 5],
    ['pricing', null],
  ])('nothing impossible: %s of %j', (field, pricing) => {
    expect(() => captchaAI({ pricing: pricing as never })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(new RegExp(`^captchaai: ${field.replaceAll('.', '\\.')}[ .]`)),
      }),
    )
  })
})
