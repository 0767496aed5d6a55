import { describe, expect, it } from 'vitest'
import { processLog } from '../../../src/cli/serve/log.js'
import { leaks } from '../../support/key-leaks.js'

const KEY = '3f6c1a9d7e2b4c8f0a5d6e7f8091a2b3'
const TOKEN = `eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiIn0.eyJhdWQiOiJkZWZhdWx0In0.${'s1gnAtur3'.repeat(5)}`

function logged(write: (log: ReturnType<typeof processLog>) => void, format: 'json' | 'text' = 'json'): string[] {
  const lines: string[] = []
  write(processLog({ format, level: 'debug', write: (line) => void lines.push(line) }))
  return lines
}

describe('the log of a process that serves', () => {
  it('has one JSON object a line, with the time, the level, the fields and the message', () => {
    const [line = ''] = logged((log) => log.info({ event: 'solved', cost: 1_000 }, 'solved in 12 s'))
    expect(line.endsWith('\n')).toBe(true)
    expect(JSON.parse(line)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      event: 'solved',
      cost: 1_000,
      msg: 'solved in 12 s',
    })
  })

  it('has no key and no token, wherever a field or a message has one', () => {
    const secrets = [KEY, TOKEN]
    for (const secret of secrets) {
      const basic = Buffer.from(`t:${secret}`).toString('base64')
      const lines = logged((log) => {
        log.info({ key: secret, apiKey: secret, clientKey: secret, token: secret, handle: secret }, 'as a field')
        log.info({ request: { headers: { authorization: `Bearer ${secret}`, cookie: secret } } }, 'in headers')
        log.info({ list: [{ password: secret }, { SECRET: { value: secret } }] }, 'in lists')
        log.warn({ url: `https://2captcha.com/in.php?key=${secret}&json=1` }, 'in a query')
        log.warn({ url: `/res.php?key=${secret}` }, `GET /in.php?key=${secret}`)
        log.warn({ proxy: `http://t:${secret}@127.0.0.1:8443` }, `via https://${secret}@broker/`)
        log.warn({ header: `Proxy-Authorization: Basic ${basic}` }, `authorization: bearer ${secret}`)
        log.debug({ error: new Error(`redis://user:${secret}@10.0.0.1:6379 is away`) }, 'in an error')
        log.debug({ a: { b: { c: { d: { e: { f: { g: secret } } } } } } }, 'deep')
        log.debug({ pem: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----` }, 'PEM')
      })
      expect(lines).toHaveLength(10)
      for (const line of lines) expect([line, leaks(secret, line)]).toEqual([line, []])
      for (const line of lines) expect([line, leaks(basic, line)]).toEqual([line, []])
    }
    for (const secret of [KEY, `CAP-${KEY.toUpperCase()}`]) {
      const [line = ''] = logged((log) => log.warn({ note: `the key ${secret}.` }, `ERROR ${secret}`))
      expect(leaks(KEY, line)).toEqual([])
    }
    const [inText = ''] = logged((log) => log.warn({ note: `the token ${TOKEN} is refused` }, `got ${TOKEN}`))
    expect(leaks(TOKEN, inText)).toEqual([])
  })

  it('keeps what is no secret: sitekeys, ids, origins, errors', () => {
    const fields = {
      tokenId: 'default/~qL3',
      sitekey: '54088bb07d2df3c46b79f80300b0abbe',
      code: 'TOKEN_EXPIRED',
      origin: 'https://a.example',
    }
    const [line = ''] = logged((log) => log.warn(fields, 'The token expired: have a new one issued.'))
    expect(JSON.parse(line)).toMatchObject({ ...fields, msg: 'The token expired: have a new one issued.' })
  })

  it('as text is one line for people, which cannot move the cursor', () => {
    const [line] = logged((log) => log.warn({ path: '/in.php\n\u001b[2J', status: 200 }, 'answered\r\nFAKE'), 'text')
    expect(line).toMatch(/^\d\d:\d\d:\d\d warn {2}answered {2}FAKE {2}path=\/in\.php {2}\[2J status=200\n$/)
  })

  it('leaves out what is below its level', () => {
    const lines: string[] = []
    const log = processLog({ level: 'warn', write: (line) => void lines.push(line) })
    log.debug({}, 'a step')
    log.info({}, 'a solve')
    log.warn({}, 'a denial')
    expect(lines).toHaveLength(1)
  })
})
