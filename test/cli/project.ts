import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { createGuard } from '../../src/guard/create.js'
import { fileLedger } from '../../src/ledger/file.js'
import { usd } from '../../src/policy/money.js'
import { fileSecret } from '../../src/secrets/file.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { type SolverService, startSolverService } from '../../src/testing/index.js'
import { type HostOptions, runCommandLine } from './host.js'

/** A project of a user's: a folder with a configuration, a key in a file, and a stand-in for the service. */
export interface TestProject {
  readonly folder: string
  readonly service: SolverService
  readonly key: string
  /**
   * Solves once, as an application of the project does.
   * @param meanwhile called before the guard is closed
   */
  solve(meanwhile?: () => Promise<void>): Promise<void>
  /** Removes the folder, and stops the stand-in. */
  close(): Promise<void>
}

const ORIGIN = 'https://staging.example.com'

/** Starts a project. */
export async function testProject(more: object = {}): Promise<TestProject> {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-cli-'))
  const key = '0123456789abcdef0123456789abcdef'
  const service = await startSolverService({ as: 'captchaai', keys: { [key]: 5 } })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  mkdirSync(join(folder, 'secrets'))
  writeFileSync(join(folder, 'secrets/key'), `${key}\n`, { mode: 0o600 })
  const config = {
    name: 'shop',
    solver: { name: 'captchaai', baseUrl: service.url },
    secret: { file: 'secrets/key' },
    policy: { origins: [ORIGIN], budget: { perDay: '$5', concurrent: 4 } },
    ...more,
  }
  writeFileSync(join(folder, 'solveguard.config.json'), JSON.stringify(config))
  const solve = async (meanwhile?: () => Promise<void>) => {
    const guard = await createGuard({
      name: 'shop',
      solver: captchaAI({ baseUrl: service.url, polling: { firstPollMs: 1, everyMs: 1 } }),
      secret: fileSecret(join(folder, 'secrets/key')),
      policy: { origins: [ORIGIN], budget: { perDay: usd(5), concurrent: 4 } },
      stateDir: join(folder, '.solveguard'),
      ledger: fileLedger({ dir: join(folder, '.solveguard') }),
    })
    await guard.solve({
      family: 'recaptcha',
      variant: 'v2-checkbox',
      sitekey: '6LcAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      pageUrl: `${ORIGIN}/login`,
    })
    await meanwhile?.()
    await guard.close()
  }
  const close = async () => {
    await service.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { folder, service, key, solve, close }
}

/** How tests run commands in the project that there is at that time. */
export function commandsOf(project: () => TestProject) {
  const inProject = (more: HostOptions = {}): HostOptions => ({ cwd: project().folder, clock: systemClock, ...more })
  return {
    inProject,
    /** Runs a command with `--json`. It has to print one line, and never the key. Returns what the line holds. */
    async json(...args: string[]) {
      const { exitCode, stdout, stderr } = await runCommandLine([...args, '--json'], inProject())
      expect(stdout.trimEnd().split('\n')).toHaveLength(1)
      expect(stdout + stderr).not.toContain(project().key)
      return { exitCode, ...JSON.parse(stdout) }
    },
  }
}
