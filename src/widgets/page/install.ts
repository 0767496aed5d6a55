import { bare, capture } from '../page-kit/primordials.js'
import type { WindowKey } from '../page-kit/protocol.js'
import type { Observer, Watch } from '../page-kit/watcher.js'
import { watches } from './watches.js'

/** One property of the window, not enumerable, under a symbol that no page uses by chance. */
const KEY = Symbol.for('solveguard' satisfies WindowKey)

declare global {
  interface Window {
    [KEY]?: Observer
  }
}

/** Installs the observer in this window, if it is not there yet. */
export function installObserver(holdMs?: number): Observer {
  const known = window[KEY]
  if (known) {
    known.begin(holdMs)
    return known
  }
  const observer = create()
  observer.begin(holdMs)
  observer.p.define(window, KEY, { value: observer, configurable: true, enumerable: false, writable: false })
  return observer
}

function create(): Observer {
  const p = capture()
  const logs: Observer['logs'] = bare()
  const observer: Observer = {
    p,
    logs,
    holdMs: 0,
    over: false,
    origin: window.origin,
    document,
    begin(holdMs) {
      if (holdMs !== undefined) observer.holdMs = holdMs
      if (observer.document !== document) {
        observer.document = document
        observer.origin = window.origin
        delete observer.main
      }
      // A script's load event is dispatched right after it ran, before any other script runs: this is the one moment to
      // patch.
      p.apply(p.listen, document, ['load', loaded, true])
      check()
    },
    watchAll: () => check(undefined, true),
    undo() {
      observer.over = true
      p.apply(p.unlisten, document, ['load', loaded, true])
      delete (window as Partial<Window>)[KEY]
      for (const name in logs) logs[name]?.undo()
      observer.main?.undo()
    },
  }
  return observer

  /** @param all whether families that the window shows nothing of are watched as well */
  function check(script?: Element, all = false): void {
    for (let index = 0; index < watches.length; index++) {
      const { name, isThere, watch } = watches[index] as Watch
      try {
        const known = logs[name]
        if (known) known.check(script)
        else if (all || isThere(p, script)) {
          const log = watch(observer)
          logs[name] = log
          log.check()
        }
      } catch {
        // A page's object that throws when it is read: this family is not watched.
      }
    }
  }

  function loaded(event: Event): void {
    const script = event.target as Element | null
    if (script?.localName === 'script') check(script)
    observer.onChange?.()
  }
}
