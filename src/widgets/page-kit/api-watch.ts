import { type Handler, type Stand, standAside, standBefore } from './patch.js'
import { bare, type List, list, note, remove } from './primordials.js'
import type { Observer, Watcher } from './watcher.js'

/** A call of the vendor's API that we saw. */
export interface Call {
  readonly name: string
  /** Which widget: a widget's id or whatever else the vendor takes; undefined for the one that is meant by default. */
  readonly target: unknown
  readonly params: unknown
  /** What it returned: of `render`, the widget's id. */
  readonly result: unknown
}

/** A promise that the page was given, and waits for. */
export interface Pending {
  readonly target: unknown
  /** Ends it in the vendor's stead. */
  answer(value: unknown): void
}

/** A token that was put into the page. */
export interface Given {
  readonly token: string
  /** What some vendors have beside the token. */
  readonly key: string
  readonly until: number
  /** Whether its widget is the one that a call without a target means. */
  default: boolean
  /** Whether a target means its widget. */
  means(target: unknown): boolean
}

/** What the page's code told the vendor's script, and what we hold for it. */
export interface ApiLog extends Watcher {
  /** Oldest first. */
  readonly calls: List<Call>
  readonly pending: List<Pending>
  readonly given: List<Given>
}

/** What one vendor's API is like. */
interface Api {
  /** Its name in the window. */
  readonly name: string
  /** The functions whose calls are noted; `reset` and `remove` end what was given, promises of `execute` may be answered. */
  readonly noted: readonly string[]
  /** The functions that tell of an answer, and what they tell of one of ours. */
  readonly reads: Readonly<Record<string, (given: Given) => unknown>>
  /** Whether a call without a target means the widget that was rendered last. */
  readonly meansLast: boolean
}

/** Watches an API that is there with all of its functions once the vendor's script has run. */
export function watchApi(observer: Observer, { name: global, noted, reads, meansLast }: Api): ApiLog {
  const { p } = observer
  const stands = list<Stand>()
  const calls = list<Call>()
  const pending = list<Pending>()
  const given = list<Given>()
  const handlers = bare<Handler>() as Record<string, Handler>
  for (let index = 0; index < noted.length; index++) {
    const name = noted[index] as string
    handlers[name] = (call, self, args) => {
      const target = args[0]
      const ours = name === 'reset' || name === 'remove' ? current(target) : undefined
      if (ours) remove(given, ours)
      const result = p.apply(call, self, args)
      if (name === 'render') {
        for (let at = 0; at < given.size && meansLast; at++) (given[at] as Given).default = false
      } else forgetEarlier(name, target)
      note(calls, { name, target, params: args[1], result })
      return name === 'execute' && thenable(result) ? race(target, result) : result
    }
  }
  const names = p.keys(reads)
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    handlers[name] = (call, self, args) => {
      const ours = current(args[0])
      return ours ? reads[name]?.(ours) : p.apply(call, self, args)
    }
  }

  return {
    calls,
    pending,
    given,
    check() {
      const api: unknown = p.describe(window, global)?.value
      if (typeof api === 'object' && api !== null) standBefore(observer, stands, api, handlers)
    },
    undo: () => standAside(p, stands),
  }

  function current(target: unknown): Given | undefined {
    for (let index = given.size - 1; index >= 0; index--) {
      const one = given[index] as Given
      if (one.until > p.now() && (target === undefined ? one.default : one.means(target))) return one
    }
    return undefined
  }

  /** A page that executes and resets all day shall not make us forget what it rendered. */
  function forgetEarlier(name: string, target: unknown): void {
    for (let index = 0; index < calls.size; index++) {
      const call = calls[index] as Call
      if (call.name !== name || call.target !== target) continue
      remove(calls, call)
      return
    }
  }

  /** A promise that ends with the vendor's answer or with ours, whichever comes first. */
  function race(target: unknown, theirs: PromiseLike<unknown>): unknown {
    return new p.Promise((resolve, reject) => {
      const end = (): void => {
        remove(pending, entry)
        forgetEarlier('execute', target)
      }
      const entry: Pending = note(pending, {
        target,
        answer(value) {
          end()
          resolve(value)
        },
      })
      const ended = (value: unknown) => {
        end()
        resolve(value)
      }
      const failed = (error: unknown) => {
        end()
        reject(error)
      }
      p.apply(theirs.then as (...args: never[]) => unknown, theirs, [ended, failed])
    })
  }
}

/** Whether a call gave a promise. */
export function thenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
  } catch {
    return false
  }
}
