import type { DriverFrame } from '../driver.js'
import { isVendorFrame } from '../engine/vendor-frames.js'
import type { ChildFrame } from './frame-scripts.js'
import type { FrameUrls } from './frame-urls.js'
import type { ElementReference } from './session.js'

/** An address that no policy names: of a frame of which only the frame itself says where it comes from. */
const UNKNOWN_URL = 'unknown:frame'

/** The page that a frame stands in. */
interface ClassicFrameHost {
  isClosed(): boolean
  /** The value of an expression, in the frame to which these elements lead. */
  evaluate(path: readonly ElementReference[], expression: string): Promise<unknown>
}

/**
 * A frame. Its address counts only where it does not have it from itself: the browser says it, or the document around it can
 * read it. That document is believed as far as it is of the page's own origin, or is the page.
 */
export class ClassicFrame implements DriverFrame {
  readonly key: string | undefined
  /** In the document around it. */
  element: ElementReference | undefined
  /** It did not answer the last look, and is not asked again before it answers one. */
  unresponsive = false
  readonly #page: ClassicFrameHost
  readonly #parent: ClassicFrame | undefined
  #url: string
  #name = ''
  #document = ''
  #documentNumber = 0
  /** Of the page's own origin, by the word of documents that are. */
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
    if (this.unresponsive) throw new Error('The frame did not answer a moment ago.')
    return this.#page.evaluate(this.#path(), expression)
  }

  /** Takes in what the document around it shows of it, and what the browser knows. */
  updateFromParent({ id, name, readableUrl }: ChildFrame, known: FrameUrls | undefined): void {
    const believed = this.#parent ? this.#parent.#sameOrigin : false
    this.#sameOrigin = believed && readableUrl !== undefined
    this.#name = name
    const said = known ? known.frames.get(id ?? '') : readableUrl
    if (said !== undefined && (believed || isVendorFrame(said))) this.#url = said
    else this.#url = UNKNOWN_URL
  }

  /** Its own word for its address: good for one thing, that a vendor's frame is a sign of a widget. */
  updateFromItself(address: string): void {
    if (!this.#sameOrigin) this.#url = isVendorFrame(address) ? address : UNKNOWN_URL
  }

  setUrl(url: string): void {
    this.#url = url
  }

  /** Takes in which document it has. Says whether that is another one than the last time. */
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
