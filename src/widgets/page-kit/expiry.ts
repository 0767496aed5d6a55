import type { PageContext } from './family.js'
import { type List, list, push, remove } from './primordials.js'

/** What `undo` cancels. */
const timers = list<unknown>()

/**
 * Clears a token from its fields when it expires, as the vendors' scripts do. A field that holds another value by then
 * stays as it is.
 *
 * @param onExpired called if a field still held the token, or if there are no fields
 */
export function expireLater(
  { p, dom }: PageContext,
  fields: List<Element>,
  token: string,
  lifetimeMs: number,
  onExpired: () => void,
): void {
  runLater({ p }, lifetimeMs, () => {
    let ours = fields.size === 0
    for (let index = 0; index < fields.size; index++) {
      const field = fields[index] as Element
      if (dom.value(field) !== token) continue
      dom.setValue(field, '')
      ours = true
    }
    if (ours) onExpired()
  })
}

/** Runs something later, unless `cancelTimers` is called before. */
export function runLater({ p }: Pick<PageContext, 'p'>, ms: number, run: () => void): void {
  const timer: unknown = p.apply(p.setTimeout, window, [
    () => {
      remove(timers, timer)
      run()
    },
    ms,
  ])
  push(timers, timer)
}

/** From now on no token is cleared. */
export function cancelTimers({ p }: Pick<PageContext, 'p'>): void {
  for (; timers.size > 0; timers.size--) p.apply(p.clearTimeout, window, [timers[timers.size - 1]])
}
