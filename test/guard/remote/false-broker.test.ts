import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createGuard } from '../../../src/guard/create.js'
import type { Guard } from '../../../src/guard/types.js'
import { manualClock } from '../../../src/testing/clock.js'
import { challenge, errorOf, rig, settleWith } from '../support.js'
import { anyToken, events, falseBroker, lightOver, lightRig } from './support.js'

const ANSWER = 'an-answer-to-another-challenge'
const solved = (more: object = {}) => ({
  token: ANSWER,
  cost: 1_000,
  imputed: false,
  taskId: '17',
  expiresAt: new Date(Date.now() + 60_000).toISOString(),
  id: 5,
  ...more,
})

describe('the options', () => {
  it('refuse a broker that is not encrypted, unless it is on loopback', async () => {
    const token = await anyToken()
    for (const broker of ['http://broker.internal', 'http://10.0.0.5:8080', 'ftp://127.0.0.1', 'broker:8080', '']) {
      await expect(createGuard({ broker, token })).rejects.toThrow(/options\.broker/)
    }
    await expect(createGuard({ broker: 'https://user:password@broker.internal', token })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.not.stringContaining('password@'),
    })
  })

  it('refuse what is no token, a handle, and a token that names no origins, without a word of them', async () => {
    const { guard } = await rig()
    const { token, handle = '' } = await guard.issueToken({}, { handle: true })
    const broker = 'http://127.0.0.1:9'
    await expect(createGuard({ broker, token })).rejects.toThrow(/names no origins/)
    for (const text of [handle, `${token}x`, 'a-key-of-a-service', '']) {
      const error = await errorOf(createGuard({ broker, token: text }))
      expect(error).toMatchObject({ code: 'TOKEN_INVALID' })
      if (text !== '') expect(inspect(error)).not.toContain(text)
    }
  })

  it('refuse options of a guard that holds a key', async () => {
    const both = { broker: 'http://127.0.0.1:9', token: await anyToken(), name: 'tests', policy: {} }
    await expect(createGuard(both)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('the token', () => {
  it('may have the longest form: it is masked all the same', async () => {
    const origins = Array.from({ length: 48 }, (_, i) => `https://${'a'.repeat(24)}${i}.example.com`)
    const token = await anyToken({ origins: ['https://staging.example.com', ...origins] })
    expect(token.length).toBeGreaterThan(2_500)
    const { url } = await falseBroker((response) => {
      response.writeHead(403, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ code: 'GUARD_PAUSED', message: `No: ${token.slice(0, 1_800)}` }))
    })
    const light = await lightOver(url, token)
    const error = await errorOf(light.solve(challenge))
    expect(error).toMatchObject({ code: 'GUARD_PAUSED' })
    expect(error.message).not.toContain(token.slice(100, 140))
  })

  it('is in no URL, no error, no event, no log and no print, also where the broker repeats it', async () => {
    const token = await anyToken()
    const lines: unknown[] = []
    const log = (...words: unknown[]) => void lines.push(words)
    const { url, requests } = await falseBroker((response) => {
      response.writeHead(403, { 'content-type': 'application/json' })
      const details = { token, [token]: encodeURIComponent(token) }
      response.end(JSON.stringify({ code: 'GUARD_PAUSED', layer: 'spending', message: `No: ${token}`, details }))
    })
    const light = await lightOver(url, token, { logger: { debug: log, info: log, warn: log } })
    const error = await errorOf(light.solve(challenge))
    expect(error).toMatchObject({ code: 'GUARD_PAUSED' })
    await errorOf(light.status())
    const shown =
      inspect([error, light, light.narrow({}), lines], { depth: 9, showHidden: true }) + JSON.stringify([error, light])
    for (const part of token.split('.')) expect(shown).not.toContain(part)
    for (const { url: path, headers } of requests) {
      expect(path).not.toContain(token)
      expect(headers.authorization).toBe(`Bearer ${token}`)
    }
  })

  it('does not come into a page as an answer', async () => {
    const token = await anyToken()
    for (const answer of [{ token }, { fields: { userAgent: `x${token}` } }]) {
      const { url } = await falseBroker((response) =>
        events(response, ['accepted', { id: 5 }], ['solved', solved(answer)]),
      )
      const light = await lightOver(url, token)
      await expect(light.solve(challenge)).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
    }
  })

  it('is not sent to where a redirect leads', async () => {
    const thief = await falseBroker((response) => response.end('thanks'))
    const { url, solves } = await falseBroker((response) => {
      response.writeHead(307, { location: `${thief.url}/v1/solve` })
      response.end()
    })
    const light = await lightOver(url, await anyToken())
    await expect(light.solve(challenge)).rejects.toThrow(/307/)
    expect(thief.requests).toHaveLength(0)
    expect(solves).toHaveLength(1)
  })
})

describe('a broker that lies', () => {
  const lies: readonly (readonly [string, readonly (readonly [string, unknown])[]])[] = [
    [
      'an answer of another solve',
      [
        ['accepted', { id: 6 }],
        ['solved', solved()],
      ],
    ],
    [
      'an answer without an id',
      [
        ['accepted', { id: 5 }],
        ['solved', solved({ id: undefined })],
      ],
    ],
    ['an answer that was not accepted', [['solved', solved()]]],
    [
      'two answers',
      [
        ['accepted', { id: 5 }],
        ['solved', solved()],
        ['solved', solved()],
      ],
    ],
    ['an acceptance and nothing else', [['accepted', { id: 5 }]]],
    [
      'another event',
      [
        ['accepted', { id: 5 }],
        ['given', solved()],
      ],
    ],
    [
      'a negative cost',
      [
        ['accepted', { id: 5 }],
        ['solved', solved({ cost: -1 })],
      ],
    ],
    [
      'a cost without bounds',
      [
        ['accepted', { id: 5 }],
        ['solved', solved({ cost: 1e12 })],
      ],
    ],
    [
      'a token with a line break',
      [
        ['accepted', { id: 5 }],
        ['solved', solved({ token: 'a\nb' })],
      ],
    ],
    [
      'an empty token',
      [
        ['accepted', { id: 5 }],
        ['solved', solved({ token: '' })],
      ],
    ],
    [
      'fields of other types',
      [
        ['accepted', { id: 5 }],
        ['solved', solved({ fields: { userAgent: 5 } })],
      ],
    ],
  ]
  it.each(lies)('with %s is not believed, and not asked again', async (_, all) => {
    const { url, solves } = await falseBroker((response) => events(response, ...all))
    const light = await lightOver(url, await anyToken())
    await expect(light.solve(challenge)).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
    expect(solves).toHaveLength(1)
  })

  it('with an answer for another family is not believed', async () => {
    const { url } = await falseBroker((response) => events(response, ['accepted', { id: 5 }], ['solved', solved()]))
    const light = await lightOver(url, await anyToken())
    const geetest = { family: 'geetest', variant: 'v4', sitekey: 'a'.repeat(32), pageUrl: challenge.pageUrl } as const
    await expect(light.solve(geetest)).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
  })

  it('does not make an answer valid for longer than its family’s', async () => {
    const late = { expiresAt: '2999-01-01T00:00:00.000Z' }
    const { url } = await falseBroker((response) => events(response, ['accepted', { id: 5 }], ['solved', solved(late)]))
    const light = await lightOver(url, await anyToken())
    const { token, expiresAt } = await light.solve(challenge)
    expect(token).toBe(ANSWER)
    expect(expiresAt.getTime()).toBeLessThan(Date.now() + 600_000)
  })

  const replies: readonly (readonly [string, number, string, string])[] = [
    ['a page', 200, 'text/html', '<html></html>'],
    ['JSON in place of events', 200, 'application/json', '{}'],
    ['an error without a code', 500, 'application/json', '{"message":"no"}'],
    ['an error that is no JSON', 502, 'text/html', 'Bad Gateway'],
    ['more than 1 MiB', 200, 'text/event-stream', ': still working\n\n'.repeat(100_000)],
  ]
  it.each(replies)('with %s is not believed, and not asked again', async (_, status, type, body) => {
    const { url, solves } = await falseBroker((response) => {
      response.writeHead(status, { 'content-type': type })
      response.end(body)
    })
    const light = await lightOver(url, await anyToken())
    await expect(light.solve(challenge)).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
    await expect(light.status()).rejects.toThrow()
    expect(solves).toHaveLength(1)
  })

  it('with an unknown code becomes a failure, not a denial', async () => {
    const { url } = await falseBroker((response) => {
      response.writeHead(403, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ code: 'constructor', layer: 'origin', message: 'No\u001b[31m' }))
    })
    const light = await lightOver(url, await anyToken())
    const error = await errorOf(light.solve(challenge))
    expect(error).toMatchObject({ code: 'SOLVER_ERROR', message: 'No·[31m' })
  })
})

describe('the status of a broker that lies', () => {
  const at = '2026-12-01T00:00:00.000Z'
  const day = { cap: 5, spent: 1, reserved: 0, left: 4 }
  const honest = { day, minute: { used: 0 }, slots: { used: 0 }, schedule: { open: true } }
  const statusOf = async (status: object, token?: string) => {
    const { url } = await falseBroker((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(status))
    })
    return (await lightOver(url, token ?? (await anyToken()))).status()
  }

  it('prints nothing that a terminal obeys, and not the token', async () => {
    const token = await anyToken()
    const evil = `\u001b]0;x\u0007\u202e${token}`
    const pause = { code: evil, message: evil, at: 0 }
    const link = { id: '\u001b[2J', subject: evil.slice(0, 100), expiresAt: at, spent: 0, reserved: 0 }
    const status = await statusOf(
      {
        ...honest,
        paused: pause,
        day: { ...day, resetsAt: at, timeZone: 'Europe/Berlin' },
        links: [{ ...link, paused: pause, revoked: pause }],
      },
      token,
    )
    const shown = inspect(status) + JSON.stringify(status)
    expect(shown).toContain('Europe/Berlin')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no terminal may get them
    expect(inspect(status)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(inspect(status, { customInspect: false })).not.toMatch(/\\x1B|\\u202e/i)
    for (const part of token.split('.')) expect(shown).not.toContain(part.slice(0, 60))
  })

  const wrong: readonly (readonly [string, object])[] = [
    ['a time zone that there is none', { schedule: { open: false, changesAt: at, timeZone: 'Mars/Olympus' } }],
    ['a pause at no time', { paused: { code: 'MANUAL', message: 'x', at: 1e300 } }],
    ['a time that is none', { day: { ...day, moreAt: '2026-13-45T99:00:00.000Z' } }],
    ['an amount of money that is none', { day: { ...day, cap: 1e300 } }],
  ]
  it.each(wrong)('with %s is not believed', async (_, more) => {
    await expect(statusOf({ ...honest, ...more })).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
  })
})

describe('what is not known', () => {
  it('of a broker whose guard was closed does not read as if this guard were', async () => {
    const closed = { code: 'GUARD_CLOSED', message: 'The guard is closed.' }
    const { url, solves } = await falseBroker((response) =>
      events(response, ['accepted', { id: 5 }], ['failed', closed]),
    )
    const light = await lightOver(url, await anyToken({ budget: { perPage: 1 } }))
    const failed: string[] = []
    light.on('failed', ({ code }) => failed.push(code))
    const pageLoad = {}
    await expect(light.solve(challenge, { pageLoad })).rejects.toMatchObject({ code: 'SOLVER_ERROR' })
    await expect(light.solve(challenge, { pageLoad })).rejects.toMatchObject({ code: 'PAGE_LIMIT_REACHED' })
    expect(failed).toEqual(['SOLVER_ERROR'])
    expect(solves).toHaveLength(1)
  })

  it('after a broker has died with a solve is not sent again, and counts for its page', async () => {
    const { url, solves } = await falseBroker((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('event: accepted\ndata: {"id":5}\n\n', () => response.destroy())
    })
    const light = await lightOver(url, await anyToken({ budget: { perPage: 1 }, attempts: 3 }))
    const pageLoad = {}
    await expect(light.solve(challenge, { pageLoad })).rejects.toMatchObject({ code: 'SOLVER_REPLY_INVALID' })
    await expect(light.solve(challenge, { pageLoad })).rejects.toMatchObject({ code: 'PAGE_LIMIT_REACHED' })
    expect(solves).toHaveLength(1)
  })

  it('of a broker that hangs ends at the deadline, also while it says that it works', async () => {
    const clock = manualClock()
    const { url, solves } = await falseBroker((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('event: accepted\ndata: {"id":5}\n\n: still working\n\n')
    })
    const { guard } = await rig({ clock })
    const { token } = await guard.issueToken({ origins: ['https://staging.example.com'], deadline: '30s' })
    const light = await lightOver(url, token, { clock })
    const solving = errorOf(light.solve(challenge))
    await waitUntil(() => solves.length === 1)
    expect(await settleWith(clock, solving)).toMatchObject({ code: 'SOLVE_TIMEOUT' })
    expect(solves).toHaveLength(1)
  })

  it('of a caller that aborts ends at once, and the guard follows the task to its end', async () => {
    const { light, service, guard } = await lightRig({ serviceOptions: { solveMs: 200 } })
    const abandoned: string[] = []
    light.on('abandoned', ({ solver = '' }) => abandoned.push(solver))
    const controller = new AbortController()
    const solving = errorOf(light.solve(challenge, { signal: controller.signal }))
    await waitUntil(() => service.tasks.length === 1)
    controller.abort()
    expect(await solving).toMatchObject({ code: 'SOLVE_ABORTED' })
    expect(abandoned).toEqual(['broker'])
    await waitUntilAsync(async () => (await guard.status()).day.spent === 1_000)
    expect(await errorOf(light.solve(challenge, { signal: controller.signal }))).toMatchObject({
      code: 'SOLVE_ABORTED',
    })
    expect(service.tasks).toHaveLength(1)
  })
})

describe('what was not sent', () => {
  const unreachable = async (): Promise<Guard> =>
    lightOver('http://127.0.0.1:9', await anyToken({ budget: { perPage: 1 } }), { connectWithin: '1s' })

  it('fails as unreachable, with a retry before, and does not count for its page', async () => {
    const light = await unreachable()
    const retries: string[] = []
    light.on('retrying', ({ code }) => retries.push(code))
    const pageLoad = {}
    for (let solve = 0; solve < 2; solve++) {
      await expect(light.solve(challenge, { pageLoad })).rejects.toMatchObject({ code: 'SOLVER_UNREACHABLE' })
    }
    expect(retries.length).toBeGreaterThan(0)
    await expect(light.status()).rejects.toMatchObject({ code: 'SOLVER_UNREACHABLE' })
  })

  it('is sent again where a broker that stops has refused it', async () => {
    let first = true
    const { url, solves } = await falseBroker((response) => {
      if (!first) return events(response, ['accepted', { id: 5 }], ['solved', solved()])
      first = false
      response.writeHead(429, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ code: 'BROKER_DRAINING', message: 'This broker stops.' }))
    })
    const light = await lightOver(url, await anyToken())
    expect((await light.solve(challenge)).token).toBe(ANSWER)
    expect(solves).toHaveLength(2)
  })
})

async function waitUntil(done: () => boolean): Promise<void> {
  return waitUntilAsync(async () => done())
}

async function waitUntilAsync(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 5))
}
