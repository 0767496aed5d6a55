// A broker that serves until it is killed. Environment: SERVICE_URL and SERVICE_KEY (the service), STATE_DIR (its
// ledger, audit log and the key that signs tokens), LEDGER_URL (a Redis ledger in place of that), CALLBACK_PORT (where
// its service calls back). Prints its address and a token.
import { startBroker } from '../../../src/broker/index.js'
import { createGuard, usd } from '../../../src/index.js'
import { redisLedger } from '../../../src/ledger/redis.js'
import { Secret } from '../../../src/secrets/secret.js'
import { twoCaptcha } from '../../../src/solvers/two-captcha.js'

const { SERVICE_URL = '', SERVICE_KEY = '', STATE_DIR = '', LEDGER_URL, CALLBACK_PORT } = process.env
const value = new Secret(SERVICE_KEY)
const url = `http://127.0.0.1:${CALLBACK_PORT}/hooks`

const guard = await createGuard({
  name: 'killed',
  solver: twoCaptcha({
    baseUrl: SERVICE_URL,
    polling: { firstPollMs: 5, everyMs: 5 },
    pricing: { per: 'solve', usd: 0.001 },
  }),
  secret: { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) },
  policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(100) } },
  stateDir: STATE_DIR,
  ...(LEDGER_URL !== undefined && { ledger: redisLedger({ url: LEDGER_URL }) }),
  ...(CALLBACK_PORT !== undefined && { callbacks: { url, listen: { port: Number(CALLBACK_PORT) } } }),
})
guard.on('alert', () => {})
const broker = await startBroker({ guard })
const { token } = await guard.issueToken({}, { ttl: '1h' })
process.stdout.write(`${JSON.stringify({ url: broker.url, token })}\n`)
// Ends by itself if no test kills it.
setTimeout(() => process.exit(), 600_000)
