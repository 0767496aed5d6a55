import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type ElasticsearchAuditOptions, elasticsearchAudit } from '../../src/audit/elasticsearch.js'
import { type AuditRecord, recordSchema } from '../../src/audit/schema.js'
import { type Elasticsearch, startElasticsearch } from '../support/elasticsearch.js'
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

  it.each([
    [{ url: 'http://es.example.com:9200' }, 'https'],
    [{ url: 'https://user:pw@es.example.com' }, 'user name'],
    [{ url: 'https://es.example.com', index: 'Upper' }, 'index'],
    [{ url: 'https://es.example.com', username: 'a' }, 'password'],
  ])('refuses %j', (options, message) => {
    expect(() => elasticsearchAudit(options)).toThrow(message)
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
