import { type List, type Primordials, push, remove } from './primordials.js'

/** One property of a vendor's object that we stand before. */
export interface Trap {
  readonly object: object
  readonly name: string
  /** What stands in the property now, once the vendor's script has assigned it. */
  wrapped?: unknown
  original?: unknown
}

/**
 * Stands before `object[name]`: at once if it is there, otherwise as soon as the vendor's script assigns it. From then on
 * it is a plain property again, holding what `wrap` made of the original.
 *
 * Does nothing where our own wrapper already stands. An object that cannot be changed is left alone.
 */
export function trap(
  p: Primordials,
  traps: List<Trap>,
  object: object,
  name: string,
  wrap: (original: unknown) => unknown,
): void {
  const now = p.describe(object, name)
  let entry = find(traps, object, name)
  if (entry && now && (now.get ? !('wrapped' in entry) : now.value === entry.wrapped)) return
  // An accessor is the page's own doing.
  if (now && (!now.configurable || !('value' in now))) return
  if (!entry) entry = push(traps, { object, name })
  const mine = entry
  const put = (value: unknown): void => {
    mine.original = value
    mine.wrapped = wrap(value)
    p.define(object, name, { value: mine.wrapped, writable: true, enumerable: true, configurable: true })
  }
  if (now) put(now.value)
  else p.define(object, name, { get: () => undefined, set: put, enumerable: false, configurable: true })
}

/** Puts every original back, where our wrapper still stands. */
export function untrap(p: Primordials, traps: List<Trap>): void {
  while (traps.size > 0) {
    const entry = traps[0] as Trap
    remove(traps, entry)
    const now = p.describe(entry.object, entry.name)
    if (!now?.configurable) continue
    if (!('wrapped' in entry)) {
      if (now.get) delete (entry.object as Record<string, unknown>)[entry.name]
    } else if (now.value === entry.wrapped) {
      p.define(entry.object, entry.name, { ...now, value: entry.original })
    }
  }
}

function find(traps: List<Trap>, object: object, name: string): Trap | undefined {
  for (let index = 0; index < traps.size; index++) {
    const entry = traps[index] as Trap
    if (entry.object === object && entry.name === name) return entry
  }
  return undefined
}

/** A function in the place of `original`, with its name and length, that answers through `handle`. */
export function standIn(
  p: Primordials,
  original: unknown,
  handle: (original: (...args: never[]) => unknown, self: unknown, args: ArrayLike<unknown>) => unknown,
): unknown {
  if (typeof original !== 'function') return original
  const call = original as (...args: never[]) => unknown
  const stand = function (this: unknown): unknown {
    // biome-ignore lint/complexity/noArguments: a rest parameter would change the function's length
    return handle(call, this, arguments)
  }
  p.define(stand, 'name', { value: call.name, configurable: true })
  p.define(stand, 'length', { value: call.length, configurable: true })
  return stand
}
