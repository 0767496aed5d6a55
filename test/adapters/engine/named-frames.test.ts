import { expect, test } from 'vitest'
import {
  type DriverFrame,
  type DriverPage,
  type FrameElementReading,
  type PageWatcher,
  readFrameElement,
} from '../../../src/adapters/driver.js'
import { Finder } from '../../../src/adapters/engine/finder.js'
import { NamedFrames } from '../../../src/adapters/engine/named-frames.js'
import { readText } from '../../../src/adapters/engine/picture-scripts.js'
import { Gate } from '../../../src/guard/admission/gate.js'
import { parsePolicy } from '../../../src/policy/schema.js'
import { manualClock } from '../../../src/testing/clock.js'

const NAMED = 'https://staging.example.com'
const STRANGER = 'https://advertisement.example'
const FOUND = JSON.stringify({ doc: 'd1', secret: '0'.repeat(64), origin: NAMED, omitted: 0, roots: 0, widgets: [] })

interface FakeFrame extends DriverFrame {
  at: string
  /** What is evaluated in it. */
  readonly evaluated: string[]
  /** How often its element is read, which runs in its parent document. */
  reads: number
  element: FrameElementReading | Error
}

function frame(
  at: string,
  parent?: FakeFrame,
  element: FakeFrame['element'] = { src: null, readable: true },
): FakeFrame {
  const made: FakeFrame = {
    at,
    evaluated: [],
    reads: 0,
    element,
    url: () => made.at,
    name: () => '',
    parent: () => parent,
    isDetached: () => false,
    async frameElement() {
      made.reads++
      if (made.element instanceof Error) throw made.element
      return made.element
    },
    async evaluate(expression) {
      made.evaluated.push(expression)
      return FOUND
    },
  }
  return made
}

function pageOf(...frames: FakeFrame[]) {
  const watchers = new Set<PageWatcher>()
  const page: DriverPage = {
    frames: () => frames,
    isClosed: () => false,
    watch(watcher) {
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
  }
  const navigated = (one: FakeFrame) => {
    for (const watcher of watchers) watcher.navigated(one)
  }
  return { page, navigated, watchers }
}

function finding() {
  const clock = manualClock()
  const gate = new Gate(parsePolicy({ origins: [NAMED] }))
  const named = new NamedFrames(
    { originDenial: (what, address) => gate.originDenial(what, address), denyUnnamed: () => undefined },
    clock,
    5_000,
  )
  return { named, finder: new Finder(clock, 5_000, named) }
}

test('runs nothing in a frame of another origin, nor in frames inside it, and lists it', async () => {
  const main = frame(`${NAMED}/page`)
  const inner = frame(`${NAMED}/inner`, main)
  const stranger = frame(`${STRANGER}/ad?id=1#fragment`, main)
  const blank = frame('about:blank', stranger)
  const scan = await finding().finder.scan(pageOf(main, inner, stranger, blank).page)
  expect([main, inner, stranger, blank].map(({ evaluated }) => evaluated.length)).toEqual([1, 1, 0, 0])
  // Its element would be read in the document of the stranger.
  expect(blank.reads).toBe(0)
  expect(scan.unnamed).toMatchObject([
    { pageUrl: `${NAMED}/page`, frameUrl: `${STRANGER}/ad?id=1`, error: { code: 'ORIGIN_NOT_NAMED', layer: 'origin' } },
    { pageUrl: `${NAMED}/page`, error: { code: 'ORIGIN_NOT_NAMED' } },
  ])
  expect(scan.omitted).toEqual({ widgets: 0, malformed: 0, malformedWidgets: [], unresponsive: 0, frames: 0 })
})

test('runs nothing in any frame of a page that is not named, and lists the page', async () => {
  const main = frame(`${STRANGER}/`)
  const inner = frame(`${NAMED}/inner`, main)
  const scan = await finding().finder.scan(pageOf(main, inner).page)
  expect([main, inner].map(({ evaluated }) => evaluated.length)).toEqual([0, 0])
  expect(scan).toMatchObject({ widgets: [], unnamed: [{ pageUrl: `${STRANGER}/`, frameUrl: undefined }] })
  expect(scan.unnamed).toHaveLength(1)
})

test.each([
  'data:text/html,x',
  'blob:https://staging.example.com/1',
  'file:///etc/passwd',
  'chrome-error://chromewebdata/',
])('runs nothing in a frame at %s', async (address) => {
  const main = frame(`${NAMED}/`)
  const child = frame(address, main)
  const { unnamed } = await finding().finder.scan(pageOf(main, child).page)
  expect(child.evaluated).toEqual([])
  expect(unnamed).toMatchObject([{ frameUrl: address, error: { code: 'ORIGIN_OPAQUE' } }])
})

test('runs in a blank frame only once the documents around it have shown that they may read it, outermost first', async () => {
  const main = frame(`${NAMED}/`)
  const outer = frame('about:blank', main, { src: null, readable: false })
  const inner = frame('about:srcdoc', outer)
  await finding().finder.scan(pageOf(main, outer, inner).page)
  expect([outer, inner].map(({ evaluated }) => evaluated.length)).toEqual([0, 0])
  expect(inner.reads).toBe(0)
  outer.element = { src: null, readable: true }
  await finding().finder.scan(pageOf(main, outer, inner).page)
  expect([outer, inner].map(({ evaluated }) => evaluated.length)).toEqual([1, 1])
})

test('reads a blank frame’s element once, and again after the frame has navigated', async () => {
  const main = frame(`${NAMED}/`)
  const blank = frame('about:blank', main)
  const { page, navigated } = pageOf(main, blank)
  const { finder } = finding()
  for (let scan = 0; scan < 3; scan++) await finder.scan(page)
  expect(blank.reads).toBe(1)
  // Another site may have navigated it to a blank document of its own.
  blank.element = { src: null, readable: false }
  navigated(blank)
  const { unnamed } = await finder.scan(page)
  expect(blank.reads).toBe(2)
  expect(blank.evaluated).toHaveLength(3)
  expect(unnamed).toMatchObject([{ frameUrl: 'about:blank', error: { code: 'ORIGIN_OPAQUE' } }])
})

test('does not use what was read of a blank frame that navigates meanwhile', async () => {
  const main = frame(`${NAMED}/`)
  const blank = frame('about:blank', main)
  const { page, navigated } = pageOf(main, blank)
  const read = blank.frameElement?.bind(blank)
  blank.frameElement = async () => {
    const reading = await read?.()
    if (blank.reads === 1) {
      blank.element = { src: null, readable: false }
      navigated(blank)
    }
    return reading as FrameElementReading
  }
  await finding().finder.scan(page)
  expect(blank.reads).toBe(2)
  expect(blank.evaluated).toEqual([])
})

test('judges a widget in a blank frame by what the documents around it show after the frame has replied', async () => {
  const main = frame(`${NAMED}/`)
  const blank = frame('about:blank', main)
  const { page } = pageOf(main, blank)
  const widget = { id: 'dabc-0', family: 'recaptcha', kind: 'checkbox', enterprise: false, sitekey: '6Lc' }
  const state = { visible: true, answered: false, executed: false, challenged: false }
  blank.evaluate = async () => {
    // Another site has navigated it, and the tool has not reported that yet.
    blank.element = { src: null, readable: false }
    return JSON.stringify({ ...JSON.parse(FOUND), widgets: [{ ...widget, ...state }] })
  }
  const { widgets } = await finding().finder.scan(page)
  expect(widgets.map(({ challenge }) => challenge.frameUrl)).toEqual(['about:blank'])
})

test('asks again about a blank frame whose parent document did not reply', async () => {
  const main = frame(`${NAMED}/`)
  const blank = frame('about:blank', main, new Error('It does not reply.'))
  const { page } = pageOf(main, blank)
  const { finder } = finding()
  await finder.scan(page)
  expect(blank.evaluated).toEqual([])
  blank.element = { src: null, readable: true }
  await finder.scan(page)
  expect(blank.evaluated).toHaveLength(1)
})

test('uses the origin that the browser reports of a frame, and does not read its element', async () => {
  const main = frame(`${NAMED}/`)
  const [own, other] = [frame('about:blank', main), frame('about:blank', main)]
  own.origin = () => NAMED
  other.origin = () => STRANGER
  await finding().finder.scan(pageOf(main, own, other).page)
  expect([own, other].map(({ evaluated, reads }) => [evaluated.length, reads])).toEqual([
    [1, 0],
    [0, 0],
  ])
})

test('makes no further call into a frame that has navigated to another origin', async () => {
  const main = frame(`${NAMED}/`)
  const child = frame(`${NAMED}/inner`, main)
  const { page } = pageOf(main, child)
  const { named, finder } = finding()
  expect(await named.evaluate(page, child, '1')).toMatchObject({ ok: true })
  child.at = `${STRANGER}/`
  expect(await named.evaluate(page, child, '2')).toMatchObject({ ok: false, reason: 'failed' })
  expect(await finder.waitForChange(page, child, [], 'ticket', 100)).toBe(false)
  await expect(finder.locate(page, child)).rejects.toMatchObject({ code: 'ORIGIN_NOT_NAMED' })
  expect(child.evaluated).toEqual(['1'])
})

test('stops watching pages when it is closed', async () => {
  const main = frame(`${NAMED}/`)
  const { page, watchers } = pageOf(main, frame('about:blank', main))
  const { named, finder } = finding()
  await finder.scan(page)
  named.close()
  finder.close()
  expect(watchers.size).toBe(0)
})

test('lists at most 50 frames', async () => {
  const main = frame(`${NAMED}/`)
  const frames = Array.from({ length: 80 }, () => frame(`${STRANGER}/`, main))
  expect((await finding().finder.scan(pageOf(main, ...frames).page)).unnamed).toHaveLength(50)
})

test.each([
  ['a URL', '/recaptcha/api2/anchor', '/recaptcha/api2/anchor'],
  ['more text than a URL has', 'x'.repeat(8_193), null],
  ['an object', { length: 1 }, null],
  ['nothing', null, null],
])('what a document returns for the address of a frame element is bounded: %s', (_, src, expected) => {
  const element = { getAttribute: () => src, contentDocument: {} } as never
  expect(readFrameElement(element)).toEqual({ src: expected, readable: true, seen: true })
})

test.each([
  ['no page script', undefined, true],
  ['a page script that says no', { main: { seesFrame: () => false } }, false],
  ['another answer', { main: { seesFrame: () => ({ length: 1 }) } }, true],
  ['an entry without the method', { main: {} }, true],
])('what a document says of whether a person sees a frame is a yes or a no: %s', (_, entry, seen) => {
  const ownerDocument = { defaultView: { [Symbol.for('solveguard')]: entry } }
  const element = { getAttribute: () => null, contentDocument: null, ownerDocument } as never
  expect(readFrameElement(element)).toEqual({ src: null, readable: false, seen })
})

test.each([
  ['Select all pictures with 4', 'Select all pictures with 4'],
  ['x'.repeat(10_001), ''],
  [{ length: 1 }, ''],
])('what a document returns for the text of an element is bounded', (innerText, expected) => {
  expect(readText({ innerText, textContent: null } as never)).toBe(expected)
})
