import { hostname } from 'node:os'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordJson, toRecord } from '../../src/audit/record.js'
import { recordSchema } from '../../src/audit/schema.js'
import { usd } from '../../src/policy/money.js'
import { anyEvent } from './arbitraries.js'
import { authorized, denied, NOON } from './events.js'

describe('toRecord', () => {
  it.each([
    ['authorized', 'api', 'allowed', 'success', 'reason'],
    ['denied', 'api', 'denied', 'failure', 'reason'],
    ['submitted', 'api', 'start', 'success', 'reason'],
    ['solved', 'api', 'end', 'success', 'reason'],
    ['failed', 'api', 'end', 'failure', 'error'],
    ['abandoned', 'api', 'end', 'unknown', 'error'],
    ['recovered', 'api', 'end', 'success', 'error'],
    ['injected', 'web', 'info', 'success', 'error'],
    ['accepted', 'web', 'info', 'success', 'reason'],
    ['rejected', 'web', 'info', 'failure', 'reason'],
    ['paused', 'configuration', 'change', undefined, 'reason'],
    ['resumed', 'configuration', 'change', undefined, 'reason'],
    ['issued', 'configuration', 'creation', undefined, 'reason'],
    ['revoked', 'configuration', 'deletion', undefined, 'reason'],
    ['alert', 'api', 'info', undefined, 'reason'],
    ['opened', 'session', 'start', undefined, 'reason'],
    ['closed', 'session', 'end', undefined, 'reason'],
  ] as const)('gives %s the category %s, the type %s, the outcome %s, and its message as the %s', (...row) => {
    const [action, category, type, outcome, place] = row
    const { event, error } = toRecord({ action, at: NOON, guard: 'tests', message: 'A sentence.' })
    expect(event).toMatchObject({ action, category: [category], type: [type] })
    expect(event.outcome).toBe(outcome)
    expect([event.reason, error?.message]).toEqual(
      place === 'reason' ? ['A sentence.', undefined] : [undefined, 'A sentence.'],
    )
  })

  it('uses the names of the Elastic Common Schema, and solveguard for the rest', () => {
    expect(toRecord(authorized)).toEqual({
      '@timestamp': '2026-11-24T12:00:00.000Z',
      ecs: { version: '8.17.0' },
      event: {
        kind: 'event',
        category: ['api'],
        type: ['allowed'],
        action: 'authorized',
        outcome: 'success',
        dataset: 'solveguard.audit',
      },
      service: { name: 'checkout-tests', type: 'solveguard' },
      process: { pid: process.pid },
      host: { name: hostname() },
      user: { name: 'ci-4711' },
      url: { scheme: 'https', domain: 'staging.example.com', port: 8443, path: '/login' },
      solveguard: {
        solve_id: '01JDZ3M8Q0',
        budgets: ['checkout-tests', 'context-1'],
        challenge: {
          family: 'recaptcha',
          variant: 'v2-checkbox',
          sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI',
          frame: 'https://pay.example.com/form',
        },
        solver: 'captchaai',
        key: { version: '3', fingerprint: '0123456789abcdef' },
        egress: 'http://egress.internal:3128',
        reserved_micros: 3000,
      },
    })
  })

  it('has the reason for a denial with its code and layer', () => {
    const record = toRecord({ ...denied, retryAt: NOON + 1000 })
    expect(record.event).toMatchObject({ outcome: 'failure', type: ['denied'], reason: denied.message })
    expect(record.error).toEqual({ code: 'ORIGIN_NOT_NAMED' })
    expect(record.solveguard).toMatchObject({ layer: 'origin', retry_at: '2026-11-24T12:00:01.000Z' })
  })

  it('has the error of a failure, its cost and its duration in nanoseconds', () => {
    const event = { ...authorized, action: 'failed', code: 'SOLVE_TIMEOUT', message: 'Too late.' } as const
    const record = toRecord({ ...event, cost: usd(0.003), durationMs: 1.5 })
    expect(record.event).toMatchObject({ outcome: 'failure', duration: 1_500_000 })
    expect(record.error).toEqual({ code: 'SOLVE_TIMEOUT', message: 'Too late.' })
    expect(record.solveguard.cost_micros).toBe(3000)
  })

  it('records an injection with a code as a failed one', () => {
    const injected = { ...authorized, action: 'injected' } as const
    expect(toRecord(injected).event.outcome).toBe('success')
    expect(toRecord({ ...injected, code: 'WIDGET_GONE', message: 'Gone.' }).event.outcome).toBe('failure')
  })

  it('does not record a solve as failed because its code means that it was free', () => {
    const record = toRecord({ ...authorized, action: 'solved', code: 'TEST_KEY', cost: usd(0) })
    expect(record.event).toMatchObject({ outcome: 'success', code: 'TEST_KEY' })
    expect(record.error).toBeUndefined()
  })

  it('has the number of denials that a counted record covers, and their times', () => {
    const record = toRecord({ ...denied, count: 7, firstAt: NOON, lastAt: NOON + 900 })
    expect(record.solveguard.count).toBe(7)
    expect(record.event).toMatchObject({ start: '2026-11-24T12:00:00.000Z', end: '2026-11-24T12:00:00.900Z' })
  })

  it.each([
    [
      'https://user:hunter2@example.com/a?token=hunter2#hunter2',
      { scheme: 'https', domain: 'example.com', path: '/a' },
    ],
    ['https://example.com?token=hunter2', { scheme: 'https', domain: 'example.com' }],
    ['http://[::1]:8080/', { scheme: 'http', domain: '[::1]', port: 8080, path: '/' }],
    ['data:text/html,hunter2', { scheme: 'data' }],
    ['javascript:hunter2', { scheme: 'javascript' }],
    ['blob:https://example.com/hunter2', { scheme: 'blob' }],
    ['hunter2', { scheme: 'unknown' }],
    ['', { scheme: 'unknown' }],
  ])('keeps no password, query, fragment or content of the page %s', (page, url) => {
    const record = toRecord({ ...authorized, page, frame: page })
    expect(record.url).toEqual(url)
    expect(recordJson({ ...authorized, page, frame: page })).not.toContain('hunter2')
  })

  it.each([
    ['https://pay.example.com:8443/form?a=1', 'https://pay.example.com:8443/form'],
    ['https://pay.example.com', 'https://pay.example.com'],
    ['data:text/html,x', 'data:'],
    ['1data:x', 'unknown:'],
    [undefined, undefined],
  ])('records the frame %s as %s', (frame, recorded) => {
    expect(toRecord({ ...authorized, frame }).solveguard.challenge?.frame).toBe(recorded)
    expect(toRecord({ ...authorized, page: frame }).url?.scheme).toBe(recorded?.split(':')[0])
  })

  it('records at most 16 budgets, and 200 characters of a name', () => {
    const path = Array.from({ length: 17 }, (_, index) => `b${index}`)
    expect(toRecord({ ...authorized, path }).solveguard.budgets).toEqual(path.slice(0, 16))
    for (const fill of ['x', '\u00fc', '"'])
      expect(toRecord({ ...authorized, subject: fill.repeat(300) }).user?.name).toHaveLength(201)
    expect(toRecord({ ...authorized, subject: 'x'.repeat(200) }).user?.name).toBe('x'.repeat(200))
  })

  it('records whether an amount is imputed, where that is known', () => {
    const imputed = (value?: boolean) => toRecord({ ...authorized, imputed: value }).solveguard.imputed
    expect([imputed(true), imputed(false), imputed()]).toEqual([true, false, undefined])
  })

  it('records each millisecond of a second with three digits', () => {
    for (const ms of [0, 9, 10, 99, 100, 999, 1_000, 0]) {
      expect(toRecord({ ...authorized, at: NOON + ms })['@timestamp']).toBe(new Date(NOON + ms).toISOString())
    }
  })

  it('has in a file its number, and in the first record which file this is and which one it continues', () => {
    const continues = { file: 'a.jsonl', seq: 7, hash: 'abc', end: 'torn' as const }
    const record = toRecord(authorized, { sequence: 3, file: { name: 'b.jsonl', continues } })
    expect(record.event).toMatchObject({ sequence: 3 })
    expect(record.solveguard.file).toEqual({ name: 'b.jsonl', continues })
    expect(recordSchema.parse(record)).toEqual(record)
    for (const end of ['whole', undefined] as const) {
      const file = { name: 'b.jsonl', continues: { ...continues, end } }
      expect(recordSchema.safeParse(toRecord(authorized, { file })).success).toBe(true)
    }
    for (const file of [
      { name: 'b.jsonl', other: 1 },
      { continues },
      { name: 'b.jsonl', continues: { ...continues, end: '' } },
      { name: 'b.jsonl', continues: { ...continues, other: 1 } },
      { name: 'b.jsonl', continues: {} },
    ])
      expect(recordSchema.safeParse({ ...record, solveguard: { file } }).success, JSON.stringify(file)).toBe(false)
  })

  it('records no password of a proxy', () => {
    expect(toRecord({ ...authorized, egress: 'http://me:p@ss@proxy:3128' }).solveguard.egress).toBe('http://proxy:3128')
  })

  it('matches the schema, on one short printable line, for any event', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const line = recordJson(event)
        recordSchema.parse(JSON.parse(line))
        expect(line.length).toBeLessThan(64 * 1024)
        expect(line).not.toMatch(/[\n\r\u2028\u2029\u202e]/)
      }),
    )
  })

  it('always has its fields in the same order', () => {
    // The order is the schema's: parsing puts fields into that order and leaves out none.
    fc.assert(
      fc.property(anyEvent, (event) => {
        const record = toRecord(event)
        expect(JSON.stringify(recordSchema.parse(record))).toBe(JSON.stringify(record))
      }),
    )
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300])('can record the time %s of a wrong clock', (at) => {
    recordSchema.parse(toRecord({ ...authorized, at }))
  })
})
