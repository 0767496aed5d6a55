import { afterEach, expect, it } from 'vitest'
import { hasNoKey, takeKey } from '../../../src/adapters/playwright-test/suite-key.js'
import { DeniedError } from '../../../src/base/errors.js'
import { envSecret } from '../../../src/secrets/index.js'
import type { SecretProvider } from '../../../src/secrets/provider.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'

const policy = { origins: ['https://shop.example'] }
const KEY = 'a-key-of-the-suite-for-tests-only'
const NAMES = [1, 2, 3].map((n) => `SOLVEGUARD_TEST_SUITE_${process.pid}_${n}`) as [string, string, string]

afterEach(() => {
  for (const name of NAMES) delete process.env[name]
})

const unreachable: SecretProvider = {
  kind: 'test',
  place: 'a store',
  fetch() {
    throw new DeniedError('SECRET_UNAVAILABLE', 'The store does not answer.')
  },
}

it('takes the keys of all accounts, and leaves notes; `withoutKey` is no option of the guard', async () => {
  const [first, second, none] = NAMES
  process.env[first] = KEY
  process.env[second] = `${KEY}-2`
  const solvers = NAMES.map((name) => ({ name, solver: captchaAI(), secret: envSecret(name) }))
  const { options, withoutKey } = takeKey({ solvers, policy, withoutKey: 'skip' })
  expect(withoutKey).toBe('skip')
  expect(options).not.toHaveProperty('withoutKey')
  expect([first, second].map((name) => process.env[name])).toEqual(Array(2).fill(expect.stringContaining('has taken')))
  expect(process.env).not.toHaveProperty(none)
  expect(await hasNoKey({ solvers, policy })).toBe(false)
})

it('has no key only where each store says so', async () => {
  const [, , none] = NAMES
  expect(await hasNoKey({ secret: envSecret(none), policy })).toBe(true)
  expect(await hasNoKey({ secret: unreachable, policy })).toBe(false)
})

it('refuses another `withoutKey`', () => {
  const options = { policy, secret: unreachable, withoutKey: 'ignore' as 'skip' }
  expect(() => takeKey(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
