import type { MaybePromise } from '../base/async.js'
import type { PageEntry, WindowKey } from '../widgets/page-kit/protocol.js'

/**
 * The interface between the engine and a browser tool, as small as finding and injecting allow. A new adapter is one
 * file that makes a `Driver` of the tool's own objects, and passes the contract test (test/adapters/contract.ts).
 */

/** What the parent document reads of a frame's element. */
export interface FrameElementReading {
  /** The `src` attribute, or null where there is none. */
  readonly src: string | null
  /** Whether the parent document may read the frame's document: both have one origin then. */
  readonly readable: boolean
  /** False if a person cannot see it; the page script of the parent document decides. Missing: it is seen. */
  readonly seen?: boolean
}

/**
 * Runs in a frame's parent document, with the frame's element. Refers to nothing outside itself, and returns no more
 * than a URL and two answers, whatever the document makes of its methods.
 */
export function readFrameElement(element: Element): FrameElementReading {
  const src: unknown = element.getAttribute('src')
  const bounded = typeof src === 'string' && src.length <= 8_192
  const readable = !!(element as HTMLIFrameElement).contentDocument
  const key: WindowKey = 'solveguard'
  let seen: unknown
  try {
    const entry: PageEntry | undefined = Reflect.get(element.ownerDocument.defaultView as Window, Symbol.for(key))
    seen = entry?.main?.seesFrame(element)
  } catch {
    // Not the page script of this version, or a page that answers in its place.
  }
  return { src: bounded ? src : null, readable, seen: seen !== false }
}

/** A frame of a page. There is one such object for each frame, for as long as the frame exists. */
export interface DriverFrame {
  /** Its URL as the browser reports it, not as the page does. */
  url(): string
  /** Its name, or an empty string. */
  name(): string
  parent(): DriverFrame | undefined
  isDetached(): boolean
  /** The origin of its document, where the browser reports one. Missing or undefined: the page's own report is used. */
  origin?(): string | undefined
  /**
   * The frame's element, read in the parent document. Missing where a tool cannot read it. May reject for any reason,
   * and may never settle: the caller sets a time-out.
   */
  frameElement?(): Promise<FrameElementReading>
  /** For tools that are polled: a number that changes when another document was seen in the frame. */
  documentNumber?(): number
  /**
   * Evaluates an expression in the page's own world, and returns its value if that is a string. May reject for any
   * reason, and may never settle: the caller sets a time-out.
   */
  evaluate(expression: string): Promise<unknown>
  /**
   * The same for an expression that gives a promise: returns its value once it has settled. Other evaluations may run
   * meanwhile. Missing where evaluations wait for one another: such a page is polled, instead of waited for.
   */
  evaluateAsync?(expression: string): Promise<unknown>
}

/** What may happen to a page during a solve. */
export interface PageWatcher {
  /** A frame has another URL; maybe another document too. */
  navigated(frame: DriverFrame): void
  detached(frame: DriverFrame): void
  /** The page was closed, or crashed. */
  gone(): void
}

/** A page. */
export interface DriverPage {
  /**
   * For tools that report no events but are polled: updates everything else here. Called before each scan; may reject
   * for any reason, and take any time.
   */
  refresh?(): Promise<void>
  /** All frames, the main one first. */
  frames(): readonly DriverFrame[]
  isClosed(): boolean
  /** Watches until the returned function is called. */
  watch(watcher: PageWatcher): () => void
}

/** An element that the caller named, as it was found once: an element that later replaces it is another one. */
export interface DriverElement {
  readonly page: DriverPage
  readonly frame: DriverFrame
  /**
   * Calls a function in the page with the element, and returns what it returns or resolves to. The function refers to
   * nothing outside itself.
   */
  evaluate(run: (element: Element) => unknown): Promise<unknown>
  /** A screenshot of the element, as a PNG. */
  screenshot(): Promise<Uint8Array>
  /**
   * Replaces the text of a field, as if it were typed, by a call in the field's own document: the text never goes into
   * another one that takes its place.
   */
  fill(text: string): Promise<void>
  click(): Promise<void>
  /** Frees the tool's handle. */
  dispose(): Promise<void>
}

/** A navigation of a frame, as a tool's event reports it. */
export interface FrameNavigation {
  /** The frame's new URL. */
  readonly url: string
  /** The frame and its page; undefined if they are gone. A tool whose event only names the frame has to ask for it. */
  locate(): MaybePromise<{ readonly page: DriverPage; readonly frame: DriverFrame } | undefined>
}

/** A browser context with its pages and elements, of the tool's own types `P` and `E`. */
export interface Driver<P, E = never> {
  /**
   * The engine's view of a page; the same object for each call with the same page.
   * @throws SolveguardError `CONFIG_INVALID` if `page` is not a page of this context
   */
  page(page: P): DriverPage
  /**
   * Finds an element, for at most `ms`. Missing where callers cannot name elements of a tool. Calls on the element may
   * reject for any reason, and may never settle: the caller sets time-outs.
   * @throws SolveguardError `CONFIG_INVALID` if `element` is not an element of this context
   */
  element?(element: E, ms: number): Promise<DriverElement>
  /**
   * Reports navigations of the frames within all pages, present and future ones, until the returned function is called.
   * Only what the tool reports in any case: it asks the browser for nothing more. Missing where a tool has no events.
   */
  watchFrames?(navigated: (navigation: FrameNavigation) => void): () => void
  /** The pages that are open now, up to date. */
  pages(): readonly DriverPage[] | Promise<readonly DriverPage[]>
  /**
   * Runs a script in every new document of every frame, before the page's own scripts.
   *
   * @param isNamed whether the policy names the origin of a URL: a driver that runs scripts of its own runs none in
   *   other frames
   * @returns a function that ends this
   */
  install(script: string, isNamed: (url: string) => boolean): Promise<() => Promise<void>>
}
