import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type ElasticsearchAuditOptions, elasticsearchAudit } from '../../src/audit/elasticsearch.js'
import { type AuditRecord, recordSchema } from '../../src/audit/schema.js'
import { systemClock } from '../../src/base/clock.js'
import { manualClock } from '../../src/testing/clock.js'
import { type Answer, type Elasticsearch, startElasticsearch } from '../support/elasticsearch.js'
import { authorized, denied, NOON } from './events.js'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function start(authorization?: string, options: Partial<ElasticsearchAuditOptions> = {}) {
  const server = await startElasticsearch(authorization)
  cleanUps.push(() => server.close())
  const sink = elasticsearchAudit({ url: server.url, ...options })
  cleanUps.push(() => sink.close())
  return { server, sink }
}

const solves = (server: Elasticsearch) =>
  (server.documents as AuditRecord[]).flatMap((record) => record.solveguard.solve_id ?? [])

describe('elasticsearchAudit', () => {
  it('creates documents with the bulk API, with the key', async () => {
    const { server, sink } = await start('ApiKey abc123', { apiKey: 'abc123' })
    await sink.open('checkout-tests', NOON)
    await sink.write([authorized, denied])
    expect(server.violations).toEqual([])
    expect(server.documents).toHaveLength(3)
    for (const document of server.documents) recordSchema.parse(document)
  })

  it('calls a key function before each request', async () => {
    let key = 'first'
    const { server, sink } = await start('ApiKey second', { apiKey: async () => key })
    await expect((async () => sink.open('checkout-tests', NOON))()).rejects.toThrow('HTTP 401, security_exception')
    key = 'second'
    await sink.open('checkout-tests', NOON)
    expect(server.documents).toHaveLength(1)
  })

  it('takes a user name and a password', async () => {
    const { sink } = await start(`Basic ${Buffer.from('audit:s3cret').toString('base64')}`, {
      username: 'audit',
      password: 's3cret',
    })
    await sink.open('checkout-tests', NOON)
  })

  it('never has its key in an error', async () => {
    const { sink } = await start('ApiKey other', { apiKey: 'k3y-of-ours' })
    const error = await (async () => sink.open('checkout-tests', NOON))().catch((thrown: unknown) => thrown)
    expect(String(error)).toContain('HTTP 401')
    expect(JSON.stringify(error) + String(error) + String((error as Error).stack)).not.toContain('k3y-of-ours')
  })

  it('retries the documents that were rejected for capacity, and only those', async () => {
    const { server, sink } = await start()
    await sink.open('checkout-tests', NOON)
    const rejected = { create: { status: 429, error: { type: 'es_rejected_execution_exception' } } }
    server.next(
      { status: 503, body: '' },
      { status: 200, body: JSON.stringify({ errors: true, items: [rejected, rejected] }) },
    )
    await sink.write([
      { ...authorized, solveId: 'one' },
      { ...authorized, solveId: 'two' },
    ])
    expect(solves(server)).toEqual(['one', 'two'])
    expect(server.requests).toBe(4)
  })

  it('stores a record once, even if the reply was lost and the request repeated', async () => {
    const { server, sink } = await start()
    await sink.open('checkout-tests', NOON)
    server.next('lose')
    await sink.write([{ ...authorized, solveId: 'one' }])
    expect(solves(server)).toEqual(['one'])
    // The guard takes it for failed, and it was written all the same: the next try shows that.
    const again = { ...authorized, solveId: 'two' }
    server.next('lose', { status: 403, body: '{}' })
    await expect((async () => sink.write([again]))()).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    await sink.write([again])
    expect(solves(server)).toEqual(['one', 'two'])
  })

  it.each([
    [
      'a record that is refused',
      {
        status: 200,
        body: '{"errors":true,"items":[{"create":{"status":400,"error":{"type":"document_parsing_exception"}}}]}',
      },
      'document_parsing_exception',
    ],
    ['a reply that is none', { status: 200, body: '<html>' }, 'not that of the bulk API'],
    ['a reply about other records', { status: 200, body: '{"items":[]}' }, 'not that of the bulk API'],
    ['a redirect', { status: 302, body: '' }, 'HTTP 302'],
    ['a reply without end', { status: 200, body: 'x'.repeat(1_100_000) }, 'far too long'],
  ])('denies after %s', async (_, answer, message) => {
    const { server, sink } = await start()
    await sink.open('checkout-tests', NOON)
    server.next(answer)
    const error = (await (async () => sink.write([authorized]))().catch((thrown: unknown) => thrown)) as Error
    expect(error).toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    expect(error.message).toContain(message)
  })

  it('denies when there is no answer in time', async () => {
    const { server, sink } = await start(undefined, { timeoutMs: 300 })
    await sink.open('checkout-tests', NOON)
    server.next('hang')
    await expect((async () => sink.write([authorized]))()).rejects.toThrow('not written within 0.3 s')
  })

  it.each<[ElasticsearchAuditOptions, string]>([
    [{ url: 'http://es.example.com:9200' }, 'https'],
    [{ url: 'https://user:pw@es.example.com' }, 'user name'],
    ...['Upper', '_a', '', 'a/b', 'a/_bulk?', 'x'.repeat(201), 5 as never].map(
      (index): [ElasticsearchAuditOptions, string] => [{ url: 'https://es.example.com', index }, 'index'],
    ),
    [{ url: 'https://es.example.com', password: 'a' }, 'username'],
    [{ url: 'https://es.example.com', username: 'a' }, 'password'],
  ])('refuses %j', (options, message) => {
    expect(() => elasticsearchAudit(options)).toThrow(message)
  })

  /** The system's clock: it keeps what it was asked for, and pauses take no time. */
  function recordedClock() {
    const timers: (readonly [ms: number, keepAlive: boolean | undefined])[] = []
    let running = 0
    const after: typeof systemClock.after = (ms, call, keepAlive) => {
      timers.push([ms, keepAlive])
      running++
      const fire = () => {
        running--
        call()
      }
      const cancel = systemClock.after(ms === 5_000 ? ms : 0, fire, keepAlive)
      return () => {
        running--
        cancel()
      }
    }
    return { clock: { ...systemClock, after }, timers, running: () => running }
  }

  it('asks for no more of a reply than is read, and sends no credentials where it has none', async () => {
    const { server, sink } = await start()
    expect(sink).toMatchObject({ kind: 'elasticsearch', place: `${server.url}/logs-solveguard.audit-default` })
    await sink.open('checkout-tests', NOON)
    expect(server.last).toEqual({
      search: '?filter_path=errors,items.*.status,items.*.error.type',
      accept: 'application/json',
    })
  })

  it('takes at most 1,000 records in one request, and makes none for no record', async () => {
    const { server, sink } = await start()
    await sink.open('checkout-tests', NOON)
    await sink.write([])
    expect(server.requests).toBe(1)
    const events = Array.from({ length: 1_001 }, (_, index) => ({ ...denied, solveId: `s${index}` }))
    await sink.write(events.slice(0, 1_000))
    expect(server.requests).toBe(2)
    await sink.write(events.map((event) => ({ ...event })))
    expect([server.requests, server.documents.length, server.largest]).toEqual([4, 2_002, 1_000])
  })

  it.each<(Answer | 'reset')[]>([
    [429, 502, 503, 504].map((status) => ({ status, body: '' })),
    [
      { status: 200, body: '{"items":[{"create":{"status":503}}]}' },
      { status: 200, body: '{"items":[{"create":{"status":429}}]}' },
    ],
    ['reset'],
  ])('tries again what may succeed later, each time after twice the pause', async (...answers) => {
    const { clock, timers, running } = recordedClock()
    const { server, sink } = await start(undefined, { clock })
    await sink.open('checkout-tests', NOON)
    timers.length = 0
    server.next(...answers)
    await sink.write([authorized])
    expect(solves(server)).toEqual([authorized.solveId])
    const pauses = answers.map((_, index) => [100 * 2 ** index, undefined])
    expect(timers).toEqual([[5_000, false], ...pauses])
    expect(running()).toBe(0)
  })

  it('takes a record for stored that was updated', async () => {
    const { server, sink } = await start()
    await sink.open('checkout-tests', NOON)
    server.next({ status: 200, body: '{"items":[{"create":{"status":200}}]}' })
    await sink.write([authorized])
    expect(server.requests).toBe(2)
  })

  it('is denied at once when its time is over while it pauses, and has no timer then', async () => {
    const clock = manualClock()
    const { server, sink } = await start(undefined, { clock, timeoutMs: 50 })
    await sink.open('checkout-tests', NOON)
    server.always({ status: 503, body: '' })
    const writing = sink.write([authorized])
    const failed = expect(Promise.resolve(writing)).rejects.toThrow('not written within 0.05 s')
    await expect.poll(() => clock.waiting).toBe(2)
    await clock.advance(50)
    await failed
    expect(clock.waiting).toBe(0)
  })

  it.each([
    ['{"items":[{"create":{"status":400}}]}', 200, 'a record was refused, 400)'],
    ['{"items":[{"create":{"status":400,"error":{"type":5}}}]}', 200, 'a record was refused, 400)'],
    ['{"items":[{"create":{"status":400,"error":null}}]}', 200, 'a record was refused, 400)'],
    ['{"items":[null]}', 200, 'a record was refused, NaN)'],
    ['null', 200, 'not that of the bulk API'],
    ['null', 500, '(HTTP 500)'],
    ['{"error":{"type":"no_shard"}}', 501, '(HTTP 501, no_shard)'],
  ])('says what a reply %s with the status %i means, and where', async (body, status, message) => {
    const { server, sink } = await start()
    await sink.open('checkout-tests', NOON)
    server.next({ status, body })
    await expect((async () => sink.write([authorized]))()).rejects.toThrow(message)
    server.next({ status, body })
    await expect((async () => sink.write([authorized]))()).rejects.toThrow(`in ${server.url}/logs-solveguard`)
  })

  it.each(['', 'a b', 'a\nb', '\u00fc', 'x'.repeat(4_097)])('sends no key of the form %j', async (apiKey) => {
    const { server, sink } = await start(undefined, { apiKey })
    await expect((async () => sink.open('checkout-tests', NOON))()).rejects.toThrow('wrong form')
    expect(server.requests).toBe(0)
  })

  it('is opened once, and written while it is open', async () => {
    const { server, sink } = await start()
    await expect((async () => sink.write([authorized]))()).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    await sink.open('checkout-tests', NOON)
    await expect((async () => sink.open('checkout-tests', NOON))()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await sink.close()
    await expect((async () => sink.write([authorized]))()).rejects.toThrow('not open')
    expect(server.requests).toBe(1)
  })
})

describe('docs/elasticsearch/index-template.json', () => {
  interface Mapping {
    readonly properties?: Record<string, Mapping>
    readonly type?: string
  }
  const template = JSON.parse(
    readFileSync(new URL('../../docs/elasticsearch/index-template.json', import.meta.url), 'utf8'),
  ) as { template: { mappings: Mapping } }

  it('maps every field of a record, and no other', () => {
    expect(leaves(template.template.mappings).sort()).toEqual(fields(recordSchema).sort())
  })

  function leaves({ properties = {} }: Mapping, path = ''): string[] {
    return Object.entries(properties).flatMap(([name, mapping]) =>
      mapping.properties ? leaves(mapping, `${path}${name}.`) : [`${path}${name}`],
    )
  }

  function fields(shape: z.ZodType, path = ''): string[] {
    if (shape instanceof z.ZodOptional) return fields(shape.unwrap() as z.ZodType, path)
    if (!(shape instanceof z.ZodObject)) return [path.slice(0, -1)]
    return Object.entries(shape.shape as Record<string, z.ZodType>).flatMap(([name, part]) =>
      fields(part, `${path}${name}.`),
    )
  }
})
