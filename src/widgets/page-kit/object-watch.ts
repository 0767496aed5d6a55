import { type Handler, type Stand, standBeforeMethods } from './patch.js'
import { bare, type List, list, note } from './primordials.js'
import type { Observer } from './watcher.js'

/** An object that a vendor's script gave the page, and what came of it. */
export interface Handed {
  readonly object: object
  /** What the page gave for it: the arguments of the call that made it, or of the one that configures it. */
  params: unknown
  /** What each of its methods was given last. */
  readonly told: Record<string, unknown>
  /** The last thing that it was told to do, or told the page, of those that say how it stands. */
  last: string
}

/** Objects that a vendor's script gave the page, and their methods. */
export interface ObjectWatch {
  /** Oldest first. */
  readonly handed: List<Handed>
  /** Watches an object from now on. */
  adopt(object: unknown, params?: unknown): Handed | undefined
  find(object: unknown): Handed | undefined
  /** Stands before the methods of what is no object of the page's itself, but stands behind some. */
  standBehind(object: unknown): void
}

/**
 * Watches what a page does with objects of a vendor's.
 *
 * @param names of the methods whose calls are noted
 * @param see is told of each such call before it is made; says how the object stands
 * @param reads answers in the place of methods that tell of an answer; undefined leaves it to the vendor
 */
export function watchObjects(
  observer: Observer,
  stands: List<Stand>,
  names: readonly string[],
  see: (handed: Handed, name: string, args: ArrayLike<unknown>) => void,
  reads: Readonly<Record<string, (handed: Handed) => unknown>> = {},
): ObjectWatch {
  const { p } = observer
  const handed = list<Handed>()
  const handlers = bare<Handler>() as Record<string, Handler>
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    handlers[name] = (call, self, args) => {
      const one = adopt(self)
      if (one) {
        one.told[name] = args[0]
        see(one, name, args)
      }
      return p.apply(call, self, args)
    }
  }
  for (const name in reads) {
    handlers[name] = (call, self, args) => {
      const one = find(self)
      return (one && reads[name]?.(one)) ?? p.apply(call, self, args)
    }
  }
  return { handed, adopt, find, standBehind }

  function adopt(object: unknown, params?: unknown): Handed | undefined {
    if (typeof object !== 'object' || object === null) return undefined
    const known = find(object)
    if (known) known.params ??= params
    else standBehind(object)
    return known ?? note(handed, { object, params, told: bare(), last: '' })
  }

  function find(object: unknown): Handed | undefined {
    for (let index = 0; index < handed.size; index++) if (handed[index]?.object === object) return handed[index]
    return undefined
  }

  function standBehind(object: unknown): void {
    if (typeof object === 'object' && object !== null) standBeforeMethods(observer, stands, object, handlers)
  }
}

/** A function that does what theirs does, if there is one, and is heard. */
export function heard(observer: Observer, theirs: unknown, hear: (value: unknown) => void): () => unknown {
  return function (this: unknown) {
    // biome-ignore lint/complexity/noArguments: a rest parameter would go through the page's own iterators
    const args = arguments
    if (!observer.over) hear(args[0])
    observer.onChange?.()
    return typeof theirs === 'function' ? observer.p.apply(theirs as () => unknown, this, args) : undefined
  }
}
