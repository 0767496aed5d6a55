import { type Handler, type Patch, patchInheritedMethods } from './patch.js'
import { bare, find, type List, list, pushBounded } from './primordials.js'
import type { Observer } from './watcher.js'

/** An object that a vendor's script passed to the page, and what the page did with it. */
export interface PassedObject {
  readonly vendorObject: object
  /** The page's parameters: of the call that made the object, or of the one that configured it. */
  params: unknown
  /** The first argument of the last call of each method. */
  readonly lastArguments: Record<string, unknown>
  /** The last method called, or event reported to the page, of those that change its state. */
  lastEvent: string
}

export interface PassedObjects {
  /** Oldest first. */
  readonly objects: List<PassedObject>
}

/** Objects that a vendor's script passed to the page, and their methods. */
export interface ObjectWatch extends PassedObjects {
  /** Records an object and watches it from now on. */
  track(object: unknown, params?: unknown): PassedObject | undefined
  find(object: unknown): PassedObject | undefined
  /** Patches the methods of a prototype, without recording it as an object of the page's. */
  watchMethods(object: unknown): void
}

/**
 * Watches what a page does with a vendor's objects.
 *
 * @param methods the methods whose calls are recorded
 * @param onCall called before each of these calls; updates the object's state
 * @param reads answers in the place of methods that return an answer; undefined leaves the answer to the vendor
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
      const passed = findObject(self)
      return (passed && reads[name]?.(passed)) ?? p.apply(call, self, args)
    }
  }
  return { objects, track, find: findObject, watchMethods }

  function track(object: unknown, params?: unknown): PassedObject | undefined {
    if (typeof object !== 'object' || object === null) return undefined
    const known = findObject(object)
    if (known) known.params ??= params
    else watchMethods(object)
    return known ?? pushBounded(objects, { vendorObject: object, params, lastArguments: bare(), lastEvent: '' })
  }

  function findObject(object: unknown): PassedObject | undefined {
    return find(objects, (passed) => passed.vendorObject === object)
  }

  function watchMethods(object: unknown): void {
    if (typeof object === 'object' && object !== null) patchInheritedMethods(observer, patches, object, handlers)
  }
}

/** A function that first calls the listener, and then the original if there is one. */
export function withListener(observer: Observer, original: unknown, listener: (value: unknown) => void): () => unknown {
  return function (this: unknown) {
    // biome-ignore lint/complexity/noArguments: a rest parameter would go through the page's own iterators
    const args = arguments
    if (!observer.over) listener(args[0])
    observer.onChange?.()
    return typeof original === 'function' ? observer.p.apply(original as () => unknown, this, args) : undefined
  }
}
