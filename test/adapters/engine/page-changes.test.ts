import { describe, expect, test } from 'vitest'
import type { DriverFrame, DriverPage, PageWatcher } from '../../../src/adapters/driver.js'
import { Finder } from '../../../src/adapters/engine/finder.js'
import { NamedFrames } from '../../../src/adapters/engine/named-frames.js'
import { PageChanges } from '../../../src/adapters/engine/page-changes.js'
import { type ManualClock, manualClock } from '../../../src/testing/clock.js'

interface FakePage extends DriverPage {
  readonly watchers: Set<PageWatcher>
  readonly main: DriverFrame
  /** Ends the present wait in the page. */
  change(): void
  /** How many waits were started. */
  waits(): number
}

/** A page of one frame, whose tool can wait in the page, or is polled. */
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
  const frames = new NamedFrames({ originDenial: () => undefined, denyUnnamed: () => undefined }, clock, 5_000)
  return new PageChanges({ clock, frames, finder: new Finder(clock, 5_000, frames) }, page)
}

/** Counts the scans of a page until it is stopped. */
function watcher(page: FakePage, clock: ManualClock) {
  const changes = changesIn(page, clock)
  const stop = new AbortController()
  let scans = 0
  const done = (async () => {
    while (!stop.signal.aborted) {
      changes.arm()
      scans++
      await changes.next(stop.signal)
    }
    changes.stop()
  })()
  return {
    scans: () => scans,
    async stop() {
      stop.abort()
      await done
    },
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Advances the clock in small steps, so that promises settle in between. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 50) {
    await clock.advance(50)
    await turn()
  }
}

describe('a page without changes', () => {
  test('is scanned again after 15 seconds, and not before', async () => {
    const [clock, page] = [manualClock(), fakePage(true)]
    const { scans, stop } = watcher(page, clock)
    await pass(clock, 14_000)
    expect([scans(), page.waits()]).toEqual([1, 1])
    await pass(clock, 2_000)
    expect(scans()).toBe(2)
    await stop()
  })

  test('is polled twice a second where its tool cannot wait', async () => {
    const [clock, page] = [manualClock(), fakePage(false)]
    const { scans, stop } = watcher(page, clock)
    await pass(clock, 1_000)
    expect(scans()).toBeGreaterThanOrEqual(2)
    await pass(clock, 10_000)
    expect(scans()).toBeLessThanOrEqual(25)
    await stop()
  })
})

describe('a page that reports changes', () => {
  test('is scanned again, and waited for again', async () => {
    const [clock, page] = [manualClock(), fakePage(true)]
    const { scans, stop } = watcher(page, clock)
    await turn()
    page.change()
    await pass(clock, 500)
    expect([scans(), page.waits()]).toEqual([2, 2])
    await stop()
  })

  test('all the time is scanned less and less often', async () => {
    const [clock, page] = [manualClock(), fakePage(true)]
    const { scans, stop } = watcher(page, clock)
    for (let at = 0; at < 200; at++) {
      page.change()
      for (const one of page.watchers) one.navigated(page.main)
      await pass(clock, 50)
    }
    // That is for ten seconds.
    expect(scans()).toBeLessThan(15)
    await stop()
  })
})

test('does not miss a change between two scans', async () => {
  const [clock, page] = [manualClock(), fakePage(true)]
  const changes = changesIn(page, clock)
  changes.arm()
  // During the scan.
  await turn()
  page.change()
  await turn()
  const next = changes.next(new AbortController().signal)
  await pass(clock, 200)
  await next
  changes.stop()
})

test.each(['https://staging.example.com/inner', 'about:blank'])(
  'a wait in a frame at %s begins before a scan that starts later reads the frame',
  async (address) => {
    const calls: string[] = []
    const page = fakePage(true)
    const { main } = page
    const child: DriverFrame = {
      ...main,
      url: () => address,
      parent: () => main,
      frameElement: async () => ({ src: null, readable: true }),
      evaluate: async () => void calls.push('read'),
      evaluateAsync: () => {
        calls.push('wait')
        return new Promise(() => {})
      },
    }
    const clock = manualClock()
    const frames = new NamedFrames({ originDenial: () => undefined, denyUnnamed: () => undefined }, clock, 5_000)
    const finder = new Finder(clock, 5_000, frames)
    const both: DriverPage = { ...page, frames: () => [main, child] }
    const changes = new PageChanges({ clock, frames, finder }, both)
    changes.arm()
    await finder.scan(both)
    expect(calls.slice(0, 2)).toEqual(['wait', 'read'])
    changes.stop()
  },
)

test('stops watching the page when it is stopped', async () => {
  const [clock, page] = [manualClock(), fakePage(true)]
  const { stop } = watcher(page, clock)
  await turn()
  expect(page.watchers.size).toBe(1)
  await stop()
  expect(page.watchers.size).toBe(0)
})
