import { expect, it } from 'vitest'
import { observedGrant } from '../../../src/adapters/playwright-test/observed-grant.js'
import { DeniedError } from '../../../src/base/errors.js'
import { createGuard } from '../../../src/guard/create.js'
import type { Guard } from '../../../src/guard/types.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { envSecret } from '../../../src/secrets/index.js'
import { memoryAudit } from '../../../src/testing/audit.js'

const challenge = {
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6Lc',
  pageUrl: 'https://shop.example/',
} as const

function suite(perDay = 1): Promise<Guard> {
  return createGuard({
    name: 'shop-tests',
    secret: envSecret('SOLVEGUARD_TEST_NEVER_SET'),
    policy: { origins: ['https://shop.example'], budget: { perDay: usd(perDay) } },
    ledger: memoryLedger(),
    audit: memoryAudit(),
  })
}

function observed(guard: Guard) {
  const seen: string[] = []
  const grant = observedGrant(guard.narrow({}, { name: 'sign-in' }), {
    async solving(run) {
      seen.push('begin')
      return run().finally(() => seen.push('end'))
    },
    used: () => void seen.push('used'),
  })
  return { grant, seen }
}

it('observes each solve, of a narrower grant too, and no other call', async () => {
  await using guard = await suite()
  const { grant, seen } = observed(guard)
  await grant.status()
  expect(grant.originDenial('page', 'https://elsewhere.example/')?.code).toBe('ORIGIN_NOT_NAMED')
  expect(seen).toEqual([])
  await expect(grant.narrow({}).solve(challenge)).rejects.toMatchObject({ code: 'SECRET_MISSING' })
  expect(seen).toEqual(['used', 'begin', 'end'])
})

it('shows a test without a key what a suite can do', async () => {
  await using guard = await suite()
  const denial = observed(guard).grant.solve(challenge)
  await expect(denial).rejects.toBeInstanceOf(DeniedError)
  await expect(denial).rejects.toMatchObject({
    code: 'SECRET_MISSING',
    layer: 'secret',
    message: expect.stringMatching(/SOLVEGUARD_TEST_NEVER_SET is not set.* `withoutKey` in captchaGuardOptions/),
  })
})
