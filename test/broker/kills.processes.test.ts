import { once } from 'node:events'
import { expect, it } from 'vitest'
import { fileLedger } from '../../src/ledger/file.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { after } from '../guard/support.js'
import { type BrokerProcess, brokerProcesses } from './broker-process.js'
import { PAGE, SITEKEY } from './support.js'

/** How many brokers are killed. `BROKER_KILLS=200` makes a full run of it. */
const KILLS = Number(process.env.BROKER_KILLS ?? 4)
const CLIENTS = 6
/** A task of a broker that died is taken over within its lease and a few polls; a busy machine takes longer. */
const OUTCOME_WITHIN_MS = 120_000

it('brokers that are killed at random lose nothing and buy nothing twice', { timeout: 3_600_000 }, async () => {
  const { dir, start: startBroker } = await brokerProcesses('killed')
  const service = await startSolverService({ solveMs: 30, price: 0.001 })
  after(() => service.close())

  const start = () => startBroker({ SERVICE_URL: service.url, SERVICE_KEY: service.key })
  const brokers = [await start(), await start()]
  const [{ token }] = brokers as [BrokerProcess, BrokerProcess]

  let done = false
  let sent = 0
  /** By task id: how it ended for its client. */
  const outcomes = new Map<string, string>()
  const ask = async (path: string, fields: Record<string, string>): Promise<string | undefined> => {
    const { url } = brokers[Math.floor(Math.random() * brokers.length)] as BrokerProcess
    try {
      const body = new URLSearchParams({ key: token, ...fields })
      return await (await fetch(url + path, { method: 'POST', body, signal: AbortSignal.timeout(10_000) })).text()
    } catch {
      // It was killed.
      return undefined
    }
  }
  const client = async (): Promise<void> => {
    while (!done) {
      sent++
      const reply = await ask('/in.php', { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE })
      if (!reply?.startsWith('OK|')) continue
      const id = reply.slice(3)
      outcomes.set(id, 'none')
      const until = Date.now() + OUTCOME_WITHIN_MS
      while (Date.now() < until) {
        const polled = await ask('/res.php', { action: 'get', id })
        if (polled !== undefined && polled !== 'CAPCHA_NOT_READY') {
          outcomes.set(id, polled)
          break
        }
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, client))
  for (let kill = 0; kill < KILLS; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 400))
    const [victim] = brokers.splice(Math.floor(Math.random() * 2), 1) as [BrokerProcess]
    victim.child.kill('SIGKILL')
    await once(victim.child, 'exit')
    // The service is read first: the ledger must count a task before the service charges it.
    const { charged } = service
    expect(await counted(dir)).toBeGreaterThanOrEqual(charged)
    brokers.push(await start())
  }
  done = true
  await clients

  const ended = [...outcomes.values()]
  const answers = ended.filter((outcome) => outcome.startsWith('OK|'))
  expect(answers.length).toBeGreaterThan(0)
  // Each client has an outcome: its answer, or the word that it should submit again.
  expect(ended.filter((outcome) => !outcome.startsWith('OK|') && outcome !== 'ERROR_CAPTCHA_UNSOLVABLE')).toEqual([])
  // No answer was given for two tasks, and each is one that the service gave for a task of its own.
  expect(new Set(answers).size).toBe(answers.length)
  const given = new Set(service.tasks.map(({ answer }) => `OK|${answer}`))
  expect(answers.filter((answer) => !given.has(answer))).toEqual([])
  // Nothing was bought twice: never more tasks than submits.
  expect(service.tasks.length).toBeLessThanOrEqual(sent)
  expect(await counted(dir)).toBeGreaterThanOrEqual(service.charged)
})

/** What a ledger counts as spent or reserved. */
async function counted(dir: string): Promise<number> {
  const ledger = fileLedger({ dir })
  await ledger.open()
  const { spent, reserved } = await ledger.usage('killed', Date.now())
  await ledger.close()
  return spent + reserved
}
