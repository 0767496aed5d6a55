type Arrival<T, R> =
  | { readonly kind: 'item'; readonly item: T }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'result'; readonly index: number; readonly result: R | undefined }

/** How `concurrentMap` handles its items. */
export interface ConcurrentMapOptions<R> {
  /** How many items are mapped at a time. */
  readonly concurrency: number
  /** Whether results are yielded in the order of the items, or as they arrive. */
  readonly ordered: boolean
  /** Ends it early: no further item is started, and items under way are awaited. */
  readonly signal?: AbortSignal | undefined
  /** Called with each result when the consumer asks for the next one. */
  readonly onConsumed?: ((result: R) => Promise<void>) | undefined
}

/**
 * Maps each item, and yields each result. Pulls the next item only when a slot for it is free, so that a slow consumer
 * holds a fast producer back. `map` must not reject. An item for which it returns undefined is skipped.
 *
 * With `ordered`, results that arrive early are held. At most twice `concurrency` items are under way or held, so that
 * results do not pile up, and expire, behind one slow item.
 */
export async function* concurrentMap<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  map: (item: T, index: number) => Promise<R | undefined>,
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
  /** With `ordered`: results that arrived early, by index. */
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
        // An item that arrives after the end is not started.
        if (ended) continue
        const index = count++
        underWay++
        void map(arrival.item, index).then((result) => arrive({ kind: 'result', index, result }))
        continue
      }
      ended = true
      if (arrival.kind === 'error') throw arrival.error
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    if (!ended || signal?.aborted) {
      const returned = source.return?.()
      // A generator that is still producing its next item returns only after that, which may never happen.
      if (!pulling) await returned
      else Promise.resolve(returned).catch(() => {})
    }
  }
}
