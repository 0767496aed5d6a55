import type { DriverFrame, DriverPage, FrameNavigation } from '../driver.js'

/** The pages of a context and what they emit, of the tool's own types `P` and `F`. */
export interface EmittingPages<P, F> {
  open(): Iterable<P>
  /** Calls back with each page that is opened, until the returned function is called. */
  onOpened(add: (page: P) => void): () => void
  /** Calls back when a frame of the page has navigated, and when the page is closed, until it is stopped. */
  listen(page: P, navigated: (frame: F) => void, closed: () => void): () => void
  viewsOf(page: P, frame: F): { readonly page: DriverPage; readonly frame: DriverFrame }
}

/** `Driver.watchFrames` for a tool whose pages emit the navigations of their frames. */
export function watchFrameNavigations<P, F extends { url(): string; parentFrame(): unknown }>(
  pages: EmittingPages<P, F>,
  report: (navigation: FrameNavigation) => void,
): () => void {
  const stops = new Map<P, () => void>()
  const add = (page: P): void => {
    if (stops.has(page)) return
    const navigated = (frame: F): void => {
      if (frame.parentFrame()) report({ url: frame.url(), locate: () => pages.viewsOf(page, frame) })
    }
    const stopListening = pages.listen(page, navigated, () => stop())
    const stop = (): void => {
      stopListening()
      stops.delete(page)
    }
    stops.set(page, stop)
  }
  const stopOpened = pages.onOpened(add)
  for (const page of pages.open()) add(page)
  return () => {
    stopOpened()
    for (const stop of [...stops.values()]) stop()
  }
}
