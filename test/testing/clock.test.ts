import fc from 'fast-check'
import { expect, test } from 'vitest'
import { manualClock } from '../../src/testing/clock.js'

test('time does not pass until it is advanced', async () => {
  const clock = manualClock(1_000)
  expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0])
  await clock.advance(250)
  expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250])
})

test('setting the wall clock moves neither monotonic time nor timers', async () => {
  const clock = manualClock()
  let called = 0
  clock.after(100, () => called++)
  clock.set(0)
  expect([clock.now(), clock.monotonic(), called]).toEqual([0, 0, 0])
  clock.set(9e12)
  await clock.advance(99)
  expect(called).toBe(0)
  await clock.advance(1)
  expect([called, clock.now()]).toEqual([1, 9e12 + 100])
})

test('calls timers in the order in which they are due, each at its own time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: -5, max: 50 }), { maxLength: 20 }), async (delays) => {
      const clock = manualClock(0)
      const called: [number, number][] = []
      for (const [index, delay] of delays.entries()) clock.after(delay, () => called.push([clock.now(), index]))
      await clock.advance(50)
      const expected = delays.map((delay, index): [number, number] => [Math.max(delay, 0), index])
      expect(called).toEqual(expected.sort(([a, i], [b, j]) => a - b || i - j))
      expect(clock.waiting).toBe(0)
    }),
    { numRuns: 30 },
  )
})

test('does not call a timer that was cancelled', async () => {
  const clock = manualClock()
  const cancel = clock.after(10, () => expect.unreachable())
  cancel()
  cancel()
  expect(clock.waiting).toBe(0)
  await clock.advance(100)
})

test('promises that a timer has started settle before the next timer is called', async () => {
  const clock = manualClock()
  const events: string[] = []
  clock.after(10, () => {
    events.push('first')
    void (async () => {
      for (let i = 0; i < 50; i++) await null
      events.push('settled')
      clock.after(5, () => events.push('nested'))
    })()
  })
  clock.after(20, () => events.push('last'))
  await clock.advance(20)
  expect(events).toEqual(['first', 'settled', 'nested', 'last'])
})
