import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * One at a time, in the order in which they come: a WebDriver session has one current window and one current frame, so what
 * moves it about must not meet another that does. What is done within a turn has turns of its own.
 */
export class Turns {
  readonly #within = new AsyncLocalStorage<Turns>()
  #last: Promise<unknown> = Promise.resolve()
  #over = false

  take<T>(run: () => Promise<T>): Promise<T> {
    const inner = this.#within.getStore()
    if (inner && !inner.#over) return inner.take(run)
    const turn = this.#last.then(async () => {
      const own = new Turns()
      try {
        return await this.#within.run(own, run)
      } finally {
        own.#over = true
      }
    })
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
