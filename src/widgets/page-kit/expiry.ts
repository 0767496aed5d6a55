import type { PageContext } from './family.js'
import { type List, list, push, remove } from './primordials.js'

/** What `undo` has to call off. */
const timers = list<unknown>()

/**
 * Takes a token away again when it is too old, as the vendors' scripts do, and tells the page of it. Where fields hold
 * something else by then, they are left as they are.
 *
 * @param onExpired called if the token still stood
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

/** Runs something later, unless all of that is called off before. */
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

/** No token will be taken away any more. */
export function cancelTimers({ p }: Pick<PageContext, 'p'>): void {
  for (; timers.size > 0; timers.size--) p.apply(p.clearTimeout, window, [timers[timers.size - 1]])
}
