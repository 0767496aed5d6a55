import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { context, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeEach, expect, it, vi } from 'vitest'
import { loadTelemetry } from '../../../src/guard/observability/load-telemetry.js'
import { ATTRIBUTE } from '../../../src/guard/observability/otel-names.js'
import type { Ledger } from '../../../src/ledger/ledger.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { challenge, errorOf, fixedSecret, rig } from '../support.js'

const spans = new InMemorySpanExporter()
const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })

beforeEach(() => spans.reset())
afterAll(() => {
  trace.disable()
  context.disable()
  metrics.disable()
})

// The first two tests run without an SDK, which is then registered once for the process, as in an application.

it('a guard works where OpenTelemetry is not installed', async () => {
  vi.doMock('@opentelemetry/api', () => {
    throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  })
  expect(await loadTelemetry()).toBeUndefined()
  const { guard } = await rig()
  expect((await guard.solve(challenge)).token).not.toBe('')
  vi.doUnmock('@opentelemetry/api')
  expect(await loadTelemetry()).toBeDefined()
})

it('a guard reports to an SDK that is registered after the guard was created', async () => {
  const { guard } = await rig()
  expect((await guard.solve(challenge)).token).not.toBe('')
  trace.setGlobalTracerProvider(tracing)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const collect = meter()
  await guard.solve(challenge)
  expect(spans.getFinishedSpans().map(({ name }) => name)).toContain('solveguard.solve')
  expect((await collect()).get('solveguard.solves')?.map(({ value }) => value)).toEqual([1])
})

it("a solve is one span in its caller's trace, with each call to the service below it", async () => {
  const { guard, service } = await rig({ serviceOptions: { solveMs: 30 } })
  const solution = await trace
    .getTracer('suite')
    .startActiveSpan('sign in', (test) => guard.solve(challenge).finally(() => test.end()))
  await solution.reportGood()

  const [test] = named('sign in')
  const [solve] = named('solveguard.solve')
  const [submit] = named('solveguard.submit')
  expect(solve?.parentSpanContext?.spanId).toBe(test?.spanContext().spanId)
  expect(solve?.kind).toBe(SpanKind.INTERNAL)
  expect(solve?.status.code).toBe(SpanStatusCode.UNSET)
  expect(solve?.attributes).toEqual({
    'solveguard.guard': 'tests',
    'solveguard.budget': 'tests',
    'solveguard.challenge.family': 'recaptcha',
    'solveguard.challenge.variant': 'v2-checkbox',
    'solveguard.page.origin': 'https://staging.example.com',
    'solveguard.solve.id': expect.stringMatching(/^[\da-f-]{36}$/),
    'solveguard.solver': 'captchaai',
    'solveguard.outcome': 'solved',
    'solveguard.cost': 0.001,
    'solveguard.task.id': solution.taskId,
  })
  expect(submit?.kind).toBe(SpanKind.CLIENT)
  expect(submit?.parentSpanContext?.spanId).toBe(solve?.spanContext().spanId)
  expect(submit?.attributes).toEqual({
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(service.url).port),
    'url.full': `${service.url}/in.php`,
    'solveguard.solver': 'captchaai',
    'solveguard.egress.route': 'direct',
  })
  const polls = named('solveguard.poll')
  expect(polls.length).toBeGreaterThan(0)
  for (const poll of polls) expect(poll.parentSpanContext?.spanId).toBe(solve?.spanContext().spanId)
  expect(named('solveguard.report')).toHaveLength(1)
})

it('concurrent solves each belong to the trace of their own caller', async () => {
  const { guard } = await rig({ serviceOptions: { solveMs: 20 } })
  const tracer = trace.getTracer('suite')
  const tests = ['a', 'b', 'c'].map((name) =>
    tracer.startActiveSpan(name, (test) => guard.solve(challenge).finally(() => test.end())),
  )
  await Promise.all(tests)
  for (const name of ['a', 'b', 'c']) {
    const traceId = named(name)[0]?.spanContext().traceId
    const below = spans.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId)
    expect(below.map((span) => span.name).filter((span) => !span.endsWith('poll'))).toEqual([
      'solveguard.submit',
      'solveguard.solve',
      name,
    ])
  }
})

it('the span of a denial, a failure or a lost reply is an error; that of an aborted solve is not', async () => {
  const { guard, service } = await rig({ serviceOptions: { solveMs: 60_000 } })
  await errorOf(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/login?session=4711' }))
  await errorOf(guard.solve({ ...challenge, sitekey: '' }))
  service.next('in', { error: 'ERROR_WRONG_GOOGLEKEY' })
  await errorOf(guard.solve(challenge))
  service.next('in', { drop: true })
  await errorOf(guard.solve(challenge))
  const abort = new AbortController()
  const ended = errorOf(guard.solve(challenge, { signal: abort.signal }))
  await vi.waitFor(() => expect(named('solveguard.poll').length).toBeGreaterThan(0), { timeout: 60_000 })
  abort.abort()
  await ended

  const [denied, invalid, failed, lost, aborted] = named('solveguard.solve')
  expect(denied?.attributes).toMatchObject({
    'solveguard.outcome': 'denied',
    'solveguard.layer': 'origin',
    'error.type': 'ORIGIN_NOT_NAMED',
  })
  expect(denied?.status).toEqual({ code: SpanStatusCode.ERROR, message: expect.stringContaining('elsewhere.example') })
  expect(invalid?.attributes).toMatchObject({ 'solveguard.outcome': 'failed', 'error.type': 'CHALLENGE_INVALID' })
  expect(failed?.attributes).toMatchObject({ 'solveguard.outcome': 'failed', 'error.type': 'SOLVER_REFUSED' })
  expect(failed?.status.code).toBe(SpanStatusCode.ERROR)
  expect(lost?.attributes['error.type']).toBe('SOLVER_REPLY_INVALID')
  expect(named('solveguard.submit').map(({ attributes }) => attributes['error.type'])).toContain('cut-off')
  expect(aborted?.attributes).toMatchObject({ 'solveguard.outcome': 'aborted', 'error.type': 'SOLVE_ABORTED' })
  expect(aborted?.status.code).toBe(SpanStatusCode.UNSET)
  expect(JSON.stringify(spans.getFinishedSpans().map(plain))).not.toContain('4711')
})

it('metrics count spending, solves, denials and polls, and measure how long solves take', async () => {
  const collect = meter()
  const { guard, service } = await rig({ serviceOptions: { solveMs: 20 } })
  await guard.solve(challenge)
  await guard.solve(challenge)
  service.next('in', { error: 'ERROR_WRONG_GOOGLEKEY' })
  await errorOf(guard.solve(challenge))
  await errorOf(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }))
  const collected = await collect()
  const about = { 'solveguard.guard': 'tests', 'solveguard.challenge.family': 'recaptcha' }
  expect(collected.get('solveguard.spend')).toEqual([
    { unit: '{USD}', value: 0.002, attributes: { ...about, 'solveguard.solver': 'captchaai' } },
  ])
  expect(collected.get('solveguard.denials')).toEqual([
    {
      unit: '{denial}',
      value: 1,
      attributes: { ...about, 'solveguard.layer': 'origin', 'error.type': 'ORIGIN_NOT_NAMED' },
    },
  ])
  expect(
    collected.get('solveguard.solves')?.map(({ value, attributes }) => [attributes['solveguard.outcome'], value]),
  ).toEqual([
    ['solved', 2],
    ['failed', 1],
    ['denied', 1],
  ])
  const [took, failedAfter] = collected.get('solveguard.solve.duration') ?? []
  expect(took).toMatchObject({ unit: 's', attributes: { ...about, 'solveguard.solver': 'captchaai' } })
  expect(took?.value).toMatchObject({ count: 2, sum: expect.any(Number) } satisfies Partial<Histogram>)
  expect(failedAfter?.attributes['error.type']).toBe('SOLVER_REFUSED')
  const polls = service.requests.filter(({ path }) => path.startsWith('/res')).length
  expect(collected.get('solveguard.polls')?.[0]?.value).toBe(polls)
})

it('gauges show the budget, the slots and the key, with one ledger read for each collection', async () => {
  const collect = meter()
  const { ledger, reads } = countingLedger()
  const secret = fixedSecret('0123456789abcdef0123456789abcdef', { createdAt: Date.now() - 60_000 })
  const { guard } = await rig({
    ledger,
    secret,
    serviceOptions: { keys: { '0123456789abcdef0123456789abcdef': 10 } },
    policy: { budget: { perDay: usd(0.5), concurrent: 4 } },
  })
  await guard.solve(challenge)
  const before = reads()
  const collected = await collect()
  expect(reads() - before).toBe(1)
  const value = (name: string) => collected.get(`solveguard.${name}`)?.[0]?.value
  expect(value('budget.limit')).toBe(0.5)
  expect(value('budget.spent')).toBe(0.001)
  expect(value('budget.reserved')).toBe(0)
  expect(value('budget.left')).toBe(0.499)
  expect(value('slots.used')).toBe(0)
  expect(value('slots.limit')).toBe(4)
  expect(value('paused')).toBe(0)
  expect(value('key.age')).toBeGreaterThanOrEqual(60)
})

it('gauges show the queued solves, and the balance once the service has returned it', async () => {
  const collect = meter()
  const { guard } = await rig({
    serviceOptions: { solveMs: 60_000 },
    policy: { budget: { perDay: usd(1), concurrent: 1, wait: '30s' } },
  })
  expect((await collect()).has('solveguard.balance')).toBe(false)
  await guard.recommendConcurrency()
  const abort = new AbortController()
  const solves = [1, 2, 3].map(() => errorOf(guard.solve(challenge, { signal: abort.signal })))
  await expect.poll(async () => (await collect()).get('solveguard.solves.waiting')?.[0]?.value).toBe(2)
  expect((await collect()).get('solveguard.balance')).toEqual([
    {
      unit: '{USD}',
      value: 1000,
      attributes: { 'solveguard.guard': 'tests', 'solveguard.solver': 'captchaai' },
    },
  ])
  abort.abort()
  await Promise.all(solves)
})

it('a ledger that does not answer delays no other metric, and is read once for concurrent collections', async () => {
  const collect = meter()
  const { ledger, reads, hang } = countingLedger()
  const { guard } = await rig({ ledger })
  await guard.solve(challenge)
  const release = hang()
  const before = reads()
  const both = [collect(), collect()]
  await vi.waitFor(() => expect(reads() - before).toBe(1), { timeout: 60_000 })
  release(new Error('down'))
  for (const collected of await Promise.all(both)) {
    expect(collected.get('solveguard.solves')?.[0]?.value).toBe(1)
    expect(collected.has('solveguard.budget.left')).toBe(false)
  }
  expect(reads() - before).toBe(1)
})

it('a closed guard reports no gauges, and does not read the ledger', async () => {
  const collect = meter()
  const { ledger, reads } = countingLedger()
  const { guard } = await rig({ ledger })
  await guard.solve(challenge)
  await guard.close()
  const before = reads()
  const collected = await collect()
  expect(collected.get('solveguard.solves')?.[0]?.value).toBe(1)
  expect(collected.has('solveguard.budget.left')).toBe(false)
  expect(reads()).toBe(before)
})

it('docs/observability.md names each span, each attribute, and each measurement with its unit', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/observability.md'), 'utf8')
  for (const attribute of Object.values(ATTRIBUTE)) expect(page).toContain(`\`${attribute}\``)
  const collect = meter()
  const secret = fixedSecret('0123456789abcdef0123456789abcdef', { createdAt: Date.now() })
  const { guard, service } = await rig({
    secret,
    serviceOptions: { keys: { '0123456789abcdef0123456789abcdef': 10 } },
    policy: { budget: { perDay: usd(1), concurrent: 1 } },
  })
  await guard.solve(challenge)
  service.next('in', { error: 'ERROR_WRONG_GOOGLEKEY' })
  await errorOf(guard.solve(challenge))
  await errorOf(guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }))
  await guard.recommendConcurrency()
  const collected = [...(await collect())].map(([name, [{ unit } = { unit: '' }]]) => `${name} ${unit}`)
  const shown = [...page.matchAll(/^\| `(solveguard\.[\w.]+)` \| `([^`]+)` \|/gm)].map(
    ([, name, unit]) => `${name} ${unit}`,
  )
  expect(shown.sort()).toEqual(collected.sort())
  for (const name of new Set(spans.getFinishedSpans().map((span) => span.name))) expect(page).toContain(`\`${name}\``)
})

function named(name: string) {
  return spans.getFinishedSpans().filter((span) => span.name === name)
}

function plain({ name, attributes, status, events }: ReturnType<typeof named>[number]) {
  return { name, attributes, status, events }
}

interface Measurement {
  readonly unit: string
  readonly value: DataPoint<unknown>['value']
  readonly attributes: DataPoint<unknown>['attributes']
}

/** Replaces the metrics SDK by a new one; returns a function that collects all metrics by name. */
function meter(): () => Promise<Map<string, Measurement[]>> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  // The interval never elapses: the tests request every collection.
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  metrics.disable()
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
  return async () => {
    const { resourceMetrics } = await reader.collect()
    return new Map(
      resourceMetrics.scopeMetrics
        .flatMap((scope) => scope.metrics)
        .map(({ descriptor: { name, unit }, dataPoints }) => [
          name,
          dataPoints.map(({ value, attributes }) => ({ unit, value, attributes })),
        ]),
    )
  }
}

/** A ledger that counts its usage reads, and can be made not to answer. */
function countingLedger(): {
  ledger: Ledger
  reads: () => number
  hang: () => (error: Error) => void
} {
  const ledger = memoryLedger()
  let asked = 0
  let stuck: Promise<never> | undefined
  const counted: Ledger = Object.assign(Object.create(ledger) as Ledger, {
    usage(...args: Parameters<Ledger['usage']>) {
      asked++
      return stuck ?? ledger.usage(...args)
    },
  })
  return {
    ledger: counted,
    reads: () => asked,
    hang() {
      let fail: (error: Error) => void = () => {}
      stuck = new Promise((_, reject) => {
        fail = reject
      })
      stuck.catch(() => {})
      return (error) => fail(error)
    },
  }
}
