// A process that works on a batch until it is complete, or it is killed. Environment: SERVICE_URL and SERVICE_KEY (the
// service), STATE_DIR (its file ledger). Writes each solved item's index and task id, and `complete` at the end.
import { createGuard, usd } from '../../../src/index.js'
import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { challenge } from '../challenge.js'

const { SERVICE_URL = '', SERVICE_KEY = '', STATE_DIR = '', ITEMS = '0' } = process.env
const value = new Secret(SERVICE_KEY)
// Ends by itself if no test kills it.
setTimeout(() => process.exit(3), 60_000).unref()

const guard = await createGuard({
  name: 'batches',
  solver: captchaAI({
    baseUrl: SERVICE_URL,
    polling: { firstPollMs: 10, everyMs: 10 },
    pricing: { per: 'solve', usd: 0.001 },
  }),
  secret: { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) },
  policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(1000) } },
  stateDir: STATE_DIR,
})
guard.on('alert', () => {})
const pages = Array.from({ length: Number(ITEMS) }, (_, n) => ({
  ...challenge,
  pageUrl: `https://staging.example.com/${n}`,
}))
for await (const result of guard.stream(pages, { batch: 'nightly', concurrency: 8 })) {
  process.stdout.write(
    `${JSON.stringify({ index: result.index, task: result.ok ? result.solution.taskId : result.error.code })}\n`,
  )
}
await guard.close()
process.stdout.write('"complete"\n')
