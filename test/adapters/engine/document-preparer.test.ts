import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Driver, DriverFrame, DriverPage, FrameNavigation, PageWatcher } from '../../../src/adapters/driver.js'
import { type CaptchaOptions, createCaptcha } from '../../../src/adapters/engine/captcha.js'
import { Gate } from '../../../src/guard/admission/gate.js'
import { parsePolicy } from '../../../src/policy/schema.js'
import { manualClock } from '../../../src/testing/clock.js'
import { fakeGrant } from '../fake-grant.js'

const SITE = 'https://staging.example.com'
const ANCHOR = 'https://www.google.com/recaptcha/api2/anchor?k=6Lc&co=x&size=normal'
const MAX_PREPARED = 100

const READING = JSON.stringify({
  doc: 'dabc',
  secret: '0'.repeat(64),
  origin: SITE,
  loading: false,
  omitted: 0,
  roots: 0,
  widgets: [],
  unknown: [],
})
const missing = (...families: string[]) => JSON.stringify({ missing: families })

interface FakeFrame extends DriverFrame {
  readonly evaluated: string[]
  address: string
  replyTo: (expression: string) => unknown
}

interface FakePage extends DriverPage {
  readonly list: FakeFrame[]
  readonly main: FakeFrame
  closed: boolean
  /** Adds a frame. */
  add(address: string, parent?: FakeFrame): FakeFrame
}

/** A browser tool that reports navigations, as Playwright does. */
class FakeTool implements Driver<FakePage> {
  readonly clock = manualClock()
  readonly grant = fakeGrant({ issue: () => 'a-token' })
  readonly watchers = new Set<(navigation: FrameNavigation) => void>()
  readonly pageWatchers = new Set<PageWatcher>()
  locates = 0
  /** How it finds the frame of an event. */
  locate = (page: FakePage, frame: FakeFrame): ReturnType<FrameNavigation['locate']> => ({ page, frame })

  open(address = `${SITE}/login`): FakePage {
    const list: FakeFrame[] = []
    const newFrame = (url: string, parent?: FakeFrame): FakeFrame => {
      const made: FakeFrame = {
        evaluated: [],
        address: url,
        replyTo: () => READING,
        url: () => made.address,
        name: () => '',
        parent: () => parent,
        isDetached: () => false,
        async evaluate(expression) {
          made.evaluated.push(expression)
          return made.replyTo(expression)
        },
      }
      list.push(made)
      return made
    }
    const main = newFrame(address)
    const page: FakePage = {
      list,
      main,
      closed: false,
      add: (url, parent = main) => {
        const frame = newFrame(url, parent)
        this.navigate(page, frame, url)
        return frame
      },
      frames: () => list,
      isClosed: () => page.closed,
      watch: (watcher) => {
        this.pageWatchers.add(watcher)
        return () => void this.pageWatchers.delete(watcher)
      },
    }
    return page
  }

  navigate(page: FakePage, frame: FakeFrame, url: string): void {
    frame.address = url
    for (const watcher of [...this.pageWatchers]) watcher.navigated(frame)
    if (!frame.parent()) return
    const locate = () => {
      this.locates++
      return this.locate(page, frame)
    }
    for (const watcher of [...this.watchers]) watcher({ url, locate })
  }

  guard = (options: CaptchaOptions<FakePage> = {}) => createCaptcha(this.grant, this, { clock: this.clock, ...options })
  page = (page: FakePage): DriverPage => page
  pages = () => []
  install = async () => async () => {}
  watchFrames(navigated: (navigation: FrameNavigation) => void): () => void {
    this.watchers.add(navigated)
    return () => void this.watchers.delete(navigated)
  }
}

/** Lets all promises settle that can. */
const settled = () => new Promise((resolve) => setImmediate(resolve))
const evaluations = (page: FakePage) => page.list.reduce((sum, { evaluated }) => sum + evaluated.length, 0)
const isWhole = (expression: string | undefined) => (expression ?? '').length > 5_000

let tool: FakeTool
const rejections: unknown[] = []
const note = (reason: unknown) => void rejections.push(reason)
beforeEach(() => {
  tool = new FakeTool()
  rejections.length = 0
  process.on('unhandledRejection', note)
})
afterEach(async () => {
  await settled()
  process.off('unhandledRejection', note)
  expect(rejections).toEqual([])
})

test('a document with a vendor’s frame gets the scripts ahead, and a find has one short call left', async () => {
  const captcha = await tool.guard()
  const page = tool.open()
  const anchor = page.add(ANCHOR)
  await settled()
  expect(page.main.evaluated.map(isWhole)).toEqual([true])
  await captcha.find(page)
  expect(page.main.evaluated.map(isWhole)).toEqual([true, false])
  expect(anchor.evaluated).toEqual([])
})

test('a find that begins meanwhile sends them no second time', async () => {
  const captcha = await tool.guard()
  const page = tool.open()
  page.add(ANCHOR)
  await captcha.find(page)
  expect(page.main.evaluated.map(isWhole)).toEqual([true, false])
})

test('a page without a vendor’s frame costs nothing, whatever it navigates to', async () => {
  await tool.guard()
  const page = tool.open()
  for (const url of [
    'about:blank',
    '',
    `${SITE}/inner`,
    'data:text/html,x',
    'https://ads.example/recaptcha',
    'nonsense',
  ])
    page.add(url)
  tool.navigate(page, page.main, `${SITE}/next`)
  await settled()
  expect(evaluations(page)).toBe(0)
  expect(tool.locates).toBe(0)
  expect(tool.pageWatchers.size).toBe(0)
})

test('nothing is done with `prepare: false`, and none is needed', async () => {
  const captcha = await tool.guard({ prepare: false })
  const page = tool.open()
  page.add(ANCHOR)
  await settled()
  expect(evaluations(page)).toBe(0)
  expect(tool.watchers.size).toBe(0)
  expect(await captcha.find(page)).toEqual([])
})

describe('only where the policy names the origin', () => {
  beforeEach(() => {
    const gate = new Gate(parsePolicy({ origins: [SITE] }))
    tool.grant.unnamed = (what, address) => gate.originDenial(what, address)
  })

  test.each([
    ['a page of another origin', 'https://elsewhere.example/', undefined],
    ['a frame of another origin', `${SITE}/`, 'https://elsewhere.example/'],
    ['a frame of the site in a page of another origin', 'https://elsewhere.example/', `${SITE}/login`],
    ['a blank frame, whose origin would have to be asked for', `${SITE}/`, 'about:srcdoc'],
    ['a sandboxed frame', `${SITE}/`, 'about:blank'],
  ])('%s is never evaluated in', async (_, address, inner) => {
    await tool.guard()
    const page = tool.open(address)
    page.add(ANCHOR, inner === undefined ? page.main : page.add(inner))
    await settled()
    expect(evaluations(page)).toBe(0)
    expect(tool.grant.unnamedPlaces).toEqual([])
  })

  test('a vendor’s own frame is not evaluated in, whatever it holds', async () => {
    await tool.guard()
    const page = tool.open(`${SITE}/`)
    const outer = page.add('https://challenges.cloudflare.com/cdn-cgi/challenge-platform/h/b/turnstile/')
    page.add(ANCHOR, outer)
    await settled()
    expect(page.list.map(({ evaluated }) => evaluated.length)).toEqual([1, 0, 0])
  })

  test('a frame of the site is', async () => {
    await tool.guard()
    const page = tool.open(`${SITE}/`)
    const inner = page.add(`${SITE}/login`)
    page.add(ANCHOR, inner)
    await settled()
    expect([page.main.evaluated.length, inner.evaluated.length]).toEqual([0, 1])
  })
})

describe('is bounded', () => {
  test('one evaluation for a document, however many vendors’ frames it has', async () => {
    await tool.guard()
    const page = tool.open()
    for (let count = 0; count < 10_000; count++) page.add(ANCHOR)
    await settled()
    expect(evaluations(page)).toBe(1)
  })

  test('a page that changes its address without end gets no more, until the user’s code calls again', async () => {
    const captcha = await tool.guard()
    const page = tool.open()
    const anchor = page.add(ANCHOR)
    const churn = async () => {
      for (let count = 0; count < 2 * MAX_PREPARED; count++) {
        tool.navigate(page, page.main, `${SITE}/login?${count}`)
        tool.navigate(page, anchor, ANCHOR)
      }
      await settled()
    }
    await churn()
    expect(evaluations(page)).toBe(MAX_PREPARED)
    await churn()
    expect(evaluations(page)).toBe(MAX_PREPARED)
    await captcha.find(page)
    await churn()
    expect(evaluations(page)).toBe(2 * MAX_PREPARED + 1)
  })

  test('a page that names families without end gets one more call', async () => {
    await tool.guard()
    const page = tool.open()
    const names = ['hcaptcha', 'turnstile', 'geetest', 'arkose', 'cap', 'altcha']
    page.main.replyTo = () => missing(names.shift() ?? 'yandex')
    page.add(ANCHOR)
    await settled()
    expect(page.main.evaluated).toHaveLength(2)
  })

  test('a page in which nothing can be installed gets two calls', async () => {
    await tool.guard()
    const page = tool.open()
    page.main.replyTo = () => null
    page.add(ANCHOR)
    await settled()
    expect(page.main.evaluated).toHaveLength(2)
  })

  test('a frame beyond those that a find looks into gets none', async () => {
    await tool.guard()
    const page = tool.open()
    for (let count = 0; count < 120; count++) page.add(`${SITE}/inner`)
    page.add(ANCHOR, page.list.at(-1) as FakeFrame)
    await settled()
    expect(evaluations(page)).toBe(0)
  })

  test('a tool that has to ask where a frame is, is asked no more often', async () => {
    await tool.guard()
    tool.locate = async () => undefined
    const page = tool.open()
    for (let count = 0; count < 10_000; count++) page.add(ANCHOR)
    await settled()
    expect(tool.locates).toBe(MAX_PREPARED)
  })
})

describe('a page that works against it', () => {
  test.each([
    ['navigates or closes meanwhile', () => Promise.reject(new Error('Target closed'))],
    ['answers in its place', () => 'x'.repeat(1_000)],
    ['answers with something else', () => ({ doc: 'd' })],
    ['never answers', () => new Promise(() => {})],
  ])('a page that %s is not called again, and found in as before', async (_, replyTo) => {
    const captcha = await tool.guard()
    const page = tool.open()
    page.main.replyTo = replyTo
    page.add(ANCHOR)
    await settled()
    tool.clock.advance(5_000)
    await settled()
    expect(page.main.evaluated.length).toBeLessThanOrEqual(2)
    const before = page.main.evaluated.length
    page.main.replyTo = (expression) => (isWhole(expression) ? READING : null)
    expect(await captcha.find(page)).toEqual([])
    expect(page.main.evaluated.slice(before).some(isWhole)).toBe(true)
  })

  test('the next document is prepared again', async () => {
    const captcha = await tool.guard()
    const page = tool.open()
    const anchor = page.add(ANCHOR)
    await settled()
    tool.navigate(page, page.main, `${SITE}/next`)
    // It has none of the scripts, which the first, short call finds out.
    page.main.replyTo = (expression) => (isWhole(expression) ? READING : null)
    tool.navigate(page, anchor, ANCHOR)
    await settled()
    expect(page.main.evaluated.map(isWhole)).toEqual([true, false, true])
    page.main.replyTo = () => READING
    await captcha.find(page)
    expect(page.main.evaluated.map(isWhole)).toEqual([true, false, true, false])
  })

  test.each([
    ['fails', () => Promise.reject(new Error('No such frame'))],
    ['finds none', async () => undefined],
  ])('a tool that %s to find the frame of an event changes nothing', async (_, locate) => {
    const captcha = await tool.guard()
    tool.locate = locate
    const page = tool.open()
    page.add(ANCHOR)
    await settled()
    expect(evaluations(page)).toBe(0)
    expect(await captcha.find(page)).toEqual([])
  })
})

describe('closing', () => {
  test('does not wait for a call that hangs, and leaves no listener', async () => {
    const captcha = await tool.guard()
    const page = tool.open()
    page.main.replyTo = () => new Promise(() => {})
    page.add(ANCHOR)
    await settled()
    await captcha.close()
    expect(tool.watchers.size).toBe(0)
    expect(tool.pageWatchers.size).toBe(0)
  })

  test('ends it: nothing is prepared after it, also where the tool was asked before', async () => {
    const captcha = await tool.guard()
    const page = tool.open()
    const { promise, resolve } = withResolver<{ page: FakePage; frame: FakeFrame }>()
    tool.locate = () => promise
    const anchor = page.add(ANCHOR)
    await captcha.close()
    resolve({ page, frame: anchor })
    page.add(ANCHOR)
    await settled()
    expect(evaluations(page)).toBe(0)
  })
})

function withResolver<T>() {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
