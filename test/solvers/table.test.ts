import { expect, test } from 'vitest'
import { type AnyChallenge, type Family, VARIANTS } from '../../src/base/challenge.js'
import * as solvers from '../../src/solvers/index.js'
import { SOLVERS, solversFor } from '../../src/solvers/table.js'
import { SERVICE_NAMES } from '../../src/wires/services.js'
import { CHALLENGE, EVERY, GRID, HCAPTCHA, IMAGE, solverContract, TURNSTILE } from './contract.js'
import { OTHER_APIS, RECORDED } from './recorded.js'

test('every solver of the table has recorded replies and is exported', () => {
  expect(Object.entries(RECORDED).filter(([, replies]) => replies.length === 0)).toEqual([])
  const exported = Object.values(solvers).map((make) => make().name)
  expect(exported.sort()).toEqual(Object.keys(SOLVERS).sort())
})

test('the tables of wires and of stand-ins have the solvers of the table, and no others', () => {
  expect([...SERVICE_NAMES].sort()).toEqual(Object.keys(SOLVERS).sort())
})

/** What solvers need of some families. */
const FACTS = { ...IMAGE, ...GRID, challenge: 'x', scriptUrl: 'https://cdn.example/a.js', userAgent: 'a browser' }

test('EVERY of contract.ts has each family and variant that a solver of the table supports', () => {
  const listed = [...EVERY, IMAGE, GRID].map(({ family, variant }) => `${family}/${variant}`)
  const supported = (Object.keys(VARIANTS) as Family[]).flatMap((family) =>
    VARIANTS[family]
      .filter((variant) =>
        Object.values(SOLVERS).some(
          (make) => !make().unsupported({ ...CHALLENGE, ...FACTS, family, variant } as AnyChallenge),
        ),
      )
      .map((variant) => `${family}/${variant}`),
  )
  expect(supported.length).toBeGreaterThan(15)
  expect(supported.filter((one) => !listed.includes(one))).toEqual([])
})

test('solversFor lists the solvers that can solve a challenge', () => {
  expect(solversFor(TURNSTILE)).toEqual(expect.arrayContaining(['captchaai', 'twocaptcha', 'anticaptcha']))
  expect(solversFor(HCAPTCHA)).toEqual(expect.arrayContaining(['twocaptcha', 'anticaptcha']))
  expect(solversFor(HCAPTCHA)).not.toContain('captchaai')
  expect(solversFor({ ...CHALLENGE, variant: 'turnstile' })).toEqual([])
})

for (const [name, make] of Object.entries(SOLVERS)) {
  for (const recorded of RECORDED[name] ?? []) solverContract(name, make, recorded)
}
for (const [name, { make, recorded }] of Object.entries(OTHER_APIS)) solverContract(name, make, recorded)
