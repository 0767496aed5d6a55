import { bare, type List, type Primordials, push } from './primordials.js'
import { own } from './safe-read.js'
import type { Observer } from './watcher.js'

type Call = (...args: never[]) => unknown

/** More classes than any vendor's object is made of, and more objects than any page has. */
const MOST_CLASSES = 5
const MOST_STANDS = 500

/** Answers a call in the place of the vendor's function, until the observer is over. */
export type Handler = (original: Call, self: unknown, args: ArrayLike<unknown>) => unknown

/** Is told of each object that a vendor's constructor made. */
export interface Maker {
  made(object: object, args: ArrayLike<unknown>): void
}

type Handlers = Readonly<Record<string, Handler | Maker>>

/** A vendor's object, and the functions of it that we stand before. */
export interface Stand {
  readonly observer: Observer
  readonly object: object
  readonly handlers: Handlers
  /** What we put in, and what was there. */
  readonly placed: Record<string, { readonly original: Call; readonly wrapped: Call } | undefined>
  /** Waits, as the object's prototype, for functions that are yet to be assigned. */
  waiting: object | undefined
}

/**
 * Stands before functions of a vendor's object: at once before those that are there, and before the others as soon as the
 * vendor's script assigns them. Until then setters wait on a prototype of ours, which goes again with the last of them: the
 * object itself never has a property that the vendor did not give it, for pages ask it what it has.
 *
 * Called again, it stands before what was replaced meanwhile. An object that cannot be changed is left alone.
 */
export function standBefore(observer: Observer, stands: List<Stand>, object: object, handlers: Handlers): void {
  const { p } = observer
  let stand: Stand | undefined
  for (let index = 0; index < stands.size; index++) if (stands[index]?.object === object) stand = stands[index]
  if (!stand) stand = push(stands, { observer, object, handlers, placed: bare(), waiting: undefined })
  if (place(p, stand) || stand.waiting) return
  const prototype = p.prototypeOf(object)
  if (prototype !== p.plain) return
  stand.waiting = waitingRoom(p, stand, prototype)
  p.setPrototype(object, stand.waiting)
}

/**
 * Stands before the methods of an object wherever they are: its own, or those of the classes behind it. An object that has
 * none of a name never gets one.
 */
export function standBeforeMethods(
  observer: Observer,
  stands: List<Stand>,
  object: object,
  handlers: Readonly<Record<string, Handler>>,
): void {
  const { p } = observer
  const names = p.keys(handlers)
  let holder: object | null = object
  for (let depth = 0; holder && holder !== p.plain && depth < MOST_CLASSES && stands.size < MOST_STANDS; depth++) {
    const there = bare<Handler>() as Record<string, Handler>
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string
      if (typeof own(p, holder, name) === 'function') there[name] = handlers[name] as Handler
    }
    if (p.keys(there).length > 0) standBefore(observer, stands, holder, there)
    holder = p.prototypeOf(holder)
  }
}

/** Puts every original back where our own function still stands. */
export function standAside(p: Primordials, stands: List<Stand>): void {
  for (let index = 0; index < stands.size; index++) {
    const stand = stands[index] as Stand
    for (const name in stand.placed) {
      const placed = stand.placed[name]
      const now = p.describe(stand.object, name)
      if (!placed || now?.value !== placed.wrapped || !now.writable) continue
      p.define(stand.object, name, { ...now, value: placed.original })
    }
    stopWaiting(p, stand)
  }
  stands.size = 0
}

/** Puts our functions before those that are there. Says whether all of them are. */
function place(p: Primordials, stand: Stand): boolean {
  let all = true
  const names = p.keys(stand.handlers)
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    const now = p.describe(stand.object, name)
    if (!now) all = false
    else if (now.writable) put(p, stand, name, now.value, now)
  }
  if (all) stopWaiting(p, stand)
  return all
}

function put(p: Primordials, stand: Stand, name: string, value: unknown, now: PropertyDescriptor = ASSIGNED): void {
  if (typeof value !== 'function' || stand.placed[name]?.wrapped === value) {
    if (!p.describe(stand.object, name)) p.define(stand.object, name, { ...now, value })
    return
  }
  const original = value as Call
  const handler = stand.handlers[name] as Handler | Maker
  const wrapped =
    typeof handler === 'function'
      ? wrap(stand.observer, original, handler)
      : watchMaker(stand.observer, original, handler)
  // A function that a script declared can be replaced, but not described anew.
  if (p.define(stand.object, name, { ...now, value: wrapped })) stand.placed[name] = { original, wrapped }
}

/** How a property is that came by assignment. */
const ASSIGNED: PropertyDescriptor = { enumerable: true, writable: true, configurable: true }

/** A prototype whose setters hand on what is assigned, and which shows nothing. */
function waitingRoom(p: Primordials, stand: Stand, prototype: object): object {
  const room = p.create(prototype)
  const names = p.keys(stand.handlers)
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    p.define(room, name, {
      get: () => undefined,
      set(value: unknown) {
        put(p, stand, name, value)
        place(p, stand)
      },
      configurable: true,
    })
  }
  return room
}

function stopWaiting(p: Primordials, stand: Stand): void {
  const { object, waiting } = stand
  stand.waiting = undefined
  if (waiting && p.prototypeOf(object) === waiting) p.setPrototype(object, p.plain)
}

/** A function with the name and the length of the original, that answers through `handle`. */
export function wrap(observer: Observer, original: Call, handle: Handler): Call {
  const { p } = observer
  const wrapped = function (this: unknown): unknown {
    // biome-ignore lint/complexity/noArguments: a rest parameter would change what the function does with its length
    if (observer.over) return p.apply(original, this, arguments)
    // biome-ignore lint/complexity/noArguments: the same
    const result = handle(original, this, arguments)
    observer.onChange?.()
    return result
  }
  p.define(wrapped, 'name', { value: original.name, configurable: true })
  p.define(wrapped, 'length', { value: original.length, configurable: true })
  return wrapped
}

/** A constructor that tells of what it makes, and is the same in everything else. */
function watchMaker(observer: Observer, original: Call, maker: Maker): Call {
  const { p } = observer
  return new p.Proxy(original, {
    construct(target, args, as) {
      const object: object = p.construct(target, args, as)
      if (!observer.over) {
        maker.made(object, args)
        observer.onChange?.()
      }
      return object
    },
  })
}
