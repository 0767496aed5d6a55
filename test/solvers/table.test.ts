import { expect, test } from 'vitest'
import { SOLVERS } from '../../src/solvers/table.js'
import { solverContract } from './contract.js'
import { RECORDED } from './recorded.js'

test('for every solver of the table its replies are recorded', () => {
  expect(Object.keys(RECORDED)).toEqual(Object.keys(SOLVERS))
})

for (const [name, make] of Object.entries(SOLVERS)) {
  for (const recorded of RECORDED[name] ?? []) solverContract(name, make, recorded)
}
