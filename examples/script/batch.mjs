// A batch whose process is killed in the middle and started again: what was solved is passed over, the answers that the service has are asked
// for, and nothing is bought twice. On stand-ins; node examples/script/batch.mjs
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

/** The worker: all that a program of your own would have. */
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
  console.log(`worth having: ${workers} workers. ${reasons[0].message}`)
  const tally = await guard.stream(challenges, { batch: 'nightly', concurrency: 4 }).forEach(async (result) => {
    console.log(result.ok ? `solved ${result.index}` : `failed ${result.index}: ${result.error.code}`)
  })
  console.log(
    `${tally.before} were solved before, ${tally.solved} now, for ${formatUsd(tally.cost)}; ${tally.failed} failed`,
  )
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
    console.log('killed; once more')
    const second = start()
    for await (const line of createInterface({ input: second.stdout }))
      if (!line.startsWith('solved')) console.log(line)
    const [code] = second.exitCode === null ? await once(second, 'exit') : [second.exitCode]
    // Each of at most four tasks whose ids no process lived to write down may have been bought again.
    const bought = service.tasks.length
    console.log(`${bought} tasks were bought for ${PAGES} pages`)
    if (code !== 0 || bought < PAGES || bought > PAGES + 4) throw new Error('that is not as it should be')
  } finally {
    await service.close()
    await rm(folder, { recursive: true, force: true })
  }
}

await (process.argv[2] === 'work' ? work() : run())
