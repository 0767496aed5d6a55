import { expect, test } from 'vitest'
import type { DriverFrame, DriverPage } from '../../../src/adapters/driver.js'
import { Finder } from '../../../src/adapters/engine/finder.js'
import { NamedFrames } from '../../../src/adapters/engine/named-frames.js'
import { manualClock } from '../../../src/testing/clock.js'

const ANCHOR = 'https://www.google.com/recaptcha/api2/anchor?k=6Lc&co=x&size=normal'

interface FakeFrame extends DriverFrame {
  readonly evaluated: string[]
  address: string
}

const reply = (origin: string, ...widgets: object[]) =>
  JSON.stringify({
    doc: 'dabc',
    secret: '0'.repeat(64),
    origin,
    omitted: 0,
    widgets: widgets.map((widget, n) => ({
      id: `dabc-${n}`,
      family: 'recaptcha',
      kind: 'checkbox',
      enterprise: false,
      sitekey: '6Lc',
      visible: true,
      answered: false,
      executed: false,
      challenged: false,
      ...widget,
    })),
  })

function frame(
  address: string,
  parent?: FakeFrame,
  replyTo: (expression: string) => unknown = () => reply(''),
): FakeFrame {
  const evaluated: string[] = []
  const made: FakeFrame = {
    evaluated,
    address,
    url: () => made.address,
    name: () => 'a-0123',
    parent: () => parent,
    isDetached: () => false,
    async evaluate(expression) {
      evaluated.push(expression)
      return replyTo(expression)
    },
  }
  return made
}

const page = (...frames: FakeFrame[]): DriverPage => ({
  frames: () => frames,
  isClosed: () => false,
  watch: () => () => {},
})

const finder = (clock = manualClock()) =>
  new Finder(
    clock,
    5_000,
    new NamedFrames({ originDenial: () => undefined, denyUnnamed: () => undefined }, clock, 5_000),
  )

test('calls each frame once, the vendor’s own never, and sends the page script only with the first call', async () => {
  const main = frame('https://staging.example.com/', undefined, () => reply('https://staging.example.com', {}))
  const child = frame('https://staging.example.com/inner', main)
  const anchor = frame(ANCHOR, main)
  const scanner = finder()
  await scanner.scan(page(main, child, anchor))
  await scanner.scan(page(main, child, anchor))
  expect([main, child, anchor].map(({ evaluated }) => evaluated.length)).toEqual([2, 2, 0])
  expect(main.evaluated[0]?.length).toBeGreaterThan(10 * (main.evaluated[1]?.length ?? 0))
  expect(main.evaluated[1]).toContain(JSON.stringify(ANCHOR))
})

test.each([
  ['that the parent document loaded from the vendor', async () => ({ src: ANCHOR, readable: false }), 1],
  ['that navigated there by itself', async () => ({ src: '/an-advertisement', readable: false }), 0],
  ['that the parent document gave no URL', async () => ({ src: null, readable: false }), 0],
  ['that belongs to the document before this one', () => Promise.reject(new Error('No frame.')), 0],
  ['whose element the tool cannot read', undefined, 0],
])('finds a widget by its vendor’s frame alone only if placed by the page: a frame %s', async (_, holder, many) => {
  const main = frame('https://staging.example.com/', undefined, (expression) =>
    expression.includes(ANCHOR)
      ? reply('https://staging.example.com', { hinted: true })
      : reply('https://staging.example.com'),
  )
  const anchor: FakeFrame = { ...frame(ANCHOR, main), ...(holder && { frameElement: holder }) }
  expect((await finder().scan(page(main, anchor))).widgets).toHaveLength(many)
  expect(main.evaluated).toHaveLength(many === 1 ? 1 : 2)
})

test('sends the page script again to a frame that has lost it', async () => {
  const answers = [reply(''), null, reply('')]
  const main = frame('https://staging.example.com/', undefined, () => answers.shift())
  const scanner = finder()
  await scanner.scan(page(main))
  await scanner.scan(page(main))
  expect(main.evaluated).toHaveLength(3)
})

test.each([
  ['about:srcdoc', 'https://staging.example.com', 'https://staging.example.com/page'],
  ['about:blank', 'https://staging.example.com', 'https://staging.example.com/page'],
  ['', 'https://staging.example.com', 'https://staging.example.com/page'],
  ['about:srcdoc', 'null', 'about:srcdoc'],
  ['about:blank', 'https://elsewhere.example', 'about:blank'],
  ['data:text/html,x', 'null', 'data:text/html,x'],
  ['blob:https://staging.example.com/1', 'https://staging.example.com', 'blob:https://staging.example.com/1'],
  ['https://elsewhere.example/a?b#c', 'https://staging.example.com', 'https://elsewhere.example/a?b'],
])('checks a frame at %j that reports the origin %s against %j', async (address, origin, judged) => {
  const main = frame('https://staging.example.com/page#part')
  const child = frame(address, main, () => reply(origin, {}))
  const { widgets } = await finder().scan(page(main, child))
  expect(widgets.map(({ challenge }) => challenge)).toMatchObject([
    { pageUrl: 'https://staging.example.com/page', frameUrl: judged },
  ])
})

test('drops the query of a URL that is too long', async () => {
  const main = frame(`https://staging.example.com/page?${'x'.repeat(5_000)}`, undefined, () => reply('', {}))
  const { widgets } = await finder().scan(page(main))
  expect(widgets[0]?.challenge.pageUrl).toBe('https://staging.example.com/page')
})

test('gives the widgets of two frames with equal document ids different ids', async () => {
  const main = frame('https://staging.example.com/', undefined, () => reply('', {}))
  const child = frame('https://staging.example.com/', main, () => reply('', {}))
  const { widgets } = await finder().scan(page(main, child))
  expect(new Set(widgets.map(({ challenge }) => challenge.id)).size).toBe(2)
})

test('counts the widgets beyond the limit of a page', async () => {
  const many = Array.from({ length: 50 }, () => ({}))
  const main = frame('https://staging.example.com/', undefined, () => reply('', ...many))
  const frames = Array.from({ length: 5 }, () => frame('https://staging.example.com/', main, () => reply('', ...many)))
  const { widgets, omitted } = await finder().scan(page(main, ...frames))
  expect(widgets).toHaveLength(200)
  expect(omitted.widgets).toBe(100)
})

test('waits for a frame that does not reply until its time-out, and counts it', async () => {
  const clock = manualClock()
  const main = frame('https://staging.example.com/', undefined, () => reply('', {}))
  const child = frame('https://staging.example.com/', main, () => new Promise(() => {}))
  const finding = finder(clock).scan(page(main, child))
  await clock.advance(5_000)
  const { widgets, omitted } = await finding
  expect(widgets).toHaveLength(1)
  expect(omitted.unresponsive).toBe(1)
})
