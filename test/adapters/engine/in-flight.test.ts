import { expect, test } from 'vitest'
import { InFlightSolves } from '../../../src/adapters/engine/in-flight.js'
import type { Outcome } from '../../../src/adapters/engine/result.js'
import type { FoundChallenge } from '../../../src/widgets/widget.js'

const challenge: FoundChallenge = {
  id: '1-dabc-0',
  family: 'recaptcha',
  variant: 'v2-checkbox',
  sitekey: '6Lc',
  pageUrl: 'https://staging.example.com/',
  visible: true,
  answered: false,
  executed: false,
  due: true,
  expired: false,
}

const skipped: Outcome = { kind: 'skipped', challenge, reason: 'removed' }

/** A solve that ends when the test ends it, or when it is aborted. */
function slow() {
  let end: (outcome: Outcome) => void = () => {}
  let begun = 0
  let aborted = false
  const begin = (signal: AbortSignal) => {
    begun++
    return new Promise<Outcome>((resolve) => {
      end = resolve
      signal.addEventListener('abort', () => {
        aborted = true
        resolve(skipped)
      })
    })
  }
  return { begin, end: (outcome: Outcome) => end(outcome), begun: () => begun, aborted: () => aborted }
}

const solvedNow: Outcome = { kind: 'solved', challenge, solution: {} as never, told: true }

test('joins a second call for a widget to the first solve', async () => {
  const solves = new InFlightSolves()
  const solve = slow()
  const calls = [
    solves.joinOrStart(challenge, undefined, solve.begin),
    solves.joinOrStart(challenge, undefined, solve.begin),
  ]
  solve.end(skipped)
  expect(await Promise.all(calls)).toEqual([
    { outcome: skipped, started: true },
    { outcome: skipped, started: false },
  ])
  expect(solve.begun()).toBe(1)
})

test('continues a solve for as long as one of its callers waits for it', async () => {
  const solves = new InFlightSolves()
  const solve = slow()
  const [one, other] = [new AbortController(), new AbortController()]
  const first = solves.joinOrStart(challenge, one.signal, solve.begin)
  const second = solves.joinOrStart(challenge, other.signal, solve.begin)
  one.abort()
  expect((await first).outcome).toMatchObject({ kind: 'failed', error: { code: 'SOLVE_ABORTED' } })
  expect(solve.aborted()).toBe(false)
  other.abort()
  expect((await second).outcome).toBe(skipped)
  expect(solve.aborted()).toBe(true)
})

test('starts nothing for a call that was aborted before', async () => {
  const solves = new InFlightSolves()
  const solve = slow()
  const { outcome } = await solves.joinOrStart(challenge, AbortSignal.abort(), solve.begin)
  expect(outcome).toMatchObject({ error: { code: 'SOLVE_ABORTED' } })
  expect(solve.begun()).toBe(0)
})

test('knows that a scan is older than a solve', async () => {
  const solves = new InFlightSolves()
  const before = solves.tick()
  await solves.joinOrStart(challenge, undefined, async () => solvedNow)
  expect(solves.solvedSince(challenge.id, before)).toBe(true)
  expect(solves.solvedSince(challenge.id, solves.tick())).toBe(false)
  expect(solves.solvedSince('another', before)).toBe(false)
})

test('starts a new solve after one that failed', async () => {
  const solves = new InFlightSolves()
  await expect(solves.joinOrStart(challenge, undefined, () => Promise.reject(new Error('a bug')))).rejects.toThrow(
    'a bug',
  )
  expect(await solves.joinOrStart(challenge, undefined, async () => skipped)).toEqual({
    outcome: skipped,
    started: true,
  })
})

test('counts how often in a row a widget was solved again after its token expired', async () => {
  const solves = new InFlightSolves()
  const solve = (expired: boolean) => solves.joinOrStart({ ...challenge, expired }, undefined, async () => solvedNow)
  const counts: number[] = []
  for (const expired of [false, true, true, false, true]) {
    await solve(expired)
    counts.push(solves.renewals(challenge.id))
  }
  expect(counts).toEqual([0, 1, 2, 0, 1])
  expect(solves.renewals('another')).toBe(0)
})
