import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { policyOf } from '../../../src/cli/tokens/policy.js'
import { usd } from '../../../src/policy/money.js'

describe('a policy from options', () => {
  it('has what they state, in place of the same fields of the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'solveguard-policy-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'policy.json')
    writeFileSync(
      file,
      '{"origins":["https://a.example.com"],"budget":{"perDay":5000000,"perMinute":9},"deadline":"1m"}',
    )
    expect(policyOf({})).toEqual({})
    expect(policyOf({ origin: ['https://b.example.com'], perDay: '0.25', concurrent: '3', perSolve: '0.01' })).toEqual({
      origins: ['https://b.example.com'],
      budget: { perDay: usd(0.25), concurrent: 3, perSolve: usd(0.01) },
    })
    expect(policyOf({ policy: file, perDay: '1', perMinute: '2' })).toEqual({
      origins: ['https://a.example.com'],
      budget: { perDay: usd(1), perMinute: 2 },
      deadline: '1m',
    })
  })

  it.each([
    { perDay: '-1' },
    { perDay: '1e9' },
    { perDay: '0x10' },
    { perDay: '' },
    { perDay: '$5' },
    { perDay: '0,5' },
    { perSolve: '1 000' },
    { perMinute: '0' },
    { perMinute: '1.5' },
    { concurrent: 'ten' },
    { policy: '/nowhere/policy.json' },
  ])('is refused where an amount may be misread: %j', (flags) => {
    expect(() => policyOf(flags)).toThrow(/^--/)
  })
})
