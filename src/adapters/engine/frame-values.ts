import type { DriverFrame, DriverPage } from '../driver.js'

/** A value for each frame, until the frame navigates or is gone. */
export class FrameValues<T> {
  readonly #values = new WeakMap<DriverFrame, T>()
  readonly #watched = new Map<DriverPage, () => void>()

  get(frame: DriverFrame): T | undefined {
    return this.#values.get(frame)
  }

  set(page: DriverPage, frame: DriverFrame, value: T): void {
    this.#watch(page)
    this.#values.set(frame, value)
  }

  delete(frame: DriverFrame): void {
    this.#values.delete(frame)
  }

  /** Stops watching pages. */
  close(): void {
    for (const stop of [...this.#watched.values()]) stop()
  }

  #watch(page: DriverPage): void {
    if (this.#watched.has(page)) return
    const forget = (frame: DriverFrame): void => void this.#values.delete(frame)
    const unwatch = page.watch({ navigated: forget, detached: forget, gone: () => stop() })
    const stop = (): void => {
      this.#watched.delete(page)
      unwatch()
    }
    this.#watched.set(page, stop)
  }
}
