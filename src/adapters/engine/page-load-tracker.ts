import type { DriverPage } from '../driver.js'

/** What is known of a page: which load of it this is, what its document called itself, and whether it may be another one by now. */
interface Known {
  load: object
  document: string
  moved: boolean
  /** The number of the main frame's document, for tools that have to be asked. */
  documents: number | undefined
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
    const documents = documentsOf(page)
    const moved = known.moved || documents !== known.documents
    if (moved && known.document !== '' && document !== known.document) known.load = {}
    known.document = document
    known.moved = false
    known.documents = documents
    return known.load
  }

  #begin(page: DriverPage, document: string): Known {
    const documents = documentsOf(page)
    const known: Known = { load: {}, document, moved: false, documents }
    this.#pages.set(page, known)
    // A tool that has to be asked is not watched all the time: that would be asking all the time, in between its user's own commands.
    if (documents !== undefined) return known
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

function documentsOf(page: DriverPage): number | undefined {
  return page.frames()[0]?.documents?.()
}
