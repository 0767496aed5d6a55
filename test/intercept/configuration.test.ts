import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { guardOptions } from '../../src/intercept/configuration.js'
import { usd } from '../../src/policy/money.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-register-'))
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const origins = ['https://staging.example.com']

function file(config: object) {
  const path = join(folder, 'solveguard.config.json')
  writeFileSync(path, JSON.stringify(config))
  return { kind: 'file', path } as const
}

it('register reads the configuration that the commands read: plain data, and the profile that holds', async () => {
  vi.stubEnv('SOLVEGUARD_PROFILE', 'ci')
  const config = {
    solver: 'twocaptcha',
    policy: { origins },
    profiles: { ci: { policy: { budget: { perDay: '$2' } } } },
  }
  const { policy, solver } = await guardOptions(file(config))
  expect(policy).toEqual({ origins, budget: { perDay: usd(2) } })
  expect(solver?.name).toBe('twocaptcha')
})

it('register refuses a key in the configuration, and does not print it', async () => {
  const key = '0123456789abcdef0123456789abcdef'
  const refused = guardOptions(file({ secret: key, policy: { origins } }))
  await expect(refused).rejects.toThrow('secret (solveguard.config.json): is a key')
  await expect(refused).rejects.not.toThrow(key)
})
