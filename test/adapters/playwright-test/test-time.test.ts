import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TestTime } from '../../../src/adapters/playwright-test/test-time.js'

/** A slot of time, as Playwright's own `TimeoutManager` keeps them. */
interface Slot {
  timeout: number
  elapsed: number
}

/** Playwright's `testInfo`: `timeout` is the test's, `setTimeout` sets that of the slot that runs now. */
function playwright(timeout: number) {
  const test: Slot = { timeout, elapsed: 0 }
  let running = test
  let now = 1_000
  let struck = false
  const strike = () => {
    if (running.timeout > 0 && running.elapsed >= running.timeout) struck = true
  }
  return {
    info: {
      project: { timeout },
      get timeout() {
        return test.timeout
      },
      setTimeout(ms: number) {
        running.timeout = ms
        strike()
      },
    },
    now: () => now,
    advance(ms: number) {
      now += ms
      running.elapsed += ms
      strike()
    },
    /** Something with a slot of its own runs from now on. */
    run(slot: Slot) {
      running = slot
    },
    slow: () => {
      running.timeout *= 3
    },
    get struck() {
      return struck
    },
  }
}

it('lets a solve end that takes longer than the test may, and then cuts the test where it would have been cut', () => {
  const tool = playwright(30_000)
  const time = new TestTime(tool.info, tool.now)
  tool.advance(10_000)
  const end = time.begin(180_000)
  tool.advance(60_000)
  end()
  expect(tool.info.timeout).toBe(90_000)
  tool.advance(19_999)
  expect(tool.struck).toBe(false)
  tool.advance(1)
  expect(tool.struck).toBe(true)
})

it('gives no more back than a solve may take, so that a solve that hangs ends with its test', () => {
  const tool = playwright(30_000)
  new TestTime(tool.info, tool.now).begin(60_000)
  tool.advance(89_999)
  expect(tool.struck).toBe(false)
  tool.advance(1)
  expect(tool.struck).toBe(true)
})

it('gives time back once, however many solves were under way in it', async () => {
  const tool = playwright(30_000)
  const time = new TestTime(tool.info, tool.now)
  await Promise.all([
    time.giveBack(180_000, async () => tool.advance(5_000)),
    time.giveBack(180_000, async () => tool.advance(7_000)),
  ])
  expect(tool.info.timeout).toBe(42_000)
})

it('leaves a test without a timeout without one, also if it gave itself none during a solve', () => {
  const none = playwright(0)
  new TestTime(none.info, none.now).begin(1_000)()
  expect(none.info.timeout).toBe(0)

  const tool = playwright(30_000)
  const end = new TestTime(tool.info, tool.now).begin(1_000)
  tool.info.setTimeout(0)
  end()
  expect(tool.info.timeout).toBe(0)
})

it('adds to what test.setTimeout and test.slow have set, before, during and after a solve', () => {
  const tool = playwright(30_000)
  const time = new TestTime(tool.info, tool.now)
  tool.slow()
  const first = time.begin(180_000)
  tool.advance(10_000)
  first()
  expect(tool.info.timeout).toBe(100_000)
  const second = time.begin(180_000)
  tool.info.setTimeout(20_000)
  tool.advance(5_000)
  second()
  expect(tool.info.timeout).toBe(35_000)
  const third = time.begin(180_000)
  tool.slow()
  third()
  expect(tool.info.timeout).toBe(75_000)
})

it.each([
  ['a fixture that had two minutes and used more than the test has', { timeout: 120_000, elapsed: 100_000 }],
  ['a hook after the test', { timeout: 30_000, elapsed: 0 }],
])('does not cut %s, which has a timeout of its own', (_, slot) => {
  const tool = playwright(30_000)
  const time = new TestTime(tool.info, tool.now)
  tool.run(slot)
  const end = time.begin(180_000)
  tool.advance(60_000)
  end()
  tool.advance(20_000)
  expect(tool.struck).toBe(false)
  // Nor does it go on for ever.
  tool.advance(600_000)
  expect(tool.struck).toBe(true)
})

it('changes nothing any more once the test has ended', () => {
  const tool = playwright(30_000)
  const time = new TestTime(tool.info, tool.now)
  const end = time.begin(180_000)
  time.end()
  const before = tool.info.timeout
  end()
  time.begin(180_000)
  expect(tool.info.timeout).toBe(before)
})

const step = fc.oneof(
  fc.record({ do: fc.constant('begin' as const), bound: fc.integer({ min: 1, max: 200_000 }) }),
  fc.record({ do: fc.constant('end' as const), which: fc.nat(9) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ do: fc.constant('set' as const), ms: fc.integer({ min: 1, max: 100_000 }) }),
)

it('as a property: a test has its own timeout, and the time in which a solve was under way within its bound', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60_000 }), fc.array(step, { maxLength: 30 }), (timeout, steps) => {
      const tool = playwright(timeout)
      const time = new TestTime(tool.info, tool.now)
      let own = timeout
      let solving = 0
      const open: { readonly until: number; readonly end: () => void }[] = []
      for (const one of steps) {
        if (one.do === 'begin') open.push({ until: tool.now() + one.bound, end: time.begin(one.bound) })
        else if (one.do === 'end') open.splice(one.which, 1)[0]?.end()
        else if (one.do === 'set') {
          // Three times as much is what test.slow does. What is in force already cannot be seen to be set once more.
          own = [1, 3].some((times) => one.ms === times * tool.info.timeout) ? one.ms + 1 : one.ms
          tool.info.setTimeout(own)
        } else {
          const last = Math.max(0, ...open.map(({ until }) => until))
          solving += Math.max(0, Math.min(one.ms, last - tool.now()))
          tool.advance(one.ms)
        }
      }
      for (const { end } of open) end()
      // What is set last is in force until the next solve begins or ends.
      time.begin(1)()
      expect(tool.info.timeout).toBe(own + solving)
    }),
    { numRuns: 1_000 },
  )
})
