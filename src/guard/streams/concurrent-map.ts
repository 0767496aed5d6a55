type Arrival<T, R> =
  | { readonly kind: 'item'; readonly item: T }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'result'; readonly index: number; readonly result: R | undefined }

/** How a stream goes about its items. */
export interface ConcurrentMapOptions<R> {
  /** How many are worked on at a time. */
  readonly concurrency: number
  /** Whether results come in the order of the items, or as they arrive. */
  readonly ordered: boolean
  /** Ends it early: no further item is onConsumed, and what is under way is waited for. */
  readonly signal?: AbortSignal | undefined
  /** Told of each result once whoever iterates has come back for the next one. */
  readonly onConsumed?: ((result: R) => Promise<void>) | undefined
}

/**
 * Does `work` on what `items` gives, and yields each result. Takes the next item only when there is room for it, so that a slow
 * consumer holds a fast producer back. `work` must not reject; an item that it gives nothing for is passed over.
 *
 * In order, what has come too soon is held; at concurrency twice `concurrency` are under way and held, so that one slow item does not have results pile
 * up behind it, and grow old.
 */
export async function* concurrentMap<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T, index: number) => Promise<R | undefined>,
  { concurrency, ordered, signal, onConsumed }: ConcurrentMapOptions<R>,
): AsyncGenerator<R, void, undefined> {
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  const arrived: Arrival<T, R>[] = []
  let wake = (): void => {}
  const arrive = (arrival: Arrival<T, R>): void => {
    arrived.push(arrival)
    wake()
  }
  const pull = async (): Promise<void> => {
    try {
      const next = await source.next()
      arrive(next.done ? { kind: 'end' } : { kind: 'item', item: next.value })
    } catch (error) {
      arrive({ kind: 'error', error })
    }
  }
  const abort = (): void => arrive({ kind: 'end' })
  /** In order: what has come before it is due, by its place. */
  const held = new Map<number, R | undefined>()
  let underWay = 0
  let count = 0
  let due = 0
  let pulling = false
  let ended = signal?.aborted === true
  const hasRoom = (): boolean => underWay < concurrency && underWay + held.size < 2 * concurrency
  signal?.addEventListener('abort', abort, { once: true })
  try {
    while (!ended || underWay > 0 || held.size > 0) {
      if (held.has(due)) {
        const result = held.get(due)
        held.delete(due++)
        if (result === undefined) continue
        yield result
        await onConsumed?.(result)
        continue
      }
      if (!ended && !pulling && hasRoom()) {
        pulling = true
        void pull()
      }
      const arrival = arrived.shift()
      if (!arrival) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      if (arrival.kind === 'result') {
        underWay--
        const { index, result } = arrival
        if (ordered) held.set(index, result)
        else if (result !== undefined) {
          yield result
          await onConsumed?.(result)
        }
        continue
      }
      if (arrival.kind === 'item') {
        pulling = false
        // One that came after the end of it all is not begun.
        if (ended) continue
        const index = count++
        underWay++
        void work(arrival.item, index).then((result) => arrive({ kind: 'result', index, result }))
        continue
      }
      ended = true
      if (arrival.kind === 'error') throw arrival.error
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    if (!ended || signal?.aborted) {
      const returned = source.return?.()
      // A generator that is at its next item would have us wait for that, and it may never come.
      if (!pulling) await returned
      else Promise.resolve(returned).catch(() => {})
    }
  }
}
