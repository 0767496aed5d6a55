// A batch whose process is killed and started again. The second process skips what is solved, fetches the answers that
// the service already has, and buys nothing twice. On stand-ins: node examples/script/batch.mjs
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createGuard, formatUsd, usd } from 'solveguard'
import { captchaAI } from 'solveguard/solvers'
import { startSolverService } from 'solveguard/testing'

const PAGES = 40

/** The worker: the whole of a program of your own. */
async function work() {
  const guard = await createGuard({
    name: 'example-batch',
    solver: captchaAI({
      baseUrl: process.env.SERVICE_URL,
      pricing: { per: 'solve', usd: 0.001 },
      polling: { firstPollMs: 20, everyMs: 20 },
    }),
    policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(1) } },
    stateDir: process.env.STATE_DIR,
  })
  const challenges = Array.from({ length: PAGES }, (_, index) => ({
    family: 'recaptcha',
    variant: 'v2-checkbox',
    sitekey: '6LdyC2cUAAAAACGuDKpXeDorzUDWXmdqeg-xy696',
    pageUrl: `https://staging.example.com/page-${index + 1}`,
  }))
  const { workers, reasons } = await guard.recommendConcurrency({ queued: PAGES })
  console.log(`recommended concurrency: ${workers}. ${reasons[0].message}`)
  const summary = await guard.stream(challenges, { batch: 'nightly', concurrency: 4 }).forEach(async (result) => {
    console.log(result.ok ? `solved ${result.index}` : `failed ${result.index}: ${result.error.code}`)
  })
  const { alreadySolved, solved, failed, cost } = summary
  console.log(`${alreadySolved} were already solved, ${solved} are new, for ${formatUsd(cost)}; ${failed} failed`)
  await guard.close()
}

async function run() {
  const service = await startSolverService({ price: 0.001, solveMs: 40 })
  const folder = await mkdtemp(join(tmpdir(), 'solveguard-batch-'))
  const start = () => {
    const env = { ...process.env, SERVICE_URL: service.url, SOLVEGUARD_KEY: service.key, STATE_DIR: folder }
    return spawn(process.execPath, [process.argv[1], 'work'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  }
  try {
    const first = start()
    let solved = 0
    for await (const line of createInterface({ input: first.stdout })) {
      console.log(line)
      if (line.startsWith('solved') && ++solved === 12) first.kill('SIGKILL')
    }
    console.log('killed; starting again')
    const second = start()
    for await (const line of createInterface({ input: second.stdout }))
      if (!line.startsWith('solved')) console.log(line)
    const [code] = second.exitCode === null ? await once(second, 'exit') : [second.exitCode]
    // The process may have been killed before it recorded the ids of tasks under way: at most four (its concurrency)
    // are bought again.
    const bought = service.tasks.length
    console.log(`${bought} tasks were bought for ${PAGES} pages`)
    if (code !== 0 || bought < PAGES || bought > PAGES + 4) throw new Error(`expected ${PAGES} to ${PAGES + 4} tasks`)
  } finally {
    await service.close()
    await rm(folder, { recursive: true, force: true })
  }
}

await (process.argv[2] === 'work' ? work() : run())
