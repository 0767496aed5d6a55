import { describe, expect, test } from 'vitest'
import type { DriverFrame, DriverPage, PageWatcher } from '../../../src/adapters/driver.js'
import { Finder } from '../../../src/adapters/engine/finder.js'
import { PageChanges } from '../../../src/adapters/engine/page-changes.js'
import { type ManualClock, manualClock } from '../../../src/testing/clock.js'

interface FakePage extends DriverPage {
  readonly watchers: Set<PageWatcher>
  readonly main: DriverFrame
  /** Ends the wait that is under way in the page. */
  change(): void
  /** How many waits were begun. */
  waits(): number
}

/** A page of one frame, whose tool can wait, or can only be asked. */
function fakePage(waits: boolean): FakePage {
  const watchers = new Set<PageWatcher>()
  let begun = 0
  let end: () => void = () => {}
  const main: DriverFrame = {
    url: () => 'https://staging.example.com/',
    name: () => '',
    parent: () => undefined,
    isDetached: () => false,
    evaluate: async () => '{"result":"ok"}',
    ...(waits && {
      evaluateAsync: () => {
        begun++
        return new Promise((resolve) => {
          end = () => resolve('{"result":"changed"}')
        })
      },
    }),
  }
  return {
    watchers,
    main,
    change: () => end(),
    waits: () => begun,
    frames: () => [main],
    isClosed: () => false,
    watch(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  }
}

function changesIn(page: DriverPage, clock: ManualClock): PageChanges {
  return new PageChanges({ clock, evaluateMs: 5_000, finder: new Finder(clock, 5_000) }, page)
}

/** Counts the looks that are taken at a page until it is stopped. */
function watcher(page: FakePage, clock: ManualClock) {
  const changes = changesIn(page, clock)
  const stop = new AbortController()
  let looks = 0
  const done = (async () => {
    while (!stop.signal.aborted) {
      changes.arm()
      looks++
      await changes.next(stop.signal)
    }
    changes.stop()
  })()
  return {
    looks: () => looks,
    async stop() {
      stop.abort()
      await done
    },
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Lets time pass in small steps, so that what is woken can go on. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 50) {
    await clock.advance(50)
    await turn()
  }
}

describe('a page that nothing happens in', () => {
  test('is looked at now and then, and not in between', async () => {
    const [clock, page] = [manualClock(), fakePage(true)]
    const { looks, stop } = watcher(page, clock)
    await pass(clock, 14_000)
    expect([looks(), page.waits()]).toEqual([1, 1])
    await pass(clock, 2_000)
    expect(looks()).toBe(2)
    await stop()
  })

  test('is asked twice a second where its tool cannot wait', async () => {
    const [clock, page] = [manualClock(), fakePage(false)]
    const { looks, stop } = watcher(page, clock)
    await pass(clock, 1_000)
    expect(looks()).toBeGreaterThanOrEqual(2)
    await pass(clock, 10_000)
    expect(looks()).toBeLessThanOrEqual(25)
    await stop()
  })
})

describe('a page that says that something changed', () => {
  test('is looked at again, and waited for again', async () => {
    const [clock, page] = [manualClock(), fakePage(true)]
    const { looks, stop } = watcher(page, clock)
    await turn()
    page.change()
    await pass(clock, 500)
    expect([looks(), page.waits()]).toEqual([2, 2])
    await stop()
  })

  test('without end, and about nothing, is looked at less and less often', async () => {
    const [clock, page] = [manualClock(), fakePage(true)]
    const { looks, stop } = watcher(page, clock)
    for (let at = 0; at < 200; at++) {
      page.change()
      for (const one of page.watchers) one.navigated(page.main)
      await pass(clock, 50)
    }
    // Ten seconds of it.
    expect(looks()).toBeLessThan(15)
    await stop()
  })
})

test('a change between two looks is not missed', async () => {
  const [clock, page] = [manualClock(), fakePage(true)]
  const changes = changesIn(page, clock)
  changes.arm()
  // While the look is under way.
  page.change()
  await turn()
  const next = changes.next(new AbortController().signal)
  await pass(clock, 200)
  await next
  changes.stop()
})

test('nothing is listened to any more once it is stopped', async () => {
  const [clock, page] = [manualClock(), fakePage(true)]
  const { stop } = watcher(page, clock)
  await turn()
  expect(page.watchers.size).toBe(1)
  await stop()
  expect(page.watchers.size).toBe(0)
})
