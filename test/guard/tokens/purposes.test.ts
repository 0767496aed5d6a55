import { describe, expect, it } from 'vitest'
import { hostOf, type TokenPurpose } from '../../../src/guard/hosting.js'
import type { Guard } from '../../../src/guard/types.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { manualClock } from '../../../src/testing/clock.js'
import { fixedSecret, rig } from '../support.js'

const HOUR = 3_600_000
const PURPOSES: readonly TokenPurpose[] = ['spend', 'read', 'fetch', 'poll', 'describe']

/** Two guards of one name over one ledger, as two processes have them, whose ledger can fail. */
async function pair() {
  const clock = manualClock()
  let isDown = false
  const memory = memoryLedger()
  const ledger = {
    ...memory,
    listFacts: (scope: string, now: number) => {
      if (isDown) throw new Error('No route to host.')
      return memory.listFacts(scope, now)
    },
  }
  const guardOptions = { tokens: { keys: fixedSecret('a'.repeat(64)) } }
  const here = await rig({ clock, ledger, guardOptions })
  const there = await rig({ clock, ledger, guardOptions, service: here.service })
  for (const { guard } of [here, there]) guard.on('alert', () => {})
  /** What a token is for each purpose: `good`, or the code of why it is not. */
  const outcomes = async (guard: Guard, token: string) => {
    const of: Partial<Record<TokenPurpose, string>> = {}
    for (const purpose of PURPOSES) {
      // A question of its own for each: what one learns is not what the next one goes by.
      await clock.advance(101)
      of[purpose] = await Promise.resolve()
        .then(() => hostOf(guard).verify(token, purpose))
        .then(
          () => 'good',
          ({ code }) => code,
        )
    }
    return of
  }
  return {
    clock,
    here: here.guard,
    there: there.guard,
    outcomes,
    goDown: () => {
      isDown = true
    },
  }
}

const all = (outcome: string) => Object.fromEntries(PURPOSES.map((purpose) => [purpose, outcome]))

describe('a token', () => {
  it('is good for each purpose while it is valid, at each look', async () => {
    const { here, outcomes } = await pair()
    const { token } = await here.issueToken({}, { ttl: '1h' })
    expect([await outcomes(here, token), await outcomes(here, token)]).toEqual([all('good'), all('good')])
  })

  it('that has expired spends and reads nothing, and still fetches what it has paid for, for three hours', async () => {
    const { clock, here, there, outcomes } = await pair()
    const { token } = await here.issueToken({}, { ttl: '1h' })
    await outcomes(here, token)
    await clock.advance(HOUR)
    const expired = { ...all('TOKEN_EXPIRED'), fetch: 'good', poll: 'good' }
    expect([await outcomes(here, token), await outcomes(there, token)]).toEqual([expired, expired])
    await clock.advance(3 * HOUR - 5_000)
    expect([await outcomes(here, token), await outcomes(there, token)]).toEqual([expired, expired])
    await clock.advance(5_000)
    expect([await outcomes(here, token), await outcomes(there, token)]).toEqual([
      all('TOKEN_EXPIRED'),
      all('TOKEN_EXPIRED'),
    ])
  })

  it('that another process has revoked reads, fetches and polls nothing; its state is shown', async () => {
    const { here, there, outcomes } = await pair()
    const { token, id } = await here.issueToken({}, { ttl: '1h' })
    await outcomes(here, token)
    await there.revokeToken(id)
    // A reservation looks for itself, in the same operation as the budgets.
    const revoked = { ...all('TOKEN_REVOKED'), spend: 'good', describe: 'good' }
    expect(await outcomes(here, token)).toEqual(revoked)
    expect(await outcomes(here, token)).toEqual({ ...revoked, spend: 'TOKEN_REVOKED' })
  })

  it.each(['fetch', 'poll'] as const)(
    'that another process has revoked is no good for the first %s',
    async (purpose) => {
      const { clock, here, there } = await pair()
      const { token, id } = await here.issueToken({}, { ttl: '1h' })
      await hostOf(here).verify(token, purpose)
      await there.revokeToken(id)
      await clock.advance(101)
      const again = async () => hostOf(here).verify(token, purpose)
      await expect(again()).rejects.toMatchObject({ code: 'TOKEN_REVOKED' })
    },
  )

  it('that was verified waits for nothing where it spends or polls, and for the ledger where it reads', async () => {
    const { here } = await pair()
    const { token } = await here.issueToken({}, { ttl: '1h' })
    await hostOf(here).verify(token, 'poll')
    const waits = PURPOSES.map((purpose) => hostOf(here).verify(token, purpose) instanceof Promise)
    expect(waits).toEqual([false, true, true, false, true])
  })

  it('that is revoked twice was revoked at the first time', async () => {
    const { clock, here, there } = await pair()
    const { token, id } = await here.issueToken({}, { ttl: '1h' })
    await here.revokeToken(id)
    await clock.advance(60_000)
    await there.revokeToken(id)
    const first = { code: 'TOKEN_REVOKED', message: expect.stringContaining('2025-01-06T12:00:00.000Z') }
    for (const guard of [here, there]) await expect(guard.verifyToken(token)).rejects.toMatchObject(first)
  })

  it('reads nothing while the ledger fails; what it has paid for is fetched', async () => {
    const { here, outcomes, goDown } = await pair()
    const { token } = await here.issueToken({}, { ttl: '1h' })
    goDown()
    const unknown = { ...all('good'), read: 'LEDGER_UNAVAILABLE' }
    expect([await outcomes(here, token), await outcomes(here, token)]).toEqual([unknown, unknown])
  })
})
