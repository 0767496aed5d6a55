// A process that solves on command and sends its alerts to a webhook. Environment: SERVICE_URL and SERVICE_KEY (the
// service), HOOK_URL and HOOK_SECRET (the webhook), STATE_DIR (its file ledger) or LEDGER_URL (a Redis ledger). It
// reads commands, one a line: `solve 5`, `resume`, `status`, `end`; and writes results and events, one JSON object a
// line.
import { createInterface } from 'node:readline'
import { webhookAlerts } from '../../../src/alerts/index.js'
import { createGuard, usd } from '../../../src/index.js'
import { redisLedger } from '../../../src/ledger/redis.js'
import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { challenge } from '../challenge.js'

const { SERVICE_URL = '', SERVICE_KEY = '', HOOK_URL = '', HOOK_SECRET = '', STATE_DIR = '', LEDGER_URL } = process.env
const value = new Secret(SERVICE_KEY)

const guard = await createGuard({
  name: 'alerting',
  solver: captchaAI({
    baseUrl: SERVICE_URL,
    polling: { firstPollMs: 2, everyMs: 2 },
    pricing: { per: 'solve', usd: 0.001 },
  }),
  secret: { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) },
  policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(0.02), alertsAt: [0.5, 0.8] } },
  alerts: [webhookAlerts({ url: HOOK_URL, secret: HOOK_SECRET })],
  ledger: LEDGER_URL === undefined ? undefined : redisLedger({ url: LEDGER_URL }),
  stateDir: STATE_DIR,
})
const write = (what: string, more: object = {}): void =>
  void process.stdout.write(`${JSON.stringify({ what, ...more })}\n`)
guard.on('alert', ({ code }) => write('alert', { code }))
guard.on('paused', ({ reason }) => write('paused', { code: reason.code }))
guard.on('resumed', () => write('resumed'))

// Ends by itself if no test ends it.
setTimeout(() => process.exit(1), 90_000).unref()
write('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [command, times = '1'] = line.split(' ')
  if (command === 'end') break
  if (command === 'resume') await guard.resume()
  if (command === 'status') write('status', { paused: (await guard.status()).paused?.code ?? null })
  if (command !== 'solve') continue
  const solves = Array.from({ length: Number(times) }, () => guard.solve(challenge))
  const failures = (await Promise.allSettled(solves)).flatMap((one) =>
    one.status === 'rejected' ? [(one.reason as { code?: string }).code] : [],
  )
  write('solved', { failures })
}
await guard.close()
process.stdin.destroy()
