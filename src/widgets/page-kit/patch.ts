import { bare, find, type List, type Primordials, push } from './primordials.js'
import { own } from './safe-read.js'
import type { Observer } from './watcher.js'

/** The attributes of a property that was created by assignment. */
export const ASSIGNED: PropertyDescriptor = { enumerable: true, writable: true, configurable: true }

type AnyFunction = (...args: never[]) => unknown

/** Longer than the prototype chain of any vendor's object. */
const MAX_PROTOTYPES = 5
/** More objects than any honest page has. */
const MAX_PATCHES = 500

/** Answers a call in the place of the vendor's function, until the observer is over. */
export type Handler = (original: AnyFunction, self: unknown, args: ArrayLike<unknown>) => unknown

/** Receives each object that a vendor's constructor makes. */
export interface ConstructorHook {
  onConstructed(object: object, args: ArrayLike<unknown>): void
}

type Handlers = Readonly<Record<string, Handler | ConstructorHook>>

/** A vendor's object, and those of its functions that are replaced by ours. */
export interface Patch {
  readonly observer: Observer
  readonly vendorObject: object
  readonly handlers: Handlers
  /** Our functions, and the vendor's that they replace. */
  readonly replaced: Record<string, { readonly original: AnyFunction; readonly wrapped: AnyFunction } | undefined>
  /** A temporary prototype of the object, which catches functions that are assigned later. */
  trap: object | undefined
}

/**
 * Replaces functions of a vendor's object: those that are there at once, and the others as soon as the vendor's script
 * assigns them. Functions assigned later are caught by setters on a temporary prototype, removed once all are patched,
 * so that `Object.keys(api)` is unchanged: pages test which properties the object has.
 *
 * Called again, it patches what the page or the vendor has replaced meanwhile. An object that cannot be changed is left
 * as it is.
 */
export function patchMethods(observer: Observer, patches: List<Patch>, object: object, handlers: Handlers): void {
  const { p } = observer
  const patch =
    find(patches, (one) => one.vendorObject === object) ??
    push(patches, { observer, vendorObject: object, handlers, replaced: bare(), trap: undefined })
  if (replaceAll(p, patch) || patch.trap) return
  const prototype = p.prototypeOf(object)
  if (prototype !== p.plain) return
  patch.trap = assignmentTrap(p, patch, prototype)
  p.setPrototype(object, patch.trap)
}

/** The same for an object that is a property of the window, if it is there. */
export function patchGlobal(observer: Observer, patches: List<Patch>, name: string, handlers: Handlers): void {
  const api: unknown = own(observer.p, window, name)
  if (typeof api === 'object' && api !== null) patchMethods(observer, patches, api, handlers)
}

/** Replaces the methods of an object where they are: its own, or those on its prototypes. Never adds a method. */
export function patchInheritedMethods(
  observer: Observer,
  patches: List<Patch>,
  object: object,
  handlers: Readonly<Record<string, Handler>>,
): void {
  const { p } = observer
  const names = p.keys(handlers)
  let holder: object | null = object
  for (let depth = 0; holder && holder !== p.plain && depth < MAX_PROTOTYPES && patches.size < MAX_PATCHES; depth++) {
    const present = bare<Handler>() as Record<string, Handler>
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string
      if (typeof own(p, holder, name) === 'function') present[name] = handlers[name] as Handler
    }
    if (p.keys(present).length > 0) patchMethods(observer, patches, holder, present)
    holder = p.prototypeOf(holder)
  }
}

/** Restores every original, where our function has not been replaced since. */
export function restore(p: Primordials, patches: List<Patch>): void {
  for (let index = 0; index < patches.size; index++) {
    const patch = patches[index] as Patch
    for (const name in patch.replaced) {
      const replaced = patch.replaced[name]
      const now = p.describe(patch.vendorObject, name)
      if (!replaced || now?.value !== replaced.wrapped || !now.writable) continue
      p.define(patch.vendorObject, name, { ...now, value: replaced.original })
    }
    removeTrap(p, patch)
  }
  patches.size = 0
}

/** Replaces the functions that are there. @returns whether all of them are */
function replaceAll(p: Primordials, patch: Patch): boolean {
  let all = true
  const names = p.keys(patch.handlers)
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    const now = p.describe(patch.vendorObject, name)
    if (!now) all = false
    else if (now.writable) replace(p, patch, name, now.value, now)
  }
  if (all) removeTrap(p, patch)
  return all
}

function replace(p: Primordials, patch: Patch, name: string, value: unknown, now: PropertyDescriptor = ASSIGNED): void {
  if (typeof value !== 'function' || patch.replaced[name]?.wrapped === value) {
    if (!p.describe(patch.vendorObject, name)) p.define(patch.vendorObject, name, { ...now, value })
    return
  }
  const original = value as AnyFunction
  const handler = patch.handlers[name] as Handler | ConstructorHook
  const wrapped =
    typeof handler === 'function'
      ? wrap(patch.observer, original, handler)
      : hookConstructor(patch.observer, original, handler)
  // A function declared by a script is not configurable: its value can change, its other attributes cannot.
  if (p.define(patch.vendorObject, name, { ...now, value: wrapped })) patch.replaced[name] = { original, wrapped }
}

/** A prototype whose setters define what is assigned on the object itself, and whose getters return nothing. */
function assignmentTrap(p: Primordials, patch: Patch, prototype: object): object {
  const trap = p.create(prototype)
  const names = p.keys(patch.handlers)
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    p.define(trap, name, {
      get: () => undefined,
      set(value: unknown) {
        replace(p, patch, name, value)
        replaceAll(p, patch)
      },
      configurable: true,
    })
  }
  return trap
}

function removeTrap(p: Primordials, patch: Patch): void {
  const { vendorObject: object, trap } = patch
  patch.trap = undefined
  if (trap && p.prototypeOf(object) === trap) p.setPrototype(object, p.plain)
}

/** A function with the name and the length of the original, which answers through `handle`. */
export function wrap(observer: Observer, original: AnyFunction, handle: Handler): AnyFunction {
  const { p } = observer
  const wrapped = function (this: unknown): unknown {
    // biome-ignore lint/complexity/noArguments: a rest parameter would change the function's length
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

/** A constructor that reports each object it makes, and is the original in everything else. */
function hookConstructor(observer: Observer, original: AnyFunction, hook: ConstructorHook): AnyFunction {
  const { p } = observer
  return new p.Proxy(original, {
    construct(target, args, as) {
      const object: object = p.construct(target, args, as)
      if (!observer.over) {
        hook.onConstructed(object, args)
        observer.onChange?.()
      }
      return object
    },
  })
}
