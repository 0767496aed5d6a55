/** What the end of a wait listens to: an `AbortSignal`, or the signal of an {@link Abort}. */
export interface AbortWatch {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/**
 * What an `AbortController` does, for waits within this package: it and its signal take ten times as long to make,
 * which counts where each request needs one.
 *
 * @example
 * const abort = new Abort()
 * solve({ signal: abort })
 * abort.abort()
 */
export class Abort implements AbortWatch {
  aborted = false
  #listeners: (() => void)[] = []

  /** Calls each listener, once. */
  abort(): void {
    this.aborted = true
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.aborted && !this.#listeners.includes(listener)) this.#listeners.push(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener)
    if (at >= 0) this.#listeners.splice(at, 1)
  }
}
