import { describe, expect, it } from 'vitest'
import type { Reply } from '../../src/base/wire.js'
import { type ExchangeTrace, type HarEntry, type LoggedCall, withWireLog } from '../../src/egress/har.js'
import { maskReply } from '../../src/egress/har-masks.js'
import { manualClock } from '../../src/testing/clock.js'

const NOON = Date.UTC(2026, 10, 24, 12)
const CALL: LoggedCall = {
  method: 'POST',
  url: 'https://solver.example/in.php',
  headers: { host: 'solver.example', 'content-type': 'application/json' },
  body: '{"a":1}',
  bodyBytes: 7,
  comment: 'submit: direct',
  serverAddress: () => '203.0.113.7',
  mask: (text) => text.replaceAll('secret', '…'),
  maskReply: ({ body }) => body.replaceAll('secret', '…'),
}

/** The entry of an exchange that takes 10 ms to be sent, 200 to be answered and 3,000 to end. */
async function entryOf(more: Partial<LoggedCall> = {}, reply?: Partial<Reply>, headers: ExchangeTrace['headers'] = {}) {
  const clock = manualClock(NOON)
  const entries: HarEntry[] = []
  const log = { place: 'x', open() {}, add: (entry: HarEntry) => entries.push(entry), close() {} }
  await clock.advance(5_000)
  clock.set(NOON)
  const exchange = async (trace: ExchangeTrace): Promise<Reply> => {
    await clock.advance(10)
    trace.sentAt = clock.monotonic()
    await clock.advance(200)
    if (reply === undefined) throw new Error('the reply was cut off')
    Object.assign(trace, { answeredAt: clock.monotonic(), statusText: 'Fine secret', headers })
    await clock.advance(3_000)
    return { status: 200, contentType: 'text/plain', body: 'é secret', ...reply }
  }
  await withWireLog(log, clock, { ...CALL, ...more }, exchange).catch((error: Error) => {
    expect(error.message).toBe('the reply was cut off')
  })
  expect(entries).toHaveLength(1)
  return entries[0]
}

describe('an entry of a wire log', () => {
  it('has all of the call and of its reply, masked, with the time of each part', async () => {
    const headers = {
      'content-type': 'text/plain',
      'x-secret': ['a secret', 'b'],
      location: 'https://a.example/?secret',
    }
    expect(await entryOf({}, {}, headers)).toEqual({
      startedDateTime: '2026-11-24T12:00:00.000Z',
      time: 3_210,
      request: {
        method: 'POST',
        url: 'https://solver.example/in.php',
        httpVersion: 'HTTP/1.1',
        cookies: [],
        headers: [
          { name: 'host', value: 'solver.example' },
          { name: 'content-type', value: 'application/json' },
        ],
        queryString: [],
        postData: { mimeType: 'application/json', text: '{"a":1}' },
        headersSize: -1,
        bodySize: 7,
      },
      response: {
        status: 200,
        statusText: 'Fine …',
        httpVersion: 'HTTP/1.1',
        cookies: [],
        headers: [
          { name: 'content-type', value: 'text/plain' },
          { name: 'x-…', value: 'a …' },
          { name: 'x-…', value: 'b' },
          { name: 'location', value: 'https://a.example/?…' },
        ],
        content: { mimeType: 'text/plain', text: 'é …', size: 9 },
        redirectURL: 'https://a.example/?…',
        headersSize: -1,
        bodySize: -1,
      },
      cache: {},
      timings: { blocked: 10, send: 0, wait: 200, receive: 3_000 },
      serverIPAddress: '203.0.113.7',
      comment: 'submit: direct',
    })
  })

  it('has nothing that a call or a reply does not have', async () => {
    const entry = await entryOf({ method: 'GET', body: undefined, bodyBytes: 0, serverAddress: () => undefined }, {})
    expect(Object.keys(entry ?? {})).toEqual([
      'startedDateTime',
      'time',
      'request',
      'response',
      'cache',
      'timings',
      'comment',
    ])
    expect(entry?.request).not.toHaveProperty('postData')
    expect(entry?.response).toMatchObject({ headers: [], redirectURL: '' })
    const untyped = await entryOf({ headers: {} }, {}, { location: [] as string[], 'x-none': undefined })
    expect(untyped?.request).toMatchObject({ postData: { mimeType: '' } })
    expect(untyped?.response).toMatchObject({ headers: [], redirectURL: '' })
  })

  it('has the reason where there is no reply, and what is known of the times', async () => {
    expect(await entryOf()).toMatchObject({
      time: 210,
      response: {
        status: 0,
        statusText: '',
        headers: [],
        content: { mimeType: '', text: '', size: 0 },
        redirectURL: '',
      },
      timings: { blocked: 10, send: 0, wait: 200, receive: 0 },
      _error: 'the reply was cut off',
    })
  })

  it('has at most 65,536 characters of a reply', async () => {
    const whole = await entryOf({}, { body: 'x'.repeat(65_536) })
    expect(whole?.response).toMatchObject({ content: { text: 'x'.repeat(65_536), size: 65_536 } })
    const long = await entryOf({}, { body: 'x'.repeat(65_537) })
    expect(long?.response).toMatchObject({
      content: { text: `${'x'.repeat(65_536)}… [65537 characters]`, size: 65_537 },
    })
  })
})

it('a reply is followed twelve levels deep, and masked below them', () => {
  const nested = (depth: number, value: unknown): unknown => (depth === 0 ? value : { a: nested(depth - 1, value) })
  const masked = (value: unknown): unknown => JSON.parse(maskReply(JSON.stringify(value)))
  for (const depth of [1, 12, 13]) expect(masked(nested(depth, true))).toEqual(nested(depth, true))
  expect(masked(nested(12, {}))).toEqual(nested(12, {}))
  expect(masked(nested(13, {}))).toEqual(nested(13, '[masked]'))
  expect(masked({ a: [nested(10, {})] })).toEqual({ a: [nested(10, {})] })
  expect(masked({ a: [nested(11, {})] })).toEqual({ a: [nested(11, '[masked]')] })
  expect(maskReply('null')).toBe('[masked]')
})
