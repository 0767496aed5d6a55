import { bare, capture, list, pushBounded } from '../page-kit/primordials.js'
import type { WindowKey } from '../page-kit/protocol.js'
import type { Observer, Watch, Watcher } from '../page-kit/watcher.js'
import { watches } from './watches.js'

/** One property of the window, not enumerable, under a symbol that no page uses by chance. */
export const KEY = Symbol.for('solveguard' satisfies WindowKey)

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
  observer.p.define(window, KEY, { value: observer, configurable: true })
  return observer
}

function create(): Observer {
  const p = capture()
  // `document.open` removes all listeners of a document and its window, but no observer of mutations: it runs before
  // any script is loaded into the emptied document.
  const emptied = new p.MutationObserver(() => observer.begin())
  const logs = bare<Watcher>()
  const observer: Observer = {
    p,
    logs,
    holdMs: 0,
    over: false,
    origin,
    document,
    scriptEvents: list(),
    begin(holdMs) {
      observer.holdMs = holdMs ?? observer.holdMs
      if (observer.document !== document) {
        observer.document = document
        observer.origin = origin
        observer.main?.undo()
        delete observer.main
      }
      // A script's load event is dispatched right after it ran, before any other script runs: this is the one moment to
      // patch.
      eachEvent(p.listen)
      p.apply(p.observe, emptied, [document, { childList: true }])
      check()
    },
    watchAll: () => check(undefined, true),
    undo() {
      observer.over = true
      eachEvent(p.unlisten)
      p.apply(p.disconnect, emptied, [])
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
          const log = watch(observer, script)
          logs[name] = log
          log.check()
        }
      } catch {
        // A page's object that throws when it is read: this family is not watched.
      }
    }
  }

  function look(): void {
    if (!observer.over && observer.document !== document) observer.begin()
  }

  function eachEvent(call: typeof p.listen): void {
    p.apply(call, document, ['load', onEvent, true])
    p.apply(call, document, ['error', onEvent, true])
    p.apply(call, window, ['pagehide', onEvent, true])
  }

  function onEvent({ type, target }: Event): void {
    const script = target as Element | null
    if (type === 'pagehide') {
      // A window may outlive its first, empty document, where another page of its origin has touched it: a pop-up, or a
      // frame. Then no init script runs again; timers do, and run before a script is loaded into the next document.
      p.apply(p.setTimeout, window, [look])
      p.apply(p.setTimeout, window, [look, 50])
    } else if (script?.localName === 'script') {
      pushBounded(observer.scriptEvents, { type, target: script })
      check(script)
    }
    observer.onChange?.()
  }
}
