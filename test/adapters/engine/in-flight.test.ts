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

/** A solve that ends when it is told to, or when it is aborted. */
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

test('a second call for a widget joins the first one', async () => {
  const shared = new InFlightSolves()
  const solve = slow()
  const calls = [
    shared.joinOrStart(challenge, undefined, solve.begin),
    shared.joinOrStart(challenge, undefined, solve.begin),
  ]
  solve.end(skipped)
  expect(await Promise.all(calls)).toEqual([
    { outcome: skipped, started: true },
    { outcome: skipped, started: false },
  ])
  expect(solve.begun()).toBe(1)
})

test('a solve goes on while one of its callers wants it, and no longer', async () => {
  const shared = new InFlightSolves()
  const solve = slow()
  const [one, other] = [new AbortController(), new AbortController()]
  const first = shared.joinOrStart(challenge, one.signal, solve.begin)
  const second = shared.joinOrStart(challenge, other.signal, solve.begin)
  one.abort()
  expect((await first).outcome).toMatchObject({ kind: 'failed', error: { code: 'SOLVE_ABORTED' } })
  expect(solve.aborted()).toBe(false)
  other.abort()
  expect((await second).outcome).toBe(skipped)
  expect(solve.aborted()).toBe(true)
})

test('a call that was aborted before it began begins nothing', async () => {
  const shared = new InFlightSolves()
  const solve = slow()
  const { outcome } = await shared.joinOrStart(challenge, AbortSignal.abort(), solve.begin)
  expect(outcome).toMatchObject({ error: { code: 'SOLVE_ABORTED' } })
  expect(solve.begun()).toBe(0)
})

test('a look at the page that is older than a solve is known to be so', async () => {
  const shared = new InFlightSolves()
  const before = shared.tick()
  await shared.joinOrStart(challenge, undefined, async () => ({ kind: 'solved', challenge, solution: {} as never }))
  expect(shared.solvedSince(challenge.id, before)).toBe(true)
  expect(shared.solvedSince(challenge.id, shared.tick())).toBe(false)
  expect(shared.solvedSince('another', before)).toBe(false)
})

test('a solve that fails leaves the widget to be solved again', async () => {
  const shared = new InFlightSolves()
  await expect(shared.joinOrStart(challenge, undefined, () => Promise.reject(new Error('a bug')))).rejects.toThrow(
    'a bug',
  )
  expect(await shared.joinOrStart(challenge, undefined, async () => skipped)).toEqual({
    outcome: skipped,
    started: true,
  })
})

test('how often a widget was solved anew because its token had expired is counted, until it is solved for another reason', async () => {
  const shared = new InFlightSolves()
  const solve = (expired: boolean) =>
    shared.joinOrStart({ ...challenge, expired }, undefined, async () => ({
      kind: 'solved',
      challenge,
      solution: {} as never,
    }))
  const counts: number[] = []
  for (const expired of [false, true, true, false, true]) {
    await solve(expired)
    counts.push(shared.renewals(challenge.id))
  }
  expect(counts).toEqual([0, 1, 2, 0, 1])
  expect(shared.renewals('another')).toBe(0)
})
