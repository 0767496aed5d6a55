// A process that solves until it is killed. Environment: SERVICE_URL and SERVICE_KEY (the service), STATE_DIR (its file
// ledger) or LEDGER_URL (a Redis ledger).
import { createGuard, usd } from '../../../src/index.js'
import { redisLedger } from '../../../src/ledger/redis.js'
import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { challenge } from '../challenge.js'

const { SERVICE_URL = '', SERVICE_KEY = '', STATE_DIR = '', LEDGER_URL, PER_DAY = '1' } = process.env
const value = new Secret(SERVICE_KEY)

const guard = await createGuard({
  name: 'killed',
  solver: captchaAI({
    baseUrl: SERVICE_URL,
    polling: { firstPollMs: 2, everyMs: 2 },
    pricing: { per: 'solve', usd: 0.001 },
  }),
  secret: { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) },
  policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(PER_DAY) } },
  ledger: LEDGER_URL === undefined ? undefined : redisLedger({ url: LEDGER_URL }),
  stateDir: STATE_DIR,
})
guard.on('alert', () => {})
process.stdout.write('ready\n')
let begun = false
const begins = (): void => {
  if (!begun) process.stdout.write('begun\n')
  begun = true
}
guard.on('submitted', begins)
guard.on('denied', begins)
// Ends by itself if no test kills it.
const end = Date.now() + 20_000
while (Date.now() < end) await Promise.all([1, 2, 3].map(() => guard.solve(challenge).catch(() => {})))
