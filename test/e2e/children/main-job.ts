// A complete job of a user, with every option that writes, logs, traces or sends data: the secrecy test searches its
// output. It runs in a folder of its own. Variables have the addresses of the servers, and the secrets.
import { appendFileSync, writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { metrics, context as otelContext, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { destination, pino } from 'pino'
import { chromium } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser } from '../../../scripts/find-browser.mjs'
import { guardContext } from '../../../src/adapters/playwright/index.js'
import { commandAlerts, webhookAlerts } from '../../../src/alerts/index.js'
import { jsonlAudit, stdoutAudit } from '../../../src/audit/index.js'
import { createGuard, type GuardEvents, usd } from '../../../src/index.js'
import { envSecret } from '../../../src/secrets/index.js'
import { captchaAI } from '../../../src/solvers/index.js'

const { SERVICE = '', SITE = '', PROXY = '', PAGE_PROXY = '', WEBHOOK = '', CANARY = '', QUERY = '' } = process.env
// The browser's processes do not inherit these variables: they belong to the job only.
for (const name of ['PROXY', 'PAGE_PROXY', 'WEBHOOK']) delete process.env[name]

/** All that any way of printing a value shows of it. */
const shown = (value: unknown): string =>
  [inspect(value, { depth: 20, showHidden: true, maxStringLength: null }), JSON.stringify(value), String(value)].join(
    '\n',
  )
const keep = (file: string, value: unknown): void => appendFileSync(file, `${shown(value)}\n`)

// An SDK whose exporters omit nothing.
const spans: SpanExporter = {
  export(list, done) {
    for (const span of list) {
      const { name, kind, attributes, events, links, status, resource, instrumentationScope } = span
      const ids = [span.spanContext().traceId, span.parentSpanContext?.spanId]
      keep('telemetry.txt', { name, kind, attributes, events, links, status, resource, instrumentationScope, ids })
    }
    done({ code: 0 })
  },
  shutdown: async () => {},
}
const measurements: PushMetricExporter = {
  export(all, done) {
    keep('telemetry.txt', all)
    done({ code: 0 })
  },
  selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
  forceFlush: async () => {},
  shutdown: async () => {},
}
const meters = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter: measurements, exportIntervalMillis: 3_600_000 })],
})
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
otelContext.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
metrics.setGlobalMeterProvider(meters)

const logger = pino({ level: 'trace' }, destination({ dest: 'logger.jsonl', sync: true }))
const guard = await createGuard({
  // The name reaches the ledger, the records, the spans and the alerts; the sitekey the page and the service.
  name: CANARY,
  solver: captchaAI({
    baseUrl: SERVICE,
    pricing: { per: 'solve', usd: 0.001 },
    polling: { firstPollMs: 0, everyMs: 5 },
  }),
  secret: envSecret('TEST_SOLVER_KEY'),
  policy: {
    origins: [new URL(SITE).origin],
    budget: { perDay: usd(0.01), alertsAt: [0.1] },
    egress: { proxy: PROXY },
    pageProxy: PAGE_PROXY,
  },
  audit: [jsonlAudit({ dir: 'state/audit' }), stdoutAudit()],
  stateDir: 'state',
  logger,
  trace: 'wire.har',
  alerts: [
    webhookAlerts({ url: WEBHOOK, secret: envSecret('TEST_WEBHOOK_SECRET') }),
    commandAlerts({ command: ['/bin/sh', '-c', 'cat >> alerts.txt; env >> alerts.txt'] }),
  ],
})
const EVENTS: Record<keyof GuardEvents, true> = {
  ...{ authorized: true, submitted: true, retrying: true, solved: true, failed: true, denied: true, fallback: true },
  ...{ abandoned: true, recovered: true, injected: true, accepted: true, rejected: true, paused: true, resumed: true },
  ...{ notifyFailed: true, item: true, alert: true },
}
for (const name of Object.keys(EVENTS) as (keyof GuardEvents)[]) guard.on(name, (event) => keep('events.txt', event))

const found = await findBrowser()
if (!found) throw new Error('No Chromium: set CHROMIUM_PATH, or run `npx playwright install chromium`.')
const context = await chromium.launchPersistentContext('profile', {
  executablePath: found.path,
  args: [...CHROMIUM_FLAGS, `--a-flag=${CANARY}`],
  recordHar: { path: 'page.har' },
})
await context.tracing.start({ snapshots: true, screenshots: true, sources: true })
const captcha = await guardContext(guard, context)
const page = await context.newPage()
const login = `${SITE}/login?visit=${QUERY}&from=${CANARY}`
console.error(`on its way to ${CANARY}`)
await trace.getTracer('suite').startActiveSpan('sign in', async (span) => {
  await page.goto(login)
  const result = await captcha.solve(page)
  keep('printed.txt', result)
  console.log(result)
  await page.getByRole('button', { name: /sign in/i }).click()
  await page.getByRole('heading', { level: 1 }).waitFor()
  await result.solved[0]?.solution.reportBad()
  for (const { solution } of result.solved) {
    keep('printed.txt', solution)
    logger.info({ solution }, 'printed')
  }
  span.end()
})

// Failures must not reveal more than successes. The test has the service's replies, in this order.
const failing = async (challenge: Parameters<typeof guard.solve>[0]): Promise<void> => {
  try {
    await guard.solve(challenge, { signal: AbortSignal.timeout(700) })
  } catch (error) {
    keep('printed.txt', error)
    logger.error(error)
    logger.error({ err: error }, 'failed')
    console.error(error)
  }
}
const challenge = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: CANARY, pageUrl: login } as const
await failing({ ...challenge, pageUrl: `https://elsewhere.example/?visit=${QUERY}` })
await failing({ ...challenge, sitekey: '' })
for (let i = 0; i < Number(process.env.FAILURES); i++) await failing(challenge)

for (const value of [guard, captcha, await guard.status(), guard.policy, structuredClone(guard.policy)]) {
  keep('printed.txt', value)
  logger.info({ value }, 'printed')
}
await meters.forceFlush()

/** Waits for the test, which searches while everything runs. */
await new Promise<void>((resolve) => {
  process.once('message', () => resolve())
  process.send?.('running')
})
await captcha.close()
await context.tracing.stop({ path: 'trace.zip' })
await context.close()
await guard.close()
await meters.shutdown()
writeFileSync('done', '')
process.disconnect?.()
