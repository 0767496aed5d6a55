import { systemClock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import type { Driver, DriverFrame, DriverPage, PageWatcher } from '../driver.js'
import { isVendorFrame } from '../engine/vendor-frames.js'
import { ClassicFrame } from './classic-frame.js'
import { type FrameScan, parseFrameScan, returnValue, SCAN_FRAME } from './frame-scripts.js'
import { type FrameUrls, readFrameUrls } from './frame-urls.js'
import { FrameVisitor, type Visit, WindowClosedError } from './frame-visitor.js'
import { ELEMENT, type ElementReference, type SessionCommands } from './session.js'

const POLL_MS = 500
const MAX_WINDOWS = 50
const MAX_FRAMES = 101
const MAX_DEPTH = 20

/**
 * A session by the commands of classic WebDriver, which tells nothing of itself, and has one current window and frame: frames
 * are asked for in visits, and a page under a solve is looked at twice a second.
 *
 * @param evaluateMs how long one call into a frame may take
 */
export class ClassicDriver implements Driver<string> {
  readonly commands: SessionCommands
  readonly visitor: FrameVisitor
  readonly evaluateMs: number
  /** What is to run in every document to come. */
  script: string | undefined
  readonly #pages = new Map<string, ClassicPage>()

  constructor(commands: SessionCommands, evaluateMs: number) {
    this.commands = commands
    this.visitor = new FrameVisitor(commands)
    this.evaluateMs = evaluateMs
  }

  page(window: string): DriverPage {
    const known = this.#pages.get(window) ?? new ClassicPage(this, window)
    this.#pages.set(window, known)
    return known
  }

  async pages(): Promise<readonly DriverPage[]> {
    const windows = await this.visitor.mutex.runExclusive(() => this.commands.windows())
    for (const window of this.#pages.keys()) if (!windows.includes(window)) this.#pages.delete(window)
    const pages = windows.slice(0, MAX_WINDOWS).map((window) => this.page(window))
    await Promise.all(pages.map((page) => page.refresh?.().catch(() => undefined)))
    return pages
  }

  async install(script: string): Promise<() => Promise<void>> {
    this.script = script
    await this.pages()
    return async () => {
      this.script = undefined
      await Promise.all([...this.#pages.values()].map((page) => page.uninstall().catch(() => undefined)))
    }
  }
}

class ClassicPage implements DriverPage {
  readonly #driver: ClassicDriver
  readonly #window: string
  readonly #top: ClassicFrame
  readonly #watchers = new Set<PageWatcher>()
  #frames: readonly ClassicFrame[]
  #closed = false
  /** The browser's name for our script, where it runs in this window's documents to come. */
  #installed: unknown
  #refreshing: Promise<void> | undefined
  #stopWatching: (() => void) | undefined

  constructor(driver: ClassicDriver, window: string) {
    this.#driver = driver
    this.#window = window
    this.#top = new ClassicFrame(this, undefined, undefined)
    this.#frames = [this.#top]
  }

  frames(): readonly DriverFrame[] {
    return this.#frames
  }

  isClosed(): boolean {
    return this.#closed
  }

  /** Looks at the frames, once for all who wait for it to begin. */
  refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    if (this.#refreshing) return this.#refreshing
    const begun = () => {
      if (this.#refreshing === refreshing) this.#refreshing = undefined
    }
    const refreshing = this.#visit((visit) => {
      begun()
      return this.#scan(visit)
    }).finally(begun)
    this.#refreshing = refreshing
    return refreshing
  }

  watch(watcher: PageWatcher): () => void {
    this.#watchers.add(watcher)
    this.#stopWatching ??= this.#poll()
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size > 0) return
      this.#stopWatching?.()
      this.#stopWatching = undefined
    }
  }

  /** The value of an expression, in the frame to which these elements lead. */
  evaluate(path: readonly ElementReference[], expression: string): Promise<unknown> {
    const { commands, evaluateMs } = this.#driver
    return this.#visit(async (visit) => {
      await visit.limitScripts(evaluateMs)
      if (path.length > 0) visit.willEnterFrames()
      for (const element of path) await commands.toFrame(element)
      return commands.execute(returnValue(expression))
    })
  }

  async uninstall(): Promise<void> {
    const identifier = this.#installed
    this.#installed = undefined
    if (identifier === undefined || this.#closed) return
    await this.#visit(() => this.#cdp('Page.removeScriptToEvaluateOnNewDocument', { identifier }))
  }

  async #visit<T>(work: (visit: Visit) => Promise<T>): Promise<T> {
    try {
      return await this.#driver.visitor.visit(this.#window, work)
    } catch (error) {
      if (error instanceof WindowClosedError || (await this.#isWindowClosed())) this.#close()
      throw error
    }
  }

  /** A window that does not answer may be there all the same; of a session that is over there is no window. */
  async #isWindowClosed(): Promise<boolean> {
    const windows = await this.#driver.commands.windows().catch((): readonly string[] => [])
    return !windows.includes(this.#window)
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const watcher of [...this.#watchers]) watcher.gone()
  }

  #poll(): () => void {
    let over = false
    let cancel = (): void => {}
    const again = () => {
      cancel = systemClock.after(POLL_MS, look, false)
    }
    const look = () => void this.refresh().then(next, next)
    const next = () => {
      if (!over && !this.#closed) again()
    }
    again()
    return () => {
      over = true
      cancel()
    }
  }

  async #scan(visit: Visit): Promise<void> {
    const { commands, evaluateMs, script } = this.#driver
    const deadline = systemClock.monotonic() + evaluateMs * 0.7
    await visit.limitScripts(evaluateMs / 2)
    if (script !== undefined && commands.cdp && this.#installed === undefined) {
      const { identifier } = Object(await this.#cdp('Page.addScriptToEvaluateOnNewDocument', { source: script }))
      this.#installed = identifier
    }
    const known = commands.cdp && (await readFrameUrls(commands.cdp))
    const look = parseFrameScan(await commands.execute(SCAN_FRAME, known !== undefined))
    const before = new Map(this.#frames.map((frame) => [frame.key, frame]))
    const frames: ClassicFrame[] = [this.#top]
    const changed: ClassicFrame[] = []
    this.#top.setUrl(known?.top ?? (await commands.url()))
    if (this.#top.updateDocument(look.document)) changed.push(this.#top)
    await visit.limitScripts(evaluateMs / 5)
    await this.#scanChildren({ visit, deadline, known, before, frames, changed }, this.#top, look, 0)

    const gone = this.#frames.filter((frame) => !frames.includes(frame))
    this.#frames = frames
    for (const frame of gone) frame.detach()
    for (const watcher of [...this.#watchers]) {
      for (const frame of gone) watcher.detached(frame)
      for (const frame of changed) watcher.navigated(frame)
    }
  }

  async #scanChildren(tour: ScanState, parent: ClassicFrame, look: FrameScan, depth: number): Promise<void> {
    const { commands } = this.#driver
    for (const shown of look.frames) {
      if (tour.frames.length >= MAX_FRAMES) return
      const key = shown.id ?? shown.element[ELEMENT]
      const frame = tour.before.get(key) ?? new ClassicFrame(this, parent, key)
      tour.frames.push(frame)
      frame.element = shown.element
      frame.updateFromParent(shown, tour.known)
      // What is a vendor's is not looked into; where only the frame itself can say that it is, it is asked.
      if (isVendorFrame(frame.url())) continue
      frame.unresponsive = true
      if (depth >= MAX_DEPTH || systemClock.monotonic() > tour.deadline) continue
      tour.visit.willEnterFrames()
      try {
        await commands.toFrame(shown.element)
      } catch {
        // It went away just now.
        continue
      }
      const below = await commands.execute(SCAN_FRAME, tour.known !== undefined).then(parseFrameScan, () => undefined)
      if (below) {
        frame.unresponsive = false
        if (!tour.known) frame.updateFromItself(below.url)
        if (frame.updateDocument(below.document)) tour.changed.push(frame)
        if (!isVendorFrame(frame.url())) await this.#scanChildren(tour, frame, below, depth + 1)
      }
      await commands.toParent()
    }
  }

  #cdp(command: string, params: object): Promise<unknown> {
    const { cdp } = this.#driver.commands
    return cdp ? cdp(command, params) : Promise.resolve(undefined)
  }
}

/** One look through all frames of a page. */
interface ScanState {
  readonly visit: Visit
  /** When to stop entering frames, by the monotonic clock. */
  readonly deadline: number
  readonly known: FrameUrls | undefined
  readonly before: ReadonlyMap<string | undefined, ClassicFrame>
  readonly frames: ClassicFrame[]
  /** Frames that have another document than the last time. */
  readonly changed: ClassicFrame[]
}

/** What the driver takes for the name of a page. */
export function checkWindow(window: unknown): void {
  if (typeof window === 'string' && window !== '' && window.length < 1_000) return
  throw new SolveguardError(
    'CONFIG_INVALID',
    'A page of a WebDriver session is named by its window handle; leave it out for the current one.',
  )
}
