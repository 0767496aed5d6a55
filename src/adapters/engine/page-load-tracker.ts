import type { DriverPage } from '../driver.js'

/** What is known of a page: which load of it this is, what its document called itself, and whether it may be another one by now. */
interface TrackedPage {
  load: object
  document: string
  navigated: boolean
  /** The number of the main frame's document, for tools that have to be asked. */
  documentNumber: number | undefined
}

/**
 * Which load of a page it is: the same object for as long as the page has the same document. A load ends only where both say so, the
 * browser that the page went elsewhere and the document that it is another one: a page that calls itself something else, or
 * that only changes its address, has no more solves for it.
 */
export class PageLoadTracker {
  readonly #pages = new WeakMap<DriverPage, TrackedPage>()
  readonly #unwatch = new Set<() => void>()

  /** @param document what the page's document calls itself, if it answered */
  loadOf(page: DriverPage, document = ''): object {
    const known = this.#pages.get(page) ?? this.#track(page, document)
    if (document === '') return known.load
    const documents = documentNumberOf(page)
    const moved = known.navigated || documents !== known.documentNumber
    if (moved && known.document !== '' && document !== known.document) known.load = {}
    known.document = document
    known.navigated = false
    known.documentNumber = documents
    return known.load
  }

  #track(page: DriverPage, document: string): TrackedPage {
    const documents = documentNumberOf(page)
    const known: TrackedPage = { load: {}, document, navigated: false, documentNumber: documents }
    this.#pages.set(page, known)
    // A tool that has to be asked is not watched all the time: that would be asking all the time, in between its user's own commands.
    if (documents !== undefined) return known
    const unwatch = page.watch({
      navigated(frame) {
        if (frame === page.frames()[0]) known.navigated = true
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

function documentNumberOf(page: DriverPage): number | undefined {
  return page.frames()[0]?.documentNumber?.()
}
