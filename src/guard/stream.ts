type Arrival<T, R> =
  | { readonly kind: 'item'; readonly item: T }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'result'; readonly result: R }

/**
 * Does `work` on what `items` gives, at most `most` at a time, and yields each result as it arrives. Takes the next item
 * only when there is room for it, so that a slow consumer holds a fast producer back. `work` must not reject.
 */
export async function* stream<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<R>,
  most: number,
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
  let underWay = 0
  let pulling = false
  let ended = false
  try {
    while (!ended || underWay > 0) {
      if (!ended && !pulling && underWay < most) {
        pulling = true
        void pull()
      }
      const arrival = arrived.shift()
      if (!arrival) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      } else if (arrival.kind === 'result') {
        underWay--
        yield arrival.result
      } else {
        pulling = false
        if (arrival.kind !== 'item') ended = true
        if (arrival.kind === 'error') throw arrival.error
        if (arrival.kind === 'item') {
          underWay++
          void work(arrival.item).then((result) => arrive({ kind: 'result', result }))
        }
      }
    }
  } finally {
    if (!ended) {
      const returned = source.return?.()
      // A generator that is at its next item would have us wait for that, and it may never come.
      if (!pulling) await returned
      else Promise.resolve(returned).catch(() => {})
    }
  }
}
