import type { PageContext } from './family.js'
import { type Handler, wrap } from './patch.js'
import { type List, list, push, remove } from './primordials.js'
import { own, read } from './safe-read.js'

/** What `undo` removes. */
const overrides: List<() => void> = list()

/**
 * Overrides one method on an object that the page's scripts made, wherever the method is inherited from. For vendors
 * whose objects exist for the whole life of the page: no call has to be recorded before a solution is injected.
 *
 * @returns removes the override
 */
export function overrideMethod(
  { p, observer }: PageContext,
  object: unknown,
  name: string,
  handle: Handler,
): () => void {
  const original = read(p, object, name)
  if (typeof object !== 'object' || object === null || typeof original !== 'function') return () => {}
  const before = p.describe(object, name)
  let removed = false
  const wrapped = wrap(observer, original as (...args: never[]) => unknown, (call, self, args) =>
    removed ? p.apply(call, self, args) : handle(call, self, args),
  )
  const descriptor = { value: wrapped, enumerable: before?.enumerable ?? false, writable: true, configurable: true }
  if (!p.define(object, name, descriptor)) return () => {}
  const removeOverride = () => {
    removed = true
    remove(overrides, removeOverride)
    // Another script may have wrapped our function meanwhile: it stays where it is, and passes every call on.
    if (own(p, object, name) !== wrapped) return
    if (before) p.define(object, name, before)
    else p.remove(object, name)
  }
  return push(overrides, removeOverride)
}

/** Removes every override. */
export function removeOverrides(): void {
  while (overrides.size > 0) overrides[overrides.size - 1]?.()
}
