import { isPromise } from '../../base/async.js'
import type { Driver, DriverFrame, DriverPage, FrameNavigation } from '../driver.js'
import type { Finder } from './finder.js'
import { isBlankUrl } from './frame-url.js'
import { FrameValues } from './frame-values.js'
import { isVendorFrame } from './vendor-frames.js'

/** How many documents are prepared, at most, before the user's own code calls for a page. */
const MAX_PREPARED = 100

/**
 * Prepares documents for the first `find`: when a vendor's frame has appeared in a document, the call that a scan would
 * begin with is made in it, in the background. A document without a vendor's frame costs nothing, and none is prepared
 * twice. A page cannot have more of it than `MAX_PREPARED` calls, however many frames it adds and whatever it does to
 * its address.
 */
export class DocumentPreparer {
  readonly #finder: Pick<Finder, 'prepare'>
  /** Documents that are prepared, by frame, until the frame navigates. */
  readonly #prepared = new FrameValues<true>()
  readonly #unwatch: (() => void) | undefined
  #left = MAX_PREPARED
  #closed = false

  constructor(driver: Pick<Driver<never, never>, 'watchFrames'>, finder: Pick<Finder, 'prepare'>) {
    this.#finder = finder
    this.#unwatch = driver.watchFrames?.((navigation) => this.#onNavigation(navigation))
  }

  /** The user's code has called for a page: what is prepared is of use. */
  renew(): void {
    this.#left = MAX_PREPARED
  }

  /** Prepares nothing from now on, and waits for nothing. */
  close(): void {
    this.#closed = true
    this.#unwatch?.()
    this.#prepared.close()
  }

  #onNavigation({ url, locate }: FrameNavigation): void {
    if (this.#left <= 0 || !isVendorFrame(url)) return
    const located = locate()
    if (!isPromise(located)) {
      if (located) this.#prepareAround(located)
      return
    }
    // To ask the browser where the frame is counts as well.
    this.#left--
    located.then(
      (place) => place && this.#prepareAround(place),
      () => undefined,
    )
  }

  #prepareAround({ page, frame }: { readonly page: DriverPage; readonly frame: DriverFrame }): void {
    const around = frame.parent()
    if (this.#closed || this.#left <= 0 || !around || this.#prepared.get(around)) return
    // The origin of a frame without a URL of its own has to be asked for: that is left to a scan.
    if (page.isClosed() || isBlankUrl(around.url())) return
    this.#left--
    this.#prepared.set(page, around, true)
    this.#finder.prepare(page, around).catch(() => undefined)
  }
}
