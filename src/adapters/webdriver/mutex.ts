import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * One at a time, in the order in which they come: a WebDriver session has one current window and one current frame, so what
 * moves it about must not meet another that does. What is done within a turn has turns of its own.
 */
export class Mutex {
  readonly #current = new AsyncLocalStorage<Mutex>()
  #last: Promise<unknown> = Promise.resolve()
  #ended = false

  runExclusive<T>(run: () => Promise<T>): Promise<T> {
    const inner = this.#current.getStore()
    if (inner && !inner.#ended) return inner.runExclusive(run)
    const turn = this.#last.then(async () => {
      const own = new Mutex()
      try {
        return await this.#current.run(own, run)
      } finally {
        own.#ended = true
      }
    })
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
