import type { DriverFrame } from '../driver.js'
import { isVendorFrame } from '../engine/vendor-frames.js'
import type { ChildFrame } from './frame-scripts.js'
import type { FrameUrls } from './frame-urls.js'
import type { ElementReference } from './session.js'

/** A URL that no policy names: that of a frame whose URL only the frame itself reports. */
const UNKNOWN_URL = 'unknown:frame'

/** The page of a frame. */
interface ClassicFrameHost {
  isClosed(): boolean
  /** Evaluates an expression in the frame that these elements lead to. */
  evaluate(path: readonly ElementReference[], expression: string): Promise<unknown>
}

/**
 * A frame. Its URL is used only if another source than the frame itself reports it: the browser, or its parent
 * document, if that can read it. The parent document is trusted if it is the page, or has the page's own origin.
 */
export class ClassicFrame implements DriverFrame {
  readonly key: string | undefined
  /** Its element in the parent document. */
  element: ElementReference | undefined
  /** It did not reply to the last scan, and gets no calls before it replies to a scan. */
  unresponsive = false
  readonly #page: ClassicFrameHost
  readonly #parent: ClassicFrame | undefined
  #url: string
  #name = ''
  #document = ''
  #documentNumber = 0
  /** Whether it has the page's own origin, as reported by documents that have it. */
  #sameOrigin: boolean
  #detached = false

  constructor(page: ClassicFrameHost, parent: ClassicFrame | undefined, key: string | undefined) {
    this.#page = page
    this.#parent = parent
    this.key = key
    this.#sameOrigin = parent === undefined
    this.#url = parent ? UNKNOWN_URL : 'about:blank'
  }

  url(): string {
    return this.#url
  }

  name(): string {
    return this.#name
  }

  parent(): DriverFrame | undefined {
    return this.#parent
  }

  isDetached(): boolean {
    return this.#detached || this.#page.isClosed()
  }

  origin(): string {
    if (this.#sameOrigin && this.#parent) return this.#parent.origin()
    return URL.canParse(this.#url) ? new URL(this.#url).origin : 'null'
  }

  async evaluate(expression: string): Promise<unknown> {
    if (this.isDetached()) throw new Error('The frame is gone.')
    if (this.unresponsive) throw new Error('The frame did not reply to the last scan.')
    return this.#page.evaluate(this.#path(), expression)
  }

  /** Updates the name and URL by what the parent document and the browser report. */
  updateFromParent({ id, name, src, readableUrl }: ChildFrame, known: FrameUrls | undefined): void {
    const trusted = this.#parent ? this.#parent.#sameOrigin : false
    this.#sameOrigin = trusted && readableUrl !== undefined
    this.#name = name
    // What the parent document has put into the frame, where nothing else is known: enough for evidence of a widget.
    const placed = src !== undefined && isVendorFrame(src) ? src : undefined
    const reported = known ? known.frames.get(id ?? '') : (readableUrl ?? placed)
    if (reported !== undefined && (trusted || isVendorFrame(reported))) this.#url = reported
    else this.#url = UNKNOWN_URL
  }

  setUrl(url: string): void {
    this.#url = url
  }

  /** Takes the current document's id. Returns whether that is another document than before. */
  updateDocument(document: string): boolean {
    const changed = this.#document !== '' && this.#document !== document
    this.#document = document
    if (changed) this.#documentNumber++
    return changed
  }

  documentNumber(): number {
    return this.#documentNumber
  }

  detach(): void {
    this.#detached = true
  }

  #path(): readonly ElementReference[] {
    const above = this.#parent ? this.#parent.#path() : []
    return this.element ? [...above, this.element] : above
  }
}
