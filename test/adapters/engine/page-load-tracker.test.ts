import { expect, test } from 'vitest'
import type { DriverFrame, DriverPage, PageWatcher } from '../../../src/adapters/driver.js'
import { PageLoadTracker } from '../../../src/adapters/engine/page-load-tracker.js'

const frame = {} as DriverFrame

/** A page with a main frame and a child frame, whose events the test sends. */
function page() {
  const main = {} as DriverFrame
  const watchers = new Set<PageWatcher>()
  const driven: DriverPage = {
    frames: () => [main, frame],
    isClosed: () => false,
    watch(watcher: PageWatcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  }
  const send = (what: (watcher: PageWatcher) => void) => watchers.forEach(what)
  return { driven, watchers, navigates: (which = main) => send(({ navigated }) => navigated(which)), send }
}

test('ends a load when the browser reports a navigation and the document another id', () => {
  const loads = new PageLoadTracker()
  const { driven, navigates } = page()
  const first = loads.loadOf(driven, 'a')
  expect(loads.loadOf(driven, 'a')).toBe(first)
  navigates()
  expect(loads.loadOf(driven, 'a')).toBe(first)
  navigates()
  const second = loads.loadOf(driven, 'b')
  expect(second).not.toBe(first)
  expect(loads.loadOf(page().driven, 'b')).not.toBe(second)
})

test('starts no load for another document id alone, no reply, or a navigation of a child frame', () => {
  const loads = new PageLoadTracker()
  const { driven, navigates } = page()
  const first = loads.loadOf(driven)
  expect(loads.loadOf(driven, 'a')).toBe(first)
  expect(loads.loadOf(driven, 'b')).toBe(first)
  navigates(frame)
  expect(loads.loadOf(driven, 'c')).toBe(first)
  navigates()
  expect(loads.loadOf(driven)).toBe(first)
  expect(loads.loadOf(driven, 'd')).not.toBe(first)
})

test('does not watch a polled tool: a load ends when the document number changes', () => {
  const loads = new PageLoadTracker()
  let documents = 1
  const watch = () => expect.fail('The page is watched.')
  const main = { documentNumber: (): number => documents } as DriverFrame
  const driven: DriverPage = { frames: () => [main], isClosed: () => false, watch }
  const first = loads.loadOf(driven, 'a')
  expect(loads.loadOf(driven, 'b')).toBe(first)
  documents++
  expect(loads.loadOf(driven)).toBe(first)
  expect(loads.loadOf(driven, 'b')).toBe(first)
  documents++
  expect(loads.loadOf(driven, 'c')).not.toBe(first)
})

test('stops watching when the page is gone, or on close', () => {
  const loads = new PageLoadTracker()
  const [one, two] = [page(), page()]
  loads.loadOf(one.driven, 'a')
  loads.loadOf(two.driven, 'a')
  expect([one.watchers.size, two.watchers.size]).toEqual([1, 1])
  one.send(({ gone }) => gone())
  expect(one.watchers.size).toBe(0)
  loads.close()
  expect(two.watchers.size).toBe(0)
})
