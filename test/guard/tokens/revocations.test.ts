import { describe, expect, it } from 'vitest'
import { type RevocationCheck, Revocations } from '../../../src/guard/tokens/revocations.js'
import type { Fact } from '../../../src/ledger/ledger.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { manualClock } from '../../../src/testing/clock.js'

const [ID, OTHER] = ['AAAAAAAAAAAAAAAA', 'BBBBBBBBBBBBBBBB'] as const
const VALUE = JSON.stringify(['TOKEN_REVOKED', 'The token was revoked.', 86_400_000])
const READ: RevocationCheck = { maxAgeMs: 0, staleOk: false }
const FETCH: RevocationCheck = { maxAgeMs: 0, staleOk: true }
const POLL: RevocationCheck = { maxAgeMs: 100, staleOk: true }

/** Revocations over a ledger whose replies a test gives, one question after the other. */
function rig() {
  const clock = manualClock()
  const questions: { scope: string; reply: (...ids: string[]) => Promise<void>; fail: () => Promise<void> }[] = []
  const listFacts = (scope: string) =>
    new Promise<readonly Fact[]>((resolve, reject) => {
      questions.push({
        scope,
        reply: (...ids) => {
          resolve(ids.map((name) => ({ name, value: VALUE, at: 0 })))
          return clock.advance(0)
        },
        fail: () => {
          reject(new Error('No route to host.'))
          return clock.advance(0)
        },
      })
    })
  const revocations = new Revocations({ name: 'tests', clock, ledger: { ...memoryLedger(), listFacts } })
  /** What a check of a link below another ends with: `good`, a code or a message; `waits` while it has not ended. */
  const check = (rules: RevocationCheck, id: string = ID) => {
    const outcome = { is: 'waits' }
    revocations.check([{ id: 'above-the-link--' }, { id }], rules).then(
      () => Object.assign(outcome, { is: 'good' }),
      ({ code, message }) => Object.assign(outcome, { is: code ?? message }),
    )
    return outcome
  }
  const question = (index: number) => questions[index] ?? expect.fail(`The ledger was asked ${questions.length} times.`)
  return { clock, questions, question, revocations, check }
}

describe('a check that reads', () => {
  it('asks the ledger each time, and waits for what it says', async () => {
    const { questions, question, check } = rig()
    const [first, second] = [check(READ), check(READ)]
    expect(questions.map(({ scope }) => scope)).toEqual(['revoked/tests', 'revoked/tests'])
    expect([first.is, second.is]).toEqual(['waits', 'waits'])
    await question(0).reply(OTHER)
    expect([first.is, second.is]).toEqual(['good', 'waits'])
    await question(1).reply(OTHER, ID)
    expect(second.is).toBe('TOKEN_REVOKED')
  })

  it('fails where the ledger does, or does not answer within five seconds', async () => {
    const { clock, question, check } = rig()
    const first = check(READ)
    await question(0).fail()
    expect(first.is).toBe('No route to host.')
    const second = check(READ)
    await clock.advance(4_999)
    expect(second.is).toBe('waits')
    await clock.advance(1)
    expect(second.is).toBe('LEDGER_UNAVAILABLE')
  })

  it('does not forget what another question said that was asked later and answered first', async () => {
    const { question, check } = rig()
    const [first, second] = [check(READ), check(READ)]
    await question(1).reply(ID)
    await question(0).reply()
    expect([first.is, second.is]).toEqual(['TOKEN_REVOKED', 'TOKEN_REVOKED'])
  })

  it('knows what this process revoked meanwhile, and what the ledger says of others', async () => {
    const { question, revocations, check } = rig()
    const [own, other] = [check(READ, ID), check(READ, OTHER)]
    revocations.add(ID, VALUE)
    await question(0).reply(OTHER)
    await question(1).reply(OTHER)
    expect([own.is, other.is]).toEqual(['TOKEN_REVOKED', 'TOKEN_REVOKED'])
    // A question of later has both from the ledger.
    const later = [check(READ, ID), check(READ, OTHER)]
    await question(2).reply(OTHER, ID)
    await question(3).reply(OTHER, ID)
    expect(later.map(({ is }) => is)).toEqual(['TOKEN_REVOKED', 'TOKEN_REVOKED'])
  })
})

describe('a check that fetches', () => {
  it('asks the ledger each time, and after a second without an answer goes by what is known', async () => {
    const { clock, questions, question, revocations, check } = rig()
    const first = check(FETCH)
    await clock.advance(999)
    expect(first.is).toBe('waits')
    await clock.advance(1)
    expect(first.is).toBe('good')
    const second = check(FETCH)
    await question(1).fail()
    expect(second.is).toBe('good')
    revocations.add(ID, VALUE)
    const third = check(FETCH)
    await question(2).fail()
    expect(third.is).toBe('TOKEN_REVOKED')
    expect(questions).toHaveLength(3)
  })
})

describe('a check that polls', () => {
  it('asks once for all that come at a time, and once in a tenth of a second', async () => {
    const { clock, questions, question, revocations, check } = rig()
    expect(revocations.isKnown(POLL.maxAgeMs)).toBe(false)
    const checks = [check(POLL), check(POLL), check(POLL, OTHER)]
    await question(0).reply(OTHER)
    // Also in the moment of the question: another process may have revoked a token since.
    expect([revocations.isKnown(POLL.maxAgeMs), revocations.isKnown(0)]).toEqual([true, false])
    expect(checks.map(({ is }) => is)).toEqual(['good', 'good', 'TOKEN_REVOKED'])
    await clock.advance(100)
    expect(revocations.isKnown(POLL.maxAgeMs)).toBe(true)
    expect(revocations.isKnown(0)).toBe(false)
    const known = check(POLL, OTHER)
    await clock.advance(0)
    expect(known.is).toBe('TOKEN_REVOKED')
    expect(questions).toHaveLength(1)
    await clock.advance(1)
    expect(revocations.isKnown(POLL.maxAgeMs)).toBe(false)
    const later = check(POLL)
    await question(1).reply(ID)
    expect(later.is).toBe('TOKEN_REVOKED')
  })

  it('counts the age of what is known from the question, not from the answer', async () => {
    const { clock, question, revocations, check } = rig()
    check(POLL)
    await clock.advance(60)
    await question(0).reply()
    await clock.advance(40)
    expect(revocations.isKnown(POLL.maxAgeMs)).toBe(true)
    await clock.advance(1)
    expect(revocations.isKnown(POLL.maxAgeMs)).toBe(false)
  })

  it('is never asked with a knowledge that may be of any age', async () => {
    const { clock, questions, check } = rig()
    const free = check({ maxAgeMs: Number.POSITIVE_INFINITY, staleOk: true })
    await clock.advance(0)
    expect([free.is, questions.length]).toEqual(['good', 0])
  })

  it.each(['fails', 'does not answer'])(
    'waits once for a ledger that %s, and again once it has answered',
    async (what) => {
      const { clock, questions, question, check } = rig()
      const first = check(POLL)
      if (what === 'fails') await question(0).fail()
      else {
        await clock.advance(999)
        expect(first.is).toBe('waits')
        await clock.advance(1)
      }
      expect(first.is).toBe('good')
      // None of the next ones waits; of one that fails each asks again.
      const next = [check(POLL), check(POLL)]
      await clock.advance(0)
      expect(next.map(({ is }) => is)).toEqual(['good', 'good'])
      await questions.at(-1)?.reply()
      await clock.advance(101)
      const asked = questions.length
      const last = check(POLL)
      await clock.advance(0)
      expect([last.is, questions.length]).toEqual(['waits', asked + 1])
      await questions.at(-1)?.reply(ID)
      expect(last.is).toBe('TOKEN_REVOKED')
    },
  )
})

describe('a link that this process has revoked', () => {
  it('is known at once, also while a question is under way that was asked before', async () => {
    const { clock, question, revocations, check } = rig()
    check(POLL)
    revocations.add(ID, VALUE)
    const denial = { code: 'TOKEN_REVOKED', message: expect.stringContaining('1970-01-02'), details: { link: ID } }
    expect(() => revocations.checkKnown([{ id: ID }])).toThrow(expect.objectContaining(denial))
    await question(0).reply()
    expect(() => revocations.checkKnown([{ id: ID }])).toThrow(expect.objectContaining(denial))
    // The ledger has it: it was written there first. What the ledger does not have any more has expired.
    await clock.advance(101)
    check(POLL)
    await question(1).reply()
    revocations.checkKnown([{ id: ID }])
  })
})
