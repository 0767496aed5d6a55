import { expect, it } from 'vitest'
import { MissLimit } from '../../src/base/miss-limit.js'
import { manualClock } from '../../src/testing/clock.js'

/** A store in which nothing is, but what is named so; it answers when the test lets it. */
function rig(max: number) {
  const clock = manualClock()
  const limit = new MissLimit(clock, max)
  const asked: string[] = []
  let answers: (() => void)[] = []
  const ask = (name: string) =>
    limit.ask(
      async () => {
        asked.push(name)
        await new Promise<void>((resolve) => answers.push(resolve))
        return name === 'there' ? name : undefined
      },
      () => void refused.push(name),
    )
  const refused: string[] = []
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return {
    ...{ clock, limit, asked, refused, ask, settle },
    /** Answers all that is asked until nothing is. */
    async answer() {
      for (await settle(); answers.length > 0; await settle()) {
        const now = answers
        answers = []
        for (const one of now) one()
      }
    },
  }
}

it('names that are made up, all at once, ask a store as often as the limit allows', async () => {
  const { clock, limit, ask, asked, refused, answer } = rig(3)
  const guess = async (count: number) => {
    const guesses = Promise.all(Array.from({ length: count }, (_, n) => ask(`${n}`)))
    await answer()
    expect(await guesses).toEqual(Array(count).fill(undefined))
  }
  await guess(50)
  expect([asked.length, refused.length]).toEqual([3, 47])
  await clock.advance(999)
  await guess(2)
  expect([asked.length, refused.length]).toEqual([3, 49])
  expect(limit.idle).toBe(false)
  await clock.advance(1)
  expect(limit.idle).toBe(true)
  await guess(2)
  await guess(2)
  expect([asked.length, refused.length]).toEqual([6, 50])
})

it('what is there does not count, however often it is asked for, alone or at once', async () => {
  const { limit, ask, asked, refused, answer } = rig(3)
  const found = Promise.all(Array.from({ length: 20 }, () => ask('there')))
  expect(limit.idle).toBe(false)
  await answer()
  expect(await found).toEqual(Array(20).fill('there'))
  expect([asked.length, refused.length]).toEqual([20, 0])
  expect(limit.idle).toBe(true)
})

it('what waits behind guesses is asked for, if they leave room', async () => {
  const { ask, answer } = rig(3)
  const all = Promise.all(['a', 'b', 'there', 'there', 'there'].map(ask))
  await answer()
  expect(await all).toEqual([undefined, undefined, 'there', 'there', 'there'])
})

it('those that wait for a store that fails do not ask it in turn', async () => {
  const limit = new MissLimit(manualClock(), 2)
  let asked = 0
  const ask = () =>
    limit.ask(
      async () => {
        asked++
        throw new Error('the store is gone')
      },
      () => expect.fail('refused'),
    )
  const all = await Promise.allSettled(Array.from({ length: 10 }, ask))
  expect(all.map(({ status }) => status)).toEqual(Array(10).fill('rejected'))
  expect(asked).toBe(2)
  expect(limit.idle).toBe(true)
})
