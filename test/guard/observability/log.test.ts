import { inspect } from 'node:util'
import { type LoggerOptions, pino } from 'pino'
import { expect, it } from 'vitest'
import { usd } from '../../../src/policy/money.js'
import { challenge, errorOf, rig } from '../support.js'

const PROXY_PASSWORD = 'pr0xy-p4ss'

/** A pino logger, and what it writes. */
function pinoLogger(options: LoggerOptions = {}) {
  const written: string[] = []
  const logger = pino({ level: 'trace', base: null, ...options }, { write: (line) => void written.push(line) })
  return { logger, text: () => written.join(''), all: () => written.map((line): Line => JSON.parse(line)) }
}

type Line = Record<string, unknown> & { level: number; event: string; msg: string }
const { debug, info, warn } = pino.levels.values as { debug: number; info: number; warn: number }

it('a guard logs solved at info, the steps of a solve at debug, and failures and alerts at warn', async () => {
  const { logger, all } = pinoLogger()
  const { guard, service } = await rig({ guardOptions: { logger } })
  const solution = await guard.solve(challenge)
  await solution.reportBad()
  service.next('in', { error: 'ERROR_WRONG_GOOGLEKEY' }, { error: 'ERROR_KEY_DOES_NOT_EXIST' })
  await errorOf(guard.solve(challenge))
  await errorOf(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }))
  await errorOf(guard.solve(challenge))
  await expect.poll(() => all().some(({ event }) => event === 'paused')).toBe(true)
  await guard.resume()
  const levels = new Map(all().map(({ event, level }) => [event, level]))
  expect(Object.fromEntries(levels)).toEqual({
    authorized: debug,
    submitted: debug,
    solved: info,
    rejected: warn,
    failed: warn,
    denied: warn,
    paused: warn,
    alert: warn,
    resumed: info,
  })
})

it('a log line has the name of the guard, the fields of the event, and its message once', async () => {
  const { logger, text } = pinoLogger({ messageKey: 'message' })
  const { guard } = await rig({ guardOptions: { logger: logger.child({ service: 'checkout' }) } })
  await errorOf(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/login?session=4711' }))
  const [line = ''] = text().trim().split('\n')
  expect(line.match(/"message":/g)).toHaveLength(1)
  expect(JSON.parse(line)).toMatchObject({
    level: warn,
    service: 'checkout',
    guard: 'tests',
    event: 'denied',
    code: 'ORIGIN_NOT_NAMED',
    layer: 'origin',
    challenge: { family: 'recaptcha', pageUrl: 'https://elsewhere.example/login' },
    message: expect.stringContaining('https://elsewhere.example'),
  })
  expect(line).not.toContain('4711')
})

it.each([
  ['without warn', { debug() {}, info() {} }],
  ['without debug', { warn() {}, info() {} }],
  ['that is a level', 'debug'],
])('createGuard rejects a logger %s', async (_, logger) => {
  expect(await errorOf(rig({ guardOptions: { logger: logger as never } }))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('options.logger'),
  })
})

it('a printed guard, grant, solution, status or error shows no key, password or token', async () => {
  const { logger, text } = pinoLogger()
  const { guard, service } = await rig({
    guardOptions: { logger },
    policy: { budget: { perDay: usd(1) }, egress: {} },
  })
  const grant = guard.narrow({ egress: { proxy: `http://egress:${PROXY_PASSWORD}@127.0.0.1:9` } })
  const solution = await guard.solve(challenge)
  service.next('in', { error: `ERROR_${service.key}` })
  const errors = [
    await errorOf(guard.solve(challenge)),
    await errorOf(grant.solve(challenge, { signal: AbortSignal.timeout(50) })),
    await errorOf(guard.solve({ ...challenge, pageUrl: 'about:blank' })),
  ]
  const status = await guard.status()
  for (const [name, value] of Object.entries({ guard, grant, solution, errors, status })) {
    logger.info({ [name]: value }, 'printed')
    logger.info({ err: value }, 'printed as an error')
    const printed = [
      text(),
      JSON.stringify(value),
      inspect(value, { depth: 20, showHidden: true, getters: false }),
      inspect(structuredClone(name === 'errors' ? errors.map((error) => error.message) : value), { depth: 20 }),
      String(value),
    ].join('\n')
    for (const secret of [service.key, PROXY_PASSWORD, solution.token]) {
      expect(`${name}: ${printed.includes(secret)}`).toBe(`${name}: false`)
    }
  }
  // The log is not empty, so that a secret in it would have been found.
  expect(text()).toContain('"guard":{')
})

it('an error about a secrets store does not contain the store’s own error with its request', async () => {
  const { logger, text } = pinoLogger()
  const token = 'hvs.the-token-of-the-store'
  const request = { headers: { authorization: `Bearer ${token}` } }
  const { guard } = await rig({
    guardOptions: { logger },
    secret: {
      kind: 'test',
      place: 'a store',
      fetch: () => Promise.reject(Object.assign(new Error('503'), { request, response: { body: token } })),
    },
  })
  const error = await errorOf(guard.solve(challenge))
  logger.error(error)
  logger.error({ err: error }, 'failed')
  expect(error.code).toBe('SECRET_UNAVAILABLE')
  expect(text() + inspect(error, { depth: 20, showHidden: true })).not.toContain(token)
})
