import { describe, expect, it } from 'vitest'
import { Interruption } from '../../src/cli/failure.js'
import { runCli } from '../../src/cli/run.js'
import { createGuard } from '../../src/guard/create.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { envSecret } from '../../src/secrets/env.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { startStandIns } from '../../src/testing/stand-ins/start.js'
import { runCommandLine, testHost } from './host.js'

const SITEKEY = '6LcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

interface Printed {
  readonly url: string
  readonly healthUrl: string
  readonly services: Readonly<Record<string, string>>
  readonly verify: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
}

/** Runs the command while `work` takes, and ends it by a signal. */
async function whileRunning(args: readonly string[], work: (printed: Printed) => Promise<void>) {
  const controller = new AbortController()
  const host = testHost({ signal: controller.signal })
  const running = runCli(['stand-ins', '--json', ...args], host)
  await expect.poll(() => host.output().stdout, { timeout: 30_000 }).toContain('\n')
  try {
    await work(JSON.parse(host.output().stdout) as Printed)
  } finally {
    controller.abort(new Interruption('SIGTERM', 143))
  }
  return { exitCode: await running, ...host.output() }
}

describe('solveguard stand-ins', () => {
  it('starts services and vendors, says what to set, and ends on a signal with its exit code', async () => {
    let address = ''
    const { exitCode, stderr } = await whileRunning([], async ({ url, healthUrl, services, verify, env }) => {
      address = healthUrl
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect((await fetch(healthUrl)).status).toBe(200)
      expect(env).toMatchObject({ SOLVEGUARD_STAND_INS: url, SOLVEGUARD_KEY: expect.stringMatching(/^[0-9a-f]{32}$/) })
      process.env.STAND_IN_KEY = env.SOLVEGUARD_KEY
      const guard = await createGuard({
        solver: captchaAI({ baseUrl: services.captchaai, polling: { firstPollMs: 0, everyMs: 5 } }),
        secret: envSecret('STAND_IN_KEY'),
        policy: { origins: ['https://staging.example.com'] },
        ledger: memoryLedger(),
        audit: memoryAudit(),
      })
      const pageUrl = 'https://staging.example.com/login'
      const solved = await guard.solve({ family: 'recaptcha', variant: 'v2-checkbox', sitekey: SITEKEY, pageUrl })
      await guard.close()
      const body = new URLSearchParams({ secret: `secret-of-${SITEKEY}`, response: solved.token })
      const verified = await fetch(verify.recaptcha ?? '', { method: 'POST', body })
      expect(await verified.json()).toMatchObject({ success: true })
    })
    expect(exitCode).toBe(143)
    expect(stderr).toContain('Ctrl+C')
    await expect(fetch(address)).rejects.toThrow()
  })

  it('says when others than this machine can reach them', async () => {
    const { stderr } = await whileRunning(['--host', '0.0.0.0'], async () => {})
    expect(stderr).toContain('every program that reaches this address can use them')
  })

  it('takes a port that is taken, or is none, as wrong use', async () => {
    await using taken = await startStandIns()
    const { port } = new URL(taken.url)
    const refused = await runCommandLine(['stand-ins', '--port', port])
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain('cannot listen')
    expect((await runCommandLine(['stand-ins', '--port', '70000'])).exitCode).toBe(2)
  })
})
