import type { DriverPage } from '../driver.js'

/** The current load of a page, and whether another one may have begun. */
interface TrackedPage {
  load: object
  /** What the document last called itself, or an empty string. */
  document: string
  navigated: boolean
  /** The number of the main frame's document, for tools that are polled. */
  documentNumber: number | undefined
}

/**
 * Identifies loads of a page: the same object for as long as the page has the same document. A load ends only when
 * both report it, the browser a navigation and the document another name. So a page that only renames itself, or only
 * changes its URL, gets no more solves by it.
 */
export class PageLoadTracker {
  readonly #pages = new WeakMap<DriverPage, TrackedPage>()
  readonly #unwatch = new Set<() => void>()

  /** @param document what the page's document calls itself, if it replied */
  loadOf(page: DriverPage, document = ''): object {
    const known = this.#pages.get(page) ?? this.#track(page, document)
    if (document === '') return known.load
    const documentNumber = documentNumberOf(page)
    const navigated = known.navigated || documentNumber !== known.documentNumber
    if (navigated && known.document !== '' && document !== known.document) known.load = {}
    known.document = document
    known.navigated = false
    known.documentNumber = documentNumber
    return known.load
  }

  #track(page: DriverPage, document: string): TrackedPage {
    const documentNumber = documentNumberOf(page)
    const tracked: TrackedPage = { load: {}, document, navigated: false, documentNumber }
    this.#pages.set(page, tracked)
    // A watch of a polled tool would send commands all the time, between the user's own.
    if (documentNumber !== undefined) return tracked
    const unwatch = page.watch({
      navigated(frame) {
        if (frame === page.frames()[0]) tracked.navigated = true
      },
      detached() {},
      gone: () => stop(),
    })
    const stop = (): void => {
      this.#unwatch.delete(stop)
      unwatch()
    }
    this.#unwatch.add(stop)
    return tracked
  }

  /** Stops watching all pages. */
  close(): void {
    for (const stop of [...this.#unwatch]) stop()
  }
}

function documentNumberOf(page: DriverPage): number | undefined {
  return page.frames()[0]?.documentNumber?.()
}
