// A process that solves at a steady rate while the key in KEY_FILE is rotated. Environment: SERVICE_URL (the service),
// STATE_DIR (its file ledger). Writes `ready` when it begins and, when its input ends, the results of all its solves.
import { createGuard, usd } from '../../../src/index.js'
import { fileSecret } from '../../../src/secrets/index.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { challenge } from '../challenge.js'

const { SERVICE_URL = '', KEY_FILE = '', STATE_DIR = '', EVERY_MS = '80' } = process.env
/** Ends by itself if no test ends it. */
const MAX_MS = 90_000
const MAX_CONCURRENT = 100

const guard = await createGuard({
  name: 'rotating',
  solver: captchaAI({
    baseUrl: SERVICE_URL,
    polling: { firstPollMs: 50, everyMs: 50 },
    pricing: { per: 'solve', usd: 0.001 },
  }),
  secret: fileSecret(KEY_FILE),
  policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(100) } },
  stateDir: STATE_DIR,
})
const alerts: string[] = []
guard.on('alert', ({ code }) => alerts.push(code))

let solved = 0
const failures: string[] = []
const underWay = new Set<Promise<void>>()
const timer = setInterval(() => {
  // A machine that is too slow for the rate starts fewer solves; the queue stays bounded.
  if (underWay.size >= MAX_CONCURRENT) return
  const solve: Promise<void> = guard
    .solve(challenge)
    .then(
      () => void solved++,
      (error) => void failures.push(String(error.code ?? error)),
    )
    .finally(() => underWay.delete(solve))
  underWay.add(solve)
}, Number(EVERY_MS))

process.stdout.write('ready\n')
await new Promise<void>((resolve) => {
  process.stdin.on('end', resolve).resume()
  setTimeout(resolve, MAX_MS).unref()
})
clearInterval(timer)
await Promise.all(underWay)
await guard.close()
process.stdout.write(`${JSON.stringify({ solved, failures, alerts })}\n`)
