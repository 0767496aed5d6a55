// What every bundler, runtime and package manager has to run: a solve with the file ledger, a denial, and an audit log
// that is whole.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGuard, DeniedError, usd } from 'solveguard'
import { verifyAudit } from 'solveguard/audit'
import { captchaAI } from 'solveguard/solvers'
import { startSolverService } from 'solveguard/testing'

async function program(stateDir, service) {
  process.env.SOLVEGUARD_KEY = service.key
  const guard = await createGuard({
    name: 'toolchain',
    stateDir,
    policy: { origins: ['https://staging.example.com', 'https://*.qa.example.com'], budget: { perDay: usd(1) } },
    solver: captchaAI({
      baseUrl: service.url,
      pricing: { per: 'solve', usd: 0.001 },
      polling: { firstPollMs: 10, everyMs: 10 },
    }),
  })
  try {
    const challenge = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: '6Lc' }
    const { token } = await guard.solve({ ...challenge, pageUrl: 'https://staging.example.com/login' })
    if (typeof token !== 'string' || token === '') throw new Error('no token')
    const denial = await guard.solve({ ...challenge, pageUrl: 'https://elsewhere.example/' }).catch((error) => error)
    if (!(denial instanceof DeniedError)) throw new Error(`no denial: ${denial}`)
    const { spent } = (await guard.status()).day
    await guard.close()
    const { ok } = await verifyAudit({ dir: join(stateDir, 'audit') })
    return `solved, ${denial.code}, spent ${spent === usd(0.001)}, audit ${ok}`
  } finally {
    await guard.close()
  }
}

async function run() {
  const stateDir = mkdtempSync(join(tmpdir(), 'solveguard-toolchain-'))
  const service = await startSolverService({ price: 0.001, solveMs: 20 })
  try {
    console.log(await program(stateDir, service))
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  } finally {
    await service.close()
    rmSync(stateDir, { recursive: true, force: true })
  }
}

run()
