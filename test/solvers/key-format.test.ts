import { expect, it } from 'vitest'
import { antiCaptcha, capMonster, capSolver, captchaAI, twoCaptcha } from '../../src/solvers/index.js'

const HEX = '0123456789abcdef0123456789abcdef'

it.each([
  ['captchaai', captchaAI],
  ['twocaptcha', twoCaptcha],
  ["twocaptcha's older API", (options = {}) => twoCaptcha({ ...options, api: 'v1' as const })],
  ['capmonster', capMonster],
])('%s says that its keys have 32 characters', (_, make) => {
  const { pattern, description } = make().keyFormat ?? {}
  expect(description).toBe('32 characters')
  for (const key of [HEX, HEX.toUpperCase()]) expect(pattern?.test(key)).toBe(true)
  for (const key of [`CAP-${HEX}`, HEX.slice(1), `${HEX}0`]) expect(pattern?.test(key)).toBe(false)
})

it('capsolver says that its keys begin with CAP-', () => {
  const { pattern } = capSolver().keyFormat ?? {}
  expect(pattern?.test(`CAP-${HEX.toUpperCase()}`)).toBe(true)
  expect(pattern?.test(HEX)).toBe(false)
})

it('anticaptcha publishes no format', () => {
  expect(antiCaptcha().keyFormat).toBeUndefined()
})

it.each([captchaAI, twoCaptcha, capMonster, capSolver])('a service at another address may have other keys', (make) => {
  expect(make({ baseUrl: 'https://solver.internal.example.com' }).keyFormat).toBeUndefined()
})
