/**
 * What an adapter tells us of a browser tool: as little as finding and injecting need. A new adapter is one file that
 * makes a `Driver` of its tool's own objects, and passes the contract test (test/adapters/contract.ts).
 */

/** The element that a frame stands in. */
export interface FrameElementReading {
  readonly src: string | null
  readonly readable: boolean
}

/** Runs in the document around a frame, with the element that it stands in. Refers to nothing outside itself. */
export function readFrameElement(element: Element): FrameElementReading {
  return { src: element.getAttribute('src'), readable: !!(element as HTMLIFrameElement).contentDocument }
}

/** A frame of a page. There is one such object for each frame, for as long as the frame lives. */
export interface DriverFrame {
  /** Its address, as the browser has it, not as the page says. */
  url(): string
  /** Its name, or an empty text. */
  name(): string
  parent(): DriverFrame | undefined
  isDetached(): boolean
  /** The origin of its document, where the browser says so. Left out, or undefined: what the page says is taken. */
  origin?(): string | undefined
  /**
   * The element that it stands in, as the document around it has it: the `src` that it was given, and whether that document may read what
   * is in it. Left out where a tool cannot say. May reject for whatever reason, and may never settle: the caller bounds it.
   */
  frameElement?(): Promise<FrameElementReading>
  /** For tools that have to be asked: a number that is another one once another document was seen in it. */
  documentNumber?(): number
  /**
   * Evaluates an expression in the page's own world, and gives its value if that is a string. May reject for whatever
   * reason, and may never settle: the caller bounds it.
   */
  evaluate(expression: string): Promise<unknown>
  /**
   * The same for an expression that gives a promise: its value, once it has settled. Others may evaluate meanwhile. Left out where calls
   * wait for one another: then a page is looked at every now and then, instead of being waited for.
   */
  evaluateAsync?(expression: string): Promise<unknown>
}

/** What may happen to a page while it is being worked on. */
export interface PageWatcher {
  /** A frame has another address; maybe another document too. */
  navigated(frame: DriverFrame): void
  detached(frame: DriverFrame): void
  /** The page was closed, or crashed. */
  gone(): void
}

/** A page. */
export interface DriverPage {
  /**
   * For tools that do not tell what happens but have to be asked: brings everything else here up to date. Called before each
   * look; may reject for whatever reason, and take any time.
   */
  refresh?(): Promise<void>
  /** All frames, the main one first. */
  frames(): readonly DriverFrame[]
  isClosed(): boolean
  /** Watches until the function that it returns is called. */
  watch(watcher: PageWatcher): () => void
}

/** An element that the caller named, as it was found once: what takes its place in the page is another one. */
export interface DriverElement {
  readonly page: DriverPage
  readonly frame: DriverFrame
  /** Calls a function that refers to nothing outside itself with the element, in the page, and gives what it returns or resolves to. */
  evaluate(run: (element: Element) => unknown): Promise<unknown>
  /** What is seen of it, as a PNG. */
  screenshot(): Promise<Uint8Array>
  /** Puts a text into a field, in place of what stands in it, as if it were typed. */
  fill(text: string): Promise<void>
  click(): Promise<void>
  /** It is not needed any more. */
  dispose(): Promise<void>
}

/** A browser context and its pages and elements, of types `P` and `E` in the tool's own words. */
export interface Driver<P, E = never> {
  /**
   * Our view of a page; the same one for each call with the same page.
   * @throws SolveguardError `CONFIG_INVALID` for what is no page of this context
   */
  page(page: P): DriverPage
  /**
   * Finds an element, for at most so long. Left out where a tool's elements cannot be named. Calls on it may reject for whatever
   * reason, and may never settle: the caller bounds them.
   * @throws SolveguardError `CONFIG_INVALID` for what names no element of this context
   */
  element?(element: E, ms: number): Promise<DriverElement>
  /** The pages that are open now, up to date. */
  pages(): readonly DriverPage[] | Promise<readonly DriverPage[]>
  /**
   * Has a script run in every frame to come, before the page's own scripts.
   * @returns a function that ends this
   */
  install(script: string): Promise<() => Promise<void>>
}
