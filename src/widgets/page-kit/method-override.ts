import type { PageContext } from './family.js'
import { type Handler, wrap } from './patch.js'
import { type List, list, push, remove } from './primordials.js'
import { own, read } from './safe-read.js'

/** What `undo` has to take away again. */
const overrides: List<() => void> = list()

/**
 * Stands before one method of an object that the page's scripts made, wherever the object has it from. For vendors whose
 * objects are there for the whole life of the page, so that nothing has to be seen being called before a solution comes.
 *
 * @returns takes it away again
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
    // Somebody may stand before us by now: our function stays where it is, and hands on what it is asked.
    if (own(p, object, name) !== wrapped) return
    if (before) p.define(object, name, before)
    else p.remove(object, name)
  }
  return push(overrides, removeOverride)
}

/** Nothing of ours stands before anything any more. */
export function removeOverrides(): void {
  while (overrides.size > 0) overrides[overrides.size - 1]?.()
}
