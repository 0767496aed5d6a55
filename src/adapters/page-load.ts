import type { DriverPage } from './driver.js'

/** What is known of a page: which load of it this is, what its document called itself, and whether it may be another one by now. */
interface Known {
  load: object
  document: string
  moved: boolean
}

/**
 * Which load of a page it is: the same object for as long as the page has the same document. A load ends only where both say so, the
 * browser that the page went elsewhere and the document that it is another one: a page that calls itself something else, or
 * that only changes its address, has no more solves for it.
 */
export class PageLoads {
  readonly #pages = new WeakMap<DriverPage, Known>()
  readonly #unwatch = new Set<() => void>()

  /** @param document what the page's document calls itself, if it answered */
  of(page: DriverPage, document = ''): object {
    const known = this.#pages.get(page) ?? this.#begin(page, document)
    if (document === '') return known.load
    if (known.moved && known.document !== '' && document !== known.document) known.load = {}
    known.document = document
    known.moved = false
    return known.load
  }

  #begin(page: DriverPage, document: string): Known {
    const known: Known = { load: {}, document, moved: false }
    this.#pages.set(page, known)
    const unwatch = page.watch({
      navigated(frame) {
        if (frame === page.frames()[0]) known.moved = true
      },
      detached() {},
      gone: () => stop(),
    })
    const stop = (): void => {
      this.#unwatch.delete(stop)
      unwatch()
    }
    this.#unwatch.add(stop)
    return known
  }

  /** Watches no page any more. */
  close(): void {
    for (const stop of [...this.#unwatch]) stop()
  }
}
