import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * Runs one function at a time, in the order of the calls: a WebDriver session has one current window and one current
 * frame, so two functions that switch them must not overlap. Calls from inside a function that runs have a mutex of
 * their own, so that they do not wait for it.
 */
export class Mutex {
  readonly #current = new AsyncLocalStorage<Mutex>()
  #last: Promise<unknown> = Promise.resolve()
  #ended = false

  runExclusive<T>(run: () => Promise<T>): Promise<T> {
    const inner = this.#current.getStore()
    if (inner && !inner.#ended) return inner.runExclusive(run)
    const running = this.#last.then(async () => {
      const nested = new Mutex()
      try {
        return await this.#current.run(nested, run)
      } finally {
        nested.#ended = true
      }
    })
    this.#last = running.catch(() => undefined)
    return running
  }
}
