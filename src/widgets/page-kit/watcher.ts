import type { List, Primordials } from './primordials.js'
import type { PageApi, PageEntry } from './protocol.js'

/** What watches one family's API, and what it recorded. */
export interface Watcher {
  /**
   * A script has just run: patches the vendor's object, if it is there and is not patched yet.
   *
   * @param script the script; without it, any may have run
   */
  check(script?: Element): void
  /** Restores everything. */
  undo(): void
}

/** One family's row in the table of watches. */
export interface Watch<Log extends Watcher = Watcher> {
  /** The family. */
  readonly name: string
  /**
   * Whether the window shows that the vendor's script has run in it, or is about to. Until then the API is not watched,
   * and a page without the widget pays nothing for it.
   */
  isThere(p: Primordials, script?: Element): boolean
  /** @param script the script that has just run; undefined if any may have run before this call */
  watch(observer: Observer, script?: Element): Log
}

/** What Node calls, and what `undo` of the observer calls. */
export interface Main extends PageApi {
  undo(): void
}

/** How the loading of a script ended: `load` or `error`. */
export interface ScriptEvent {
  readonly type: string
  readonly target: Element
}

/** What is kept in a window, from before the page's own scripts until `undo`. */
export interface Observer extends PageEntry<Main> {
  readonly p: Primordials
  /** By family, each once its vendor's script has shown itself; all of them after `watchAll`. */
  readonly logs: Record<string, Watcher | undefined>
  /** For how long calls that answer by themselves are held for a solution, ms; 0: not at all. */
  holdMs: number
  /** True once undone. */
  over: boolean
  /** The document's origin, read before the page could redefine it. */
  origin: string
  /** The document that is observed: a window may outlive its first, empty one. */
  document: Document
  /** Scripts that have run, and those that could not be loaded, of the elements of this window. */
  readonly scriptEvents: List<ScriptEvent>
  /** Starts, or starts again for another document of the same window. */
  begin(holdMs?: number): void
  watchAll(): void
  /** Called after everything that may change what is to be found; set while a wait for changes is under way. */
  onChange?: () => void
}

/**
 * What a family's watch has recorded. Only after `watchAll`. By name: the watch itself is in the init script, and is no
 * part of the family's own script.
 */
export function logOf<Log extends Watcher>({ logs }: Observer, name: string): Log {
  return logs[name] as Log
}

/**
 * Whether a window has one of these properties. A watch marks the call as pure: else the bundler would put the whole
 * watch, which is in the init script, into the family's own script as well.
 */
export function hasGlobal(...names: readonly string[]) {
  return (p: Primordials): boolean => {
    for (let index = 0; index < names.length; index++) if (p.has(window, names[index] as string)) return true
    return false
  }
}
