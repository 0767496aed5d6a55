import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CODES } from '../../src/base/errors.js'
import { serverRig } from './server-support.js'
import { brokerRig, OTHER_TOKEN, SITEKEY, TOKEN } from './support.js'

/** How many requests are made up. `BROKER_FUZZ=100000` makes a full run of it. */
const CASES = Number(process.env.BROKER_FUZZ ?? 1_500)

const odd = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e309',
    'NaN',
    'null',
    '__proto__',
    'constructor',
    '\0',
    '%',
    '%zz',
    '../..',
    '\u2028',
  ),
  fc.constantFrom('x'.repeat(5_000), '{"a":'.repeat(200), '['.repeat(5_000), '&'.repeat(2_000)),
)
/** A good token, one that was changed, or none. */
const credential = fc.oneof(
  fc.constantFrom(TOKEN, OTHER_TOKEN),
  fc.constantFrom('', `${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase(), `${TOKEN}\n`, ` ${TOKEN}`),
  odd,
)
/** A page that the policy does not name: whatever else is right, nothing may be spent. */
const page = fc.oneof(
  fc.constantFrom(
    'https://elsewhere.example/',
    'https://staging.example.com.evil.example/',
    'https://staging.example.com@evil.example/',
    'http://staging.example.com/',
    'https://staging.example.com:444/',
    'javascript:1',
    'about:blank',
  ),
  odd.filter((text) => !/^\s*https:\/\/staging\.example\.com/i.test(text)),
)
const key = fc.oneof(fc.constant(SITEKEY), odd)
const formFields = fc.record(
  {
    key: credential,
    method: fc.oneof(
      fc.constantFrom('userrecaptcha', 'turnstile', 'hcaptcha', 'geetest', 'geetest_v4', 'funcaptcha', 'bls', 'yandex'),
      odd,
    ),
    googlekey: key,
    sitekey: key,
    gt: key,
    challenge: odd,
    pageurl: page,
    json: fc.constantFrom('0', '1', 'true'),
    action: fc.oneof(fc.constantFrom('get', 'get2', 'getbalance', 'threadsinfo', 'reportgood', 'reportbad'), odd),
    id: fc.oneof(fc.nat().map(String), odd),
    ids: fc.array(fc.oneof(fc.nat().map(String), odd), { maxLength: 200 }).map((ids) => ids.join(',')),
    min_score: odd,
    proxy: odd,
    proxytype: odd,
    pingback: odd,
    soft_id: odd,
    'data[blob]': odd,
  },
  { requiredKeys: [] },
)
const taskFields = fc.record(
  {
    clientKey: fc.oneof(credential, fc.jsonValue()),
    task: fc.oneof(
      fc.record(
        {
          type: fc.oneof(
            fc.constantFrom(
              'RecaptchaV2TaskProxyless',
              'RecaptchaV2Task',
              'ReCaptchaV2TaskProxyLess',
              'AntiTurnstileTaskProxyLess',
              'GeeTestTaskProxyless',
              'CustomTask',
              'ComplexImageTask',
              'FunCaptchaTaskProxyless',
            ),
            odd,
          ),
          websiteURL: fc.oneof(page, fc.jsonValue()),
          websiteKey: fc.oneof(key, fc.jsonValue()),
          minScore: fc.jsonValue(),
          enterprisePayload: fc.jsonValue(),
          metadata: fc.jsonValue(),
          imagesBase64: fc.jsonValue(),
          data: fc.jsonValue(),
          proxyType: odd,
          proxyAddress: odd,
          proxyPort: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
      fc.jsonValue(),
    ),
    taskId: fc.oneof(fc.nat(), fc.jsonValue()),
    callbackUrl: odd,
    result: fc.jsonValue(),
  },
  { requiredKeys: [] },
)
const solveBody = fc.record(
  {
    challenge: fc.oneof(
      fc.record(
        {
          family: fc.oneof(fc.constantFrom('recaptcha', 'image', 'bls', 'turnstile'), odd),
          variant: fc.oneof(fc.constantFrom('v2-checkbox', 'text', 'grid', 'turnstile'), odd),
          pageUrl: page,
          sitekey: key,
          image: odd,
          images: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
      fc.jsonValue(),
    ),
    id: fc.jsonValue(),
    good: fc.jsonValue(),
  },
  { requiredKeys: [] },
)
const path = fc.oneof(
  fc.constantFrom(
    '/in.php',
    '/res.php',
    '/createTask',
    '/getTaskResult',
    '/getBalance',
    '/reportCorrect',
    '/feedbackTask',
  ),
  fc.constantFrom(
    '/v1/solve',
    '/v1/report',
    '/v1/status',
    '/metrics',
    '/openapi.json',
    '//in.php',
    '/capsolver/createTask',
  ),
  odd.map((text) => `/${text}`),
)
const body = fc.oneof(
  formFields.map((fields) => new URLSearchParams(fields as Record<string, string>).toString()),
  fc.oneof(formFields, taskFields, solveBody).map((fields) => JSON.stringify(fields)),
  formFields.map((fields) => multipart(fields as Record<string, string>)),
  odd,
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
)
const headers = fc.record(
  {
    'content-type': fc.oneof(
      fc.constantFrom(
        'application/json',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=b7',
        'multipart/form-data',
        'text/plain; charset=utf-16',
      ),
      odd,
    ),
    authorization: fc.oneof(
      credential.map((token) => `Bearer ${token}`),
      credential.map((token) => `Basic ${Buffer.from(`t:${token}`).toString('base64')}`),
      odd,
    ),
    host: fc.oneof(fc.constantFrom('api.capsolver.com', '2captcha.com:80', 'ocr.captchaai.com'), odd),
    'user-agent': odd,
  },
  { requiredKeys: [] },
)
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS'),
  url: fc.tuple(path, fc.option(formFields, { nil: undefined })).map(([at, query]) => {
    return query ? `${at}?${new URLSearchParams(query as Record<string, string>)}` : at
  }),
  headers,
  body,
})

function multipart(fields: Record<string, string>): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b7\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  return `${parts.join('')}--b7--\r\n`
}

/** The words of services for errors of the broker: a reply has one of them, or is no error. */
const WORD = /^[A-Z][A-Z_]{3,60}$/

describe('requests that are made up', () => {
  it('get a reply that is no failure without a name, and buy nothing', { timeout: 3_600_000 }, async () => {
    const { handler, service, ledger, tasks } = await brokerRig()
    await fc.assert(
      fc.asyncProperty(request, async ({ body, ...rest }) => {
        const reply = await handler({ ...rest, body: Buffer.from(body) })
        const text = typeof reply.body === 'string' ? reply.body : 'events'
        if (reply.status >= 500) expect(Object.keys(CODES)).toContain(JSON.parse(text).code)
        if (reply.status === 200 && text.startsWith('{') && /"(?:errorCode|request)"/.test(text)) {
          const { errorId, errorCode, status, request: value } = JSON.parse(text)
          if (errorId) expect(errorCode).toMatch(WORD)
          if (status === 0) expect(value).toMatch(WORD)
        }
        expect(reply.headers['content-type']).toMatch(/^(?:text\/plain|application\/json|text\/event-stream)/)
        expect(text).not.toContain(service.key)
      }),
      { numRuns: CASES },
    )
    expect(service.requests.filter(({ endpoint }) => endpoint === 'in')).toEqual([])
    expect(tasks.kept).toBe(0)
    expect(await ledger.usage('tests', Date.now())).toMatchObject({ spent: 0, reserved: 0 })
  })

  it('over a socket, cut anywhere, leave a server that answers', { timeout: 3_600_000 }, async () => {
    const { port, url, service } = await serverRig()
    const bytes = fc.oneof(
      request.map(({ method, url: at, headers: sent, body: content }) => {
        const lines = Object.entries(sent).map(([name, value]) => `${name}: ${String(value).replace(/[\r\n\0]/g, '')}`)
        const length = Buffer.byteLength(content)
        const head = [`${method} ${at} HTTP/1.1`, 'host: x', ...lines, `content-length: ${length}`].join('\r\n')
        return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), Buffer.from(content)])
      }),
      fc.uint8Array({ maxLength: 500 }).map((random) => Buffer.from(random)),
    )
    await fc.assert(
      fc.asyncProperty(bytes, fc.double({ min: 0, max: 1, noNaN: true }), async (whole, share) => {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => {})
        await once(socket, 'connect')
        socket.resume()
        socket.end(whole.subarray(0, Math.ceil(whole.length * share)))
        await once(socket, 'close')
      }),
      { numRuns: Math.ceil(CASES / 20) },
    )
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n')
    expect(service.tasks).toEqual([])
  })
})
