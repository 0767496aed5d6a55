/**
 * Built-ins as they were before the page's own code ran. Pages change built-ins (polyfills, old libraries, malice);
 * what is read and reported here must not pass through what they changed.
 */
export function capture() {
  return {
    apply: Reflect.apply,
    construct: Reflect.construct,
    Proxy,
    has: Reflect.has,
    attribute: Element.prototype.getAttribute,
    keys: Object.keys,
    describe: Object.getOwnPropertyDescriptor,
    // Reflect's own: on an object that a page has frozen they return false, where Object's throw.
    define: Reflect.defineProperty,
    remove: Reflect.deleteProperty,
    create: Object.create as (prototype: object) => object,
    prototypeOf: Object.getPrototypeOf as (object: object) => object | null,
    setPrototype: Reflect.setPrototypeOf,
    plain: Object.prototype,
    stringify: JSON.stringify,
    Promise,
    now: Date.now,
    setTimeout,
    clearTimeout,
    slice: ''.slice,
    trim: ''.trim,
    indexOf: ''.indexOf,
    listen: EventTarget.prototype.addEventListener,
    unlisten: EventTarget.prototype.removeEventListener,
    microtask: queueMicrotask,
    MutationObserver,
    observe: MutationObserver.prototype.observe,
    disconnect: MutationObserver.prototype.disconnect,
  }
}

export type Primordials = ReturnType<typeof capture>

/** An object without a prototype, so that it has nothing of what a page adds to `Object.prototype`. */
export function bare<T>(): Record<string, T | undefined> {
  const empty: object = { __proto__: null }
  return empty as Record<string, T | undefined>
}

/** A list that calls no method of `Array.prototype`, and no setter that a page may have added to it. */
export interface List<T> {
  [index: number]: T
  size: number
}

export function list<T>(): List<T> {
  const empty: object = { __proto__: null, size: 0 }
  return empty as List<T>
}

export function push<T>(to: List<T>, item: T): T {
  to[to.size++] = item
  return item
}

/** So that the records of a page that renders or executes without end do not fill its memory. */
const MAX_NOTES = 200

/** Adds an item, and removes the oldest when there are too many. */
export function pushBounded<T>(items: List<T>, item: T): T {
  if (items.size >= MAX_NOTES) remove(items, items[0] as T)
  return push(items, item)
}

/** Removes one item, if there is one, and keeps the order of the others. */
export function remove<T>(from: List<T>, item: T | undefined): void {
  keep(from, (other) => other !== item)
}

/** Removes the items that do not pass a test, and keeps the order of the others. */
export function keep<T>(from: List<T>, test: (item: T) => boolean): void {
  let kept = 0
  for (let index = 0; index < from.size; index++) if (test(from[index] as T)) from[kept++] = from[index] as T
  while (from.size > kept) delete from[--from.size]
}

export function includes<T>(items: List<T>, item: T): boolean {
  return find(items, (other) => other === item) !== undefined
}

/** The first item that passes a test. */
export function find<T>(items: List<T>, test: (item: T) => boolean): T | undefined {
  for (let index = 0; index < items.size; index++) if (test(items[index] as T)) return items[index]
  return undefined
}
