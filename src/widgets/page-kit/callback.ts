import type { Primordials } from './primordials.js'
import type { NotifyResult } from './protocol.js'
import { slice, trimmed } from './text.js'

/**
 * Calls the page's callback as a vendor's script would: a function, or the name of one in the window, dotted names too.
 * What it throws is thrown again in a task of its own, so that only the page's error handlers receive it.
 */
export function invokeCallback(p: Primordials, callback: unknown, args: readonly unknown[]): NotifyResult {
  let self: unknown
  let target = callback
  if (callback === undefined || callback === null || callback === '') return 'no-callback'
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
  } catch {
    target = undefined
  }
  if (typeof target !== 'function') return 'callback-missing'
  try {
    p.apply(target as (...args: unknown[]) => unknown, self, args)
    return 'notified'
  } catch (error) {
    p.apply(p.setTimeout, window, [
      () => {
        throw error
      },
    ])
    return 'callback-threw'
  }
}

/** The result of two calls: of two callbacks one suffices, but none may have thrown. */
export function eitherNotified(one: NotifyResult, other: NotifyResult): NotifyResult {
  if (one === 'callback-threw' || other === 'no-callback') return one
  return other === 'callback-threw' || one !== 'notified' ? other : one
}

/** The result where no callback is known: none was given, or the call that gave it was not seen. */
export function unlessUnseen(result: NotifyResult, isSeen: boolean): NotifyResult {
  return result === 'no-callback' && !isSeen ? 'callback-out-of-reach' : result
}
