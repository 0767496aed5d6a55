/** What `frozenCopy` returned: these objects need not be copied again. */
const copies = new WeakSet<object>()

/**
 * A copy of a value of plain objects and lists in which no object can be changed. It shares nothing with `value` that
 * can be changed. A result of this function is returned as it is.
 */
export function frozenCopy<T>(value: T): T {
  if (typeof value !== 'object' || value === null || copies.has(value)) return value
  const copy = Array.isArray(value)
    ? value.map(frozenCopy)
    : Object.fromEntries(Object.entries(value).map(([key, part]) => [key, frozenCopy(part)]))
  copies.add(Object.freeze(copy))
  return copy as T
}

/**
 * Freezes a class, its prototype and its methods. Each instance leads to its class, and all instances share it: without
 * this, who holds one instance could replace a method of all others.
 */
export function freezeClass(type: { readonly prototype: object }): void {
  for (const owner of [type, type.prototype]) {
    for (const key of Reflect.ownKeys(owner)) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(owner, key) ?? {}
      for (const part of [value, get, set]) if (typeof part === 'function' && part !== type) Object.freeze(part)
    }
    Object.freeze(owner)
  }
}
