import type { Primordials } from './primordials.js'
import { slice, trimmed } from './text.js'

/**
 * Calls the page's callback as a vendor's script would: a function, or the name of one in the window, dotted names too.
 * What it throws is thrown again in a task of its own, so that only the page's error handlers receive it.
 *
 * @returns whether there was a function to call
 */
export function invokeCallback(p: Primordials, callback: unknown, args: readonly unknown[]): boolean {
  let self: unknown
  let target = callback
  try {
    const path = trimmed(p, callback)
    if (path !== undefined) {
      self = window
      target = window
      let from = 0
      for (let at = 0; at <= path.length; at++) {
        if (at < path.length && path[at] !== '.') continue
        self = target
        target = (target as Record<string, unknown> | undefined)?.[slice(p, path, from, at)]
        from = at + 1
      }
    }
    if (typeof target !== 'function') return false
    p.apply(target as (...args: unknown[]) => unknown, self, args)
  } catch (error) {
    p.apply(p.setTimeout, window, [
      () => {
        throw error
      },
    ])
  }
  return true
}
