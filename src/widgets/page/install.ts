import { bare, capture, type Primordials } from '../page-kit/primordials.js'
import type { PageApi, PageEntry, WindowKey } from '../page-kit/protocol.js'
import { signs, watchers } from './families.js'

/** What watches one family's API. */
export interface Watcher {
  /**
   * A script has just run: is the vendor's object there, and are we standing before it?
   * @param script the script; without it, any of them may have
   */
  check(script?: Element): void
  /** Puts everything back as it was. */
  undo(): void
}

/** What Node calls, and what `undo` of the observer calls. */
export interface Main extends PageApi {
  undo(): void
}

/** What we keep in a window, from before the page's own scripts until `undo`. */
export interface Observer extends PageEntry<Main> {
  readonly p: Primordials
  /** All of them are there once `watchAll` was called; until then those whose vendor has shown itself. */
  readonly watchers: { readonly [K in keyof typeof watchers]: ReturnType<(typeof watchers)[K]> }
  /** For how long calls that answer by themselves are held for us; 0: not at all. */
  holdMs: number
  /** True once undone. */
  over: boolean
  /** The document's origin, read before the page could say otherwise. */
  origin: string
  /** The document that all of this is about: a window may outlive its first, empty one. */
  document: Document
  /** Starts, or starts over for another document of the same window. */
  begin(holdMs?: number): void
  watchAll(): void
  /** Told of whatever may have changed what is to be found; there while somebody waits for that. */
  onChange?: () => void
}

/** One property on the window, that no enumeration shows, under a symbol that no page meets by chance. */
const KEY = Symbol.for('solveguard' satisfies WindowKey)

declare global {
  interface Window {
    [KEY]?: Observer
  }
}

/** Puts the observer into this window, if it is not there yet. */
export function observe(holdMs?: number): Observer {
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
  const made = bare<Watcher>()
  const observer: Observer = {
    p,
    watchers: made as unknown as Observer['watchers'],
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
      // A script's load event comes right after it ran, before any other script: the one moment that is needed.
      p.apply(p.listen, document, ['load', loaded, true])
      check()
    },
    watchAll: () => check(undefined, true),
    undo() {
      observer.over = true
      p.apply(p.unlisten, document, ['load', loaded, true])
      delete (window as Partial<Window>)[KEY]
      for (const family in made) made[family]?.undo()
      observer.main?.undo()
    },
  }
  return observer

  /** @param all whether those of whom nothing is seen are wanted as well */
  function check(script?: Element, all = false): void {
    for (const family in watchers) {
      const name = family as keyof typeof watchers
      try {
        const known = made[name]
        if (known) known.check(script)
        else if (all || signs[name](p, script)) {
          made[name] = watchers[name](observer)
          made[name]?.check()
        }
      } catch {
        // A page's object that throws when it is looked at is not ours to mend.
      }
    }
  }

  function loaded(event: Event): void {
    const script = event.target as Element | null
    if (script?.localName === 'script') check(script)
    observer.onChange?.()
  }
}
