import { type Handler, type Patch, patchGlobal, restore } from './patch.js'
import { bare, find, type List, list, type Primordials, pushBounded, remove } from './primordials.js'
import type { Observer, Watcher } from './watcher.js'

/** A recorded call of the vendor's API. */
export interface ApiCall {
  readonly name: string
  /** The widget: its id, or anything else that the vendor accepts; undefined for the default widget. */
  readonly target: unknown
  readonly params: unknown
  /** What the call returned: from `render`, the widget's id. */
  readonly result: unknown
}

/** A promise that the page has received and waits for. */
export interface PendingPromise {
  readonly target: unknown
  /** Resolves it in the place of the vendor. */
  answer(value: unknown): void
}

/** A token that was injected. */
export interface InjectedToken {
  readonly token: string
  /** A second value of some vendors; hCaptcha's `getRespKey`. */
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Whether a call without a target is about its widget. */
  isDefault: boolean
  /** Whether a target is its widget. */
  matchesTarget(target: unknown): boolean
}

/** What the page's code called, and what was injected for it. */
export interface ApiLog extends Watcher {
  /** Oldest first. */
  readonly calls: List<ApiCall>
  readonly pending: List<PendingPromise>
  readonly injected: List<InjectedToken>
}

/** One vendor's API. */
interface ApiDescription {
  /** The property of the window. */
  readonly name: string
  /**
   * The functions whose calls are recorded. `reset`, `remove` and `destroy` drop an injected token; a promise that
   * another one than `render` returns can be answered.
   */
  readonly recorded: readonly string[]
  /** The functions that return an answer, and what they return of an injected one. */
  readonly reads: Readonly<Record<string, (injected: InjectedToken) => unknown>>
  /** Whether a call without a target is about the widget that was rendered last. */
  readonly defaultsToLast: boolean
  /** The function that does nothing without a target. */
  readonly needsTarget?: string
  /** Adds what answers functions that this vendor alone has. */
  readonly addHandlers?: (handlers: Record<string, Handler>, calls: List<ApiCall>, p: Primordials) => void
}

/** Watches an API whose functions are all there once the vendor's script has run. */
export function watchApi(
  observer: Observer,
  { name: global, recorded, reads, defaultsToLast, needsTarget, addHandlers }: ApiDescription,
): ApiLog {
  const { p } = observer
  const patches = list<Patch>()
  const calls = list<ApiCall>()
  const pending = list<PendingPromise>()
  const injected = list<InjectedToken>()
  const handlers = bare<Handler>() as Record<string, Handler>
  addHandlers?.(handlers, calls, p)
  for (let index = 0; index < recorded.length; index++) {
    const name = recorded[index] as string
    handlers[name] = (call, self, args) => {
      const target = args[0]
      const drops = name === 'reset' || name === 'remove' || name === 'destroy'
      if (drops && !(name === needsTarget && target === undefined)) remove(injected, current(target))
      const result = p.apply(call, self, args)
      if (name === 'render') {
        for (let at = 0; at < injected.size && defaultsToLast; at++) (injected[at] as InjectedToken).isDefault = false
      } else dropEarlier(name, target)
      pushBounded(calls, { name, target, params: args[1], result })
      return name !== 'render' && thenable(result) ? race(name, target, result) : result
    }
  }
  const names = p.keys(reads)
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    handlers[name] = (call, self, args) => {
      const token = current(args[0])
      return token ? reads[name]?.(token) : p.apply(call, self, args)
    }
  }

  return {
    calls,
    pending,
    injected,
    check: () => patchGlobal(observer, patches, global, handlers),
    undo: () => restore(p, patches),
  }

  function current(target: unknown): InjectedToken | undefined {
    for (let index = injected.size - 1; index >= 0; index--) {
      const one = injected[index] as InjectedToken
      if (one.expiresAt > p.now() && (target === undefined ? one.isDefault : one.matchesTarget(target))) return one
    }
    return undefined
  }

  /** Bounded, so that a page which executes and resets all day does not push its `render` calls out of the log. */
  function dropEarlier(name: string, target: unknown): void {
    remove(
      calls,
      find(calls, (call) => call.name === name && call.target === target),
    )
  }

  /** A promise that resolves with the vendor's answer or with ours, whichever is first. */
  function race(name: string, target: unknown, vendorPromise: PromiseLike<unknown>): unknown {
    return new p.Promise((resolve, reject) => {
      const end = (): void => {
        remove(pending, entry)
        dropEarlier(name, target)
      }
      const entry: PendingPromise = pushBounded(pending, {
        target,
        answer(value) {
          end()
          resolve(value)
        },
      })
      const resolved = (value: unknown) => {
        end()
        resolve(value)
      }
      const rejected = (error: unknown) => {
        end()
        reject(error)
      }
      p.apply(vendorPromise.then as (...args: never[]) => unknown, vendorPromise, [resolved, rejected])
    })
  }
}

/** Whether a call returned a promise. */
export function thenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
  } catch {
    return false
  }
}
