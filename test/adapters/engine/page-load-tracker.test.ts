import { expect, test } from 'vitest'
import type { DriverFrame, DriverPage, PageWatcher } from '../../../src/adapters/driver.js'
import { PageLoadTracker } from '../../../src/adapters/engine/page-load-tracker.js'

const frame = {} as DriverFrame

/** A page with a main frame and one below it, that can be told what happens to it. */
function page() {
  const main = {} as DriverFrame
  const watchers = new Set<PageWatcher>()
  const driven = {
    frames: () => [main, frame],
    watch(watcher: PageWatcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  } as unknown as DriverPage
  const tell = (what: (watcher: PageWatcher) => void) => watchers.forEach(what)
  return { driven, watchers, navigates: (which = main) => tell(({ navigated }) => navigated(which)), tell }
}

test('a load ends when the browser says that the page went elsewhere, and the document that it is another one', () => {
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

test('a page has no more loads for calling itself something else, for saying nothing, or for what its frames do', () => {
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

test('a tool that has to be asked is not watched: a load ends when it has seen another document', () => {
  const loads = new PageLoadTracker()
  let documents = 1
  const watch = () => expect.fail('it is watched')
  const driven = { frames: () => [{ documentNumber: () => documents }], watch } as unknown as DriverPage
  const first = loads.loadOf(driven, 'a')
  expect(loads.loadOf(driven, 'b')).toBe(first)
  documents++
  expect(loads.loadOf(driven)).toBe(first)
  expect(loads.loadOf(driven, 'b')).toBe(first)
  documents++
  expect(loads.loadOf(driven, 'c')).not.toBe(first)
})

test('nothing is watched any more once the page is gone, or all is closed', () => {
  const loads = new PageLoadTracker()
  const [one, two] = [page(), page()]
  loads.loadOf(one.driven, 'a')
  loads.loadOf(two.driven, 'a')
  expect([one.watchers.size, two.watchers.size]).toEqual([1, 1])
  one.tell(({ gone }) => gone())
  expect(one.watchers.size).toBe(0)
  loads.close()
  expect(two.watchers.size).toBe(0)
})
