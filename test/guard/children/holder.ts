// A process that issues tokens, and solves with those of others. Environment: SERVICE_URL and SERVICE_KEY (the
// service), STATE_DIR (its file ledger and its signing key) or, for the ledger, LEDGER_URL (Redis). Each line that it
// reads is a command: `issue <dollars a day>`, `solve <times> <token>`, `revoke <id>`, `pause <subject>`. It answers in
// JSON.
import { createInterface } from 'node:readline'
import { createGuard, usd } from '../../../src/index.js'
import { redisLedger } from '../../../src/ledger/redis.js'
import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { challenge } from '../challenge.js'

const { SERVICE_URL = '', SERVICE_KEY = '', STATE_DIR = '', LEDGER_URL } = process.env
const value = new Secret(SERVICE_KEY)

const guard = await createGuard({
  name: 'tokens',
  solver: captchaAI({
    baseUrl: SERVICE_URL,
    polling: { firstPollMs: 2, everyMs: 2 },
    pricing: { per: 'solve', usd: 0.001 },
  }),
  secret: { kind: 'test', place: 'the test', fetch: () => ({ current: { value, version: '1' } }) },
  policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(1) } },
  ledger: LEDGER_URL === undefined ? undefined : redisLedger({ url: LEDGER_URL }),
  stateDir: STATE_DIR,
})
guard.on('alert', () => {})

async function answer(line: string): Promise<object> {
  const [command = '', first = '', second = ''] = line.split(' ')
  if (command === 'issue') {
    const { token, id, handle } = await guard.issueToken(
      { budget: { perDay: usd(first) } },
      { subject: 'ci-4711', handle: true },
    )
    return { token, id, handle }
  }
  if (command === 'revoke') {
    await guard.revokeToken(first)
    return {}
  }
  if (command === 'pause') {
    await guard.pause('It loops.', { subject: first })
    return {}
  }
  const solve = async (): Promise<string> => {
    try {
      const grant = await guard.verifyToken(second)
      await grant.solve(challenge)
      return 'solved'
    } catch (error) {
      return String((error as { code?: unknown }).code)
    }
  }
  return { outcomes: await Promise.all(Array.from({ length: Number(first) }, solve)) }
}

process.stdout.write('{"ready":true}\n')
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`)
}
await guard.close()
