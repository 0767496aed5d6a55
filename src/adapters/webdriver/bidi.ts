import type { Driver, DriverFrame, DriverPage, FrameNavigation, PageWatcher } from '../driver.js'
import { Mutex } from './mutex.js'
import type { BidiConnection } from './session.js'

const MAX_CONTEXTS = 1_000
const MAX_DEPTH = 50

/** The events of pages. A browser may not support all of them. */
const EVENTS = [
  'browsingContext.contextDestroyed',
  'browsingContext.navigationCommitted',
  'browsingContext.domContentLoaded',
]

/**
 * A session by WebDriver BiDi: frames are addressed by id, independent of the session's current window and frame, and
 * the browser reports their events.
 */
export class BidiDriver implements Driver<string> {
  readonly bidi: BidiConnection
  readonly #pages = new Map<string, BidiPage>()
  readonly #frameWatchers = new Set<(navigation: FrameNavigation) => void>()
  /** An update asks for the tree of frames, then for more: none may overtake another one. */
  readonly #updates = new Mutex()

  constructor(bidi: BidiConnection) {
    this.bidi = bidi
  }

  page(window: string): BidiPage {
    const known = this.#pages.get(window) ?? new BidiPage(this, window)
    this.#pages.set(window, known)
    return known
  }

  pages(): Promise<readonly DriverPage[]> {
    return this.#updates.runExclusive(async () => {
      const trees = await this.trees()
      for (const window of this.#pages.keys()) if (!trees.some(({ id }) => id === window)) this.#pages.delete(window)
      return Promise.all(
        trees.map(async (tree) => {
          const page = this.page(tree.id)
          await page.update(tree)
          return page
        }),
      )
    })
  }

  /** Updates one window. */
  refresh(page: BidiPage, window: string): Promise<void> {
    return this.#updates.runExclusive(async () => {
      const trees = await this.trees()
      const tree = trees.find(({ id }) => id === window)
      if (tree) await page.update(tree)
      else page.onDestroyed(window)
    })
  }

  watchFrames(navigated: (navigation: FrameNavigation) => void): () => void {
    this.#frameWatchers.add(navigated)
    return () => void this.#frameWatchers.delete(navigated)
  }

  async install(script: string): Promise<() => Promise<void>> {
    const stopListening = this.bidi.listen(EVENTS, (event, params) => this.#onEvent(event, params))
    const subscriptions: string[] = []
    for (const event of EVENTS) {
      const reply = await this.bidi.send('session.subscribe', { events: [event] }).catch(() => undefined)
      const { subscription } = Object(reply)
      if (typeof subscription === 'string') subscriptions.push(subscription)
    }
    const added = await this.bidi.send('script.addPreloadScript', { functionDeclaration: `() => {${script}\n}` })
    return async () => {
      stopListening()
      await this.bidi.send('script.removePreloadScript', { script: Object(added).script })
      // Unsubscribing by event name would end the user's own subscriptions as well.
      if (subscriptions.length > 0) await this.bidi.send('session.unsubscribe', { subscriptions })
    }
  }

  /** All windows, each with the tree of its frames. */
  async trees(): Promise<readonly ContextTree[]> {
    return parseTrees(Object(await this.bidi.send('browsingContext.getTree', {})).contexts)
  }

  #onEvent(event: string, params: unknown): void {
    const { context, url } = Object(params)
    if (typeof context !== 'string') return
    for (const page of this.#pages.values()) {
      if (event === 'browsingContext.contextDestroyed') page.onDestroyed(context)
      else page.onNavigated(context, typeof url === 'string' ? url : undefined)
    }
    if (event !== 'browsingContext.navigationCommitted' || typeof url !== 'string') return
    for (const navigated of [...this.#frameWatchers]) navigated({ url, locate: () => this.#locate(context) })
  }

  async #locate(context: string): Promise<{ page: DriverPage; frame: DriverFrame } | undefined> {
    for (const page of await this.pages()) {
      const frame = page.frames().find((one) => one instanceof BidiFrame && one.id === context)
      if (frame) return { page, frame }
    }
    return undefined
  }
}

class BidiPage implements DriverPage {
  readonly #driver: BidiDriver
  readonly #watchers = new Set<PageWatcher>()
  readonly #top: BidiFrame
  #frames: readonly BidiFrame[]
  #closed = false

  constructor(driver: BidiDriver, window: string) {
    this.#driver = driver
    this.#top = new BidiFrame(driver.bidi, window, undefined)
    this.#frames = [this.#top]
  }

  refresh(): Promise<void> {
    return this.#driver.refresh(this, this.#top.id)
  }

  frames(): readonly DriverFrame[] {
    return this.#frames
  }

  isClosed(): boolean {
    return this.#closed
  }

  watch(watcher: PageWatcher): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /** Updates the frames and their URLs, all at once: a scan may be under way. */
  async update(tree: ContextTree): Promise<void> {
    // A frame without a URL of its own has an origin that its URL does not show. A page that another one opened is
    // addressed by realm: where its window outlives its first document, chromedriver replies to no call that names its
    // context (https://github.com/GoogleChromeLabs/chromium-bidi).
    const asks = tree.isOpened || hasBlank(tree)
    const reply = asks ? await this.#driver.bidi.send('script.getRealms', { type: 'window' }) : undefined
    const { realms } = Object(reply)
    const frames: BidiFrame[] = []
    const add = ({ id, url, children }: ContextTree, parent: BidiFrame | undefined) => {
      const frame = this.#frames.find((one) => one.id === id) ?? new BidiFrame(this.#driver.bidi, id, parent)
      frame.setUrl(url)
      frames.push(frame)
      for (const child of children) add(child, frame)
    }
    add(tree, undefined)
    for (const one of Array.isArray(realms) ? realms : []) {
      const { context, origin, sandbox, realm } = Object(one)
      const frame = sandbox === undefined && frames.find(({ id }) => id === context)
      if (!frame || typeof origin !== 'string') continue
      frame.setOrigin(origin)
      if (tree.isOpened && typeof realm === 'string') frame.realm = realm
    }
    const gone = this.#frames.filter((frame) => !frames.includes(frame))
    this.#frames = frames
    for (const frame of gone) this.#detach(frame)
  }

  /** @param url of the new document: it holds at once, not only from the next tree on */
  onNavigated(id: string, url: string | undefined): void {
    const frame = this.#frames.find((one) => one.id === id)
    if (!frame) return
    if (url !== undefined && url !== frame.url()) frame.setUrl(url)
    frame.countDocument()
    for (const watcher of [...this.#watchers]) watcher.navigated(frame)
  }

  onDestroyed(id: string): void {
    if (id === this.#top.id) {
      if (this.#closed) return
      this.#closed = true
      for (const frame of this.#frames) frame.detach()
      for (const watcher of [...this.#watchers]) watcher.gone()
      return
    }
    const frame = this.#frames.find((one) => one.id === id)
    if (!frame) return
    this.#frames = this.#frames.filter((one) => one !== frame)
    this.#detach(frame)
  }

  #detach(frame: BidiFrame): void {
    frame.detach()
    for (const watcher of [...this.#watchers]) watcher.detached(frame)
  }
}

class BidiFrame implements DriverFrame {
  readonly id: string
  /** Its realm, if it is to be addressed by that. */
  realm: string | undefined
  readonly #bidi: BidiConnection
  readonly #parent: BidiFrame | undefined
  #url = 'about:blank'
  #origin: string | undefined
  #documentNumber = 0
  #detached = false

  constructor(bidi: BidiConnection, id: string, parent: BidiFrame | undefined) {
    this.#bidi = bidi
    this.id = id
    this.#parent = parent
  }

  url(): string {
    return this.#url
  }

  /** BiDi does not report names. */
  name(): string {
    return ''
  }

  parent(): DriverFrame | undefined {
    return this.#parent
  }

  isDetached(): boolean {
    return this.#detached
  }

  origin(): string | undefined {
    return this.#origin ?? (this.#url.startsWith('about:') ? 'null' : undefined)
  }

  async evaluate(expression: string): Promise<unknown> {
    const reply = await this.#bidi.send('script.callFunction', {
      // WebdriverIO logs expressions and arguments, but not functions.
      functionDeclaration: unhookable(expression),
      awaitPromise: false,
      target: this.realm === undefined ? { context: this.id } : { realm: this.realm },
      resultOwnership: 'none',
    })
    const { type, result } = Object(reply)
    if (type !== 'success') throw new Error('The script threw.')
    const { value } = Object(result)
    return typeof value === 'string' ? value : null
  }

  setUrl(url: string): void {
    this.#url = url
    this.#origin = undefined
  }

  documentNumber(): number {
    return this.#documentNumber
  }

  countDocument(): void {
    this.#documentNumber++
  }

  setOrigin(origin: string): void {
    this.#origin = origin
  }

  detach(): void {
    this.#detached = true
  }
}

/** A window or frame, and its child frames. */
interface ContextTree {
  readonly id: string
  readonly url: string
  /** Whether another page opened it. */
  readonly isOpened: boolean
  readonly children: readonly ContextTree[]
}

function hasBlank({ url, children }: ContextTree): boolean {
  return url.startsWith('about:') || children.some(hasBlank)
}

function parseTrees(contexts: unknown): readonly ContextTree[] {
  let left = MAX_CONTEXTS
  return parse(contexts, 0)

  function parse(list: unknown, depth: number): ContextTree[] {
    if (!Array.isArray(list) || depth > MAX_DEPTH) return []
    return list.flatMap((one): ContextTree[] => {
      const { context, url, children, originalOpener } = Object(one)
      if (typeof context !== 'string' || typeof url !== 'string' || left-- <= 0) return []
      const isOpened = typeof originalOpener === 'string'
      return [{ id: context, url, isOpened, children: parse(children, depth + 1) }]
    })
  }
}

/**
 * A function that returns an expression's value. chromedriver calls it by its method `apply`, which a page can replace
 * in `Function.prototype`, to return anything of any size in its place. So it has a method of its own, which a class
 * field defines: an assignment could be intercepted too.
 */
function unhookable(expression: string): string {
  return `new (class extends (function(one){return one}){apply=this})(()=>(${expression}))`
}
