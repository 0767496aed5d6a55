import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { SolveguardError } from '../../src/base/errors.js'
import type { Grant } from '../../src/guard/types.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { manualClock } from '../../src/testing/clock.js'
import { challenge, fixedSecret, rig } from './support.js'

/** The function of the user's whose line the stack has to have. */
async function signInOfTheUser(grant: Grant, pageUrl = challenge.pageUrl): Promise<void> {
  await grant.solve({ ...challenge, pageUrl })
}

async function thrownBy(work: Promise<unknown>): Promise<SolveguardError> {
  const error = await work.catch((thrown: unknown) => thrown)
  if (error instanceof SolveguardError) return error
  throw new Error('expected an error of the package')
}

const asynchronous = () => {
  const ledger = memoryLedger()
  return { ...ledger, reserve: async (...args: Parameters<typeof ledger.reserve>) => ledger.reserve(...args) }
}

it.each([
  ['at once, by the first layer', {}, 'https://elsewhere.example/', 'ORIGIN_NOT_NAMED'],
  ['at once, by the ledger', { policy: { budget: { perDay: usd(0.0001) } } }, undefined, 'BUDGET_EXHAUSTED'],
  ['later', { policy: { budget: { perDay: usd(0.0001) } }, ledger: asynchronous() }, undefined, 'BUDGET_EXHAUSTED'],
  ['by the service', { secret: fixedSecret('0'.repeat(32)) }, undefined, 'KEY_REFUSED'],
])("the caller's own line is in the stack of what was denied %s", async (_, options, pageUrl, code) => {
  const { guard } = await rig(options)
  const error = await thrownBy(signInOfTheUser(guard, pageUrl))
  expect(error.code).toBe(code)
  expect(error.stack).toMatch(/at (async )?signInOfTheUser \(.*caller\.test\.ts:\d+:\d+\)/)
  expect(inspect(error).split('\n')[0]).toBe(`${error.name} [${code}]: ${error.message}`)
})

it("the caller's own line is in the stack of a solve that took too long", async () => {
  const clock = manualClock()
  const { guard } = await rig({ clock, policy: { deadline: '30s' }, serviceOptions: { solveMs: 600_000 } })
  const submitted = new Promise((resolve) => guard.on('submitted', resolve))
  const thrown = thrownBy(signInOfTheUser(guard))
  await submitted
  await clock.advance(31_000)
  expect((await thrown).stack).toMatch(/at (async )?signInOfTheUser \(/)
})

it('two callers that get one error of the secrets store have their own lines each', async () => {
  let fail: (error: Error) => void = () => {}
  const never = new Promise<never>((_, reject) => {
    fail = reject
  })
  const { guard } = await rig({ secret: { kind: 'slow', place: 'the test', fetch: () => never } })
  async function another(): Promise<void> {
    await guard.solve(challenge)
  }
  const thrown = [thrownBy(signInOfTheUser(guard)), thrownBy(another())]
  fail(new Error('out of order'))
  const [first, second] = await Promise.all(thrown)
  expect(first?.stack).toContain('signInOfTheUser')
  expect(first?.stack).not.toContain('another')
  expect(second?.stack).toContain('another')
  expect(second?.stack).not.toContain('signInOfTheUser')
  expect(second?.toJSON()).toEqual(first?.toJSON())
})

it('an error is printed with its code first, what is known of it, and the page that explains it', async () => {
  const { guard } = await rig({ policy: { budget: { perDay: usd(0.0001) } } })
  const error = await thrownBy(signInOfTheUser(guard))
  const printed = inspect(error)
  expect(printed).toMatch(/^DeniedError \[BUDGET_EXHAUSTED\]: Budget 'tests'/)
  expect(printed).toContain("code: 'BUDGET_EXHAUSTED'")
  expect(printed).toContain(`docs: '${error.docs}'`)
  expect(printed).not.toContain('undefined')
})
