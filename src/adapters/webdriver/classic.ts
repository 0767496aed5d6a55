import type { Clock } from '../../base/clock.js'
import { SolveguardError } from '../../base/errors.js'
import type { Driver, DriverFrame, DriverPage, PageWatcher } from '../driver.js'
import { frameUrl } from '../engine/frame-url.js'
import { isVendorFrame } from '../engine/vendor-frames.js'
import { ClassicFrame } from './classic-frame.js'
import { type FrameScan, MAX_FRAMES, parseFrameScan, returnValue, runScript, SCAN_FRAME } from './frame-scripts.js'
import { type FrameUrls, readFrameUrls } from './frame-urls.js'
import { FrameVisitor, type Visit, WindowClosedError } from './frame-visitor.js'
import { ELEMENT, type ElementReference, type SessionCommands } from './session.js'

const POLL_MS = 500
const MAX_WINDOWS = 50
const MAX_DEPTH = 20

/**
 * A session by the commands of classic WebDriver, which reports no events, and has one current window and frame. Frames
 * are scanned in visits, and a page with a solve is polled twice a second.
 */
export class ClassicDriver implements Driver<string> {
  readonly commands: SessionCommands
  readonly visitor: FrameVisitor
  readonly evaluateMs: number
  readonly clock: Clock
  /** The script for every new document. */
  script: string | undefined
  /** Whether the policy names the origin of a URL: no script is run in other frames. */
  isNamed: (url: string) => boolean = () => false
  readonly #pages = new Map<string, ClassicPage>()

  /** @param evaluateMs how long one call into a frame may take, ms */
  constructor(commands: SessionCommands, evaluateMs: number, clock: Clock) {
    this.commands = commands
    this.visitor = new FrameVisitor(commands, (url) => this.isNamed(url))
    this.evaluateMs = evaluateMs
    this.clock = clock
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

  async install(script: string, isNamed: (url: string) => boolean): Promise<() => Promise<void>> {
    this.script = script
    this.isNamed = isNamed
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
  /** The browser's id of the script, if it runs in this window's new documents. */
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

  /** Scans the frames. Calls before a scan has started share it. */
  refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    if (this.#refreshing) return this.#refreshing
    const onBegun = () => {
      if (this.#refreshing === refreshing) this.#refreshing = undefined
    }
    const refreshing = this.#visit((visit) => {
      onBegun()
      return this.#scan(visit)
    }).finally(onBegun)
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

  /** Evaluates an expression in the frame that these elements lead to. */
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

  /** A window that does not reply may still be open. A session that has ended has no windows. */
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
      cancel = this.#driver.clock.after(POLL_MS, refresh, false)
    }
    const refresh = () => void this.refresh().then(next, next)
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
    const { commands, evaluateMs, clock, script, isNamed } = this.#driver
    const deadline = clock.monotonic() + evaluateMs * 0.7
    await visit.limitScripts(evaluateMs / 2)
    const installing = script !== undefined && commands.cdp && this.#installed === undefined ? script : undefined
    if (installing !== undefined) {
      const { identifier } = Object(await this.#cdp('Page.addScriptToEvaluateOnNewDocument', { source: installing }))
      this.#installed = identifier
    }
    const known = commands.cdp && (await readFrameUrls(commands.cdp))
    const before = new Map(this.#frames.map((frame) => [frame.key, frame]))
    const frames: ClassicFrame[] = [this.#top]
    const changed: ClassicFrame[] = []
    const url = known?.top ?? (await commands.url())
    this.#top.setUrl(url)
    const named = isNamed(url)
    // A window that another one opened has documents already.
    if (named && installing !== undefined) await commands.execute(runScript(installing))
    const top = named ? parseFrameScan(await commands.execute(SCAN_FRAME, known !== undefined)) : unscanned(url)
    if (this.#top.updateDocument(top.document)) changed.push(this.#top)
    await visit.limitScripts(evaluateMs / 5)
    await this.#scanChildren({ visit, deadline, known, before, frames, changed, installing }, this.#top, top, 0)

    const gone = this.#frames.filter((frame) => !frames.includes(frame))
    this.#frames = frames
    for (const frame of gone) frame.detach()
    for (const watcher of [...this.#watchers]) {
      for (const frame of gone) watcher.detached(frame)
      for (const frame of changed) watcher.navigated(frame)
    }
  }

  async #scanChildren(state: ScanState, parent: ClassicFrame, scan: FrameScan, depth: number): Promise<void> {
    const { commands, clock } = this.#driver
    for (const child of scan.frames) {
      if (state.frames.length >= MAX_FRAMES) return
      const key = child.id ?? child.element[ELEMENT]
      const frame = state.before.get(key) ?? new ClassicFrame(this, parent, key)
      state.frames.push(frame)
      frame.element = child.element
      frame.updateFromParent(child, state.known)
      // A vendor's frame is evidence only, and no script is run in a frame that the policy does not name.
      if (isVendorFrame(frame.url()) || !this.#isNamed(frame)) continue
      frame.unresponsive = true
      if (depth >= MAX_DEPTH || clock.monotonic() > state.deadline) continue
      state.visit.willEnterFrames()
      try {
        await commands.toFrame(child.element)
      } catch {
        // The frame was removed since the scan of its parent.
        continue
      }
      if (state.installing !== undefined) await commands.execute(runScript(state.installing)).catch(() => undefined)
      const below = await commands.execute(SCAN_FRAME, state.known !== undefined).then(parseFrameScan, () => undefined)
      if (below) {
        frame.unresponsive = false
        if (frame.updateDocument(below.document)) state.changed.push(frame)
        await this.#scanChildren(state, frame, below, depth + 1)
      }
      await commands.toParent()
    }
  }

  #isNamed(frame: ClassicFrame): boolean {
    return this.#driver.isNamed(frameUrl(frame, frame.origin()))
  }

  #cdp(command: string, params: object): Promise<unknown> {
    const { cdp } = this.#driver.commands
    return cdp ? cdp(command, params) : Promise.resolve(undefined)
  }
}

/** What is known of a page in which no script is run: each URL counts as a document of its own. */
const unscanned = (url: string): FrameScan => ({ document: `unscanned ${url}`, frames: [] })

/** The state of one scan of all frames of a page. */
interface ScanState {
  readonly visit: Visit
  /** When to stop entering frames, in ms of the monotonic clock. */
  readonly deadline: number
  readonly known: FrameUrls | undefined
  readonly before: ReadonlyMap<string | undefined, ClassicFrame>
  readonly frames: ClassicFrame[]
  /** The script for every new document, if it was installed by this scan. */
  readonly installing: string | undefined
  /** Frames with another document than in the last scan. */
  readonly changed: ClassicFrame[]
}

/** @throws SolveguardError `CONFIG_INVALID` if the value cannot be a window handle */
export function checkWindow(window: unknown): void {
  if (typeof window === 'string' && window !== '' && window.length < 1_000) return
  throw new SolveguardError(
    'CONFIG_INVALID',
    'A window of a WebDriver session is named by its handle; leave it out for the current window.',
  )
}
