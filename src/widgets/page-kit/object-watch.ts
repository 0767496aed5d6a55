import { type Handler, type Patch, patchInheritedMethods } from './patch.js'
import { bare, type List, list, pushBounded } from './primordials.js'
import type { Observer } from './watcher.js'

/** An object that a vendor's script gave the page, and what came of it. */
export interface PassedObject {
  readonly object: object
  /** What the page gave for it: the arguments of the call that made it, or of the one that configures it. */
  params: unknown
  /** What each of its methods was given last. */
  readonly lastArguments: Record<string, unknown>
  /** The last thing that it was told to do, or told the page, of those that say how it stands. */
  lastEvent: string
}

/** Objects that a vendor's script gave the page, and their methods. */
export interface ObjectWatch {
  /** Oldest first. */
  readonly objects: List<PassedObject>
  /** Watches an object from now on. */
  track(object: unknown, params?: unknown): PassedObject | undefined
  find(object: unknown): PassedObject | undefined
  /** Stands before the methods of what is no object of the page's itself, but stands behind some. */
  watchMethods(object: unknown): void
}

/**
 * Watches what a page does with objects of a vendor's.
 *
 * @param methods of the methods whose calls are noted
 * @param onCall is told of each such call before it is made; says how the object stands
 * @param reads answers in the place of methods that tell of an answer; undefined leaves it to the vendor
 */
export function watchObjects(
  observer: Observer,
  patches: List<Patch>,
  methods: readonly string[],
  onCall: (passed: PassedObject, name: string, args: ArrayLike<unknown>) => void,
  reads: Readonly<Record<string, (passed: PassedObject) => unknown>> = {},
): ObjectWatch {
  const { p } = observer
  const objects = list<PassedObject>()
  const handlers = bare<Handler>() as Record<string, Handler>
  for (let index = 0; index < methods.length; index++) {
    const name = methods[index] as string
    handlers[name] = (call, self, args) => {
      const passed = track(self)
      if (passed) {
        passed.lastArguments[name] = args[0]
        onCall(passed, name, args)
      }
      return p.apply(call, self, args)
    }
  }
  for (const name in reads) {
    handlers[name] = (call, self, args) => {
      const passed = find(self)
      return (passed && reads[name]?.(passed)) ?? p.apply(call, self, args)
    }
  }
  return { objects, track, find, watchMethods }

  function track(object: unknown, params?: unknown): PassedObject | undefined {
    if (typeof object !== 'object' || object === null) return undefined
    const known = find(object)
    if (known) known.params ??= params
    else watchMethods(object)
    return known ?? pushBounded(objects, { object, params, lastArguments: bare(), lastEvent: '' })
  }

  function find(object: unknown): PassedObject | undefined {
    for (let index = 0; index < objects.size; index++) if (objects[index]?.object === object) return objects[index]
    return undefined
  }

  function watchMethods(object: unknown): void {
    if (typeof object === 'object' && object !== null) patchInheritedMethods(observer, patches, object, handlers)
  }
}

/** A function that does what theirs does, if there is one, and is heard. */
export function withListener(observer: Observer, original: unknown, listener: (value: unknown) => void): () => unknown {
  return function (this: unknown) {
    // biome-ignore lint/complexity/noArguments: a rest parameter would go through the page's own iterators
    const args = arguments
    if (!observer.over) listener(args[0])
    observer.onChange?.()
    return typeof original === 'function' ? observer.p.apply(original as () => unknown, this, args) : undefined
  }
}
