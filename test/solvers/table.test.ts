import { expect, test } from 'vitest'
import { SOLVERS, solversFor } from '../../src/solvers/table.js'
import { CHALLENGE, HCAPTCHA, solverContract, TURNSTILE } from './contract.js'
import { OTHER_WAYS, RECORDED } from './recorded.js'

test('for every solver of the table its replies are recorded', () => {
  expect(Object.keys(RECORDED)).toEqual(Object.keys(SOLVERS))
})

test('the solvers that can do a challenge are known by name', () => {
  expect(solversFor(TURNSTILE)).toEqual(['captchaai', 'twocaptcha', 'anticaptcha', 'capmonster', 'capsolver'])
  expect(solversFor(HCAPTCHA)).toEqual(['twocaptcha', 'anticaptcha'])
  expect(solversFor({ ...CHALLENGE, variant: 'turnstile' })).toEqual([])
})

for (const [name, make] of Object.entries(SOLVERS)) {
  for (const recorded of RECORDED[name] ?? []) solverContract(name, make, recorded)
}
for (const [name, { make, recorded }] of Object.entries(OTHER_WAYS)) solverContract(name, make, recorded)
