import { type Handler, type Patch, patchMethods, restore } from './patch.js'
import { bare, type List, list, pushBounded, remove } from './primordials.js'
import type { Observer, Watcher } from './watcher.js'

/** A call of the vendor's API that we saw. */
export interface ApiCall {
  readonly name: string
  /** Which widget: a widget's id or whatever else the vendor takes; undefined for the one that is meant by default. */
  readonly target: unknown
  readonly params: unknown
  /** What it returned: of `render`, the widget's id. */
  readonly result: unknown
}

/** A promise that the page was given, and waits for. */
export interface PendingPromise {
  readonly target: unknown
  /** Ends it in the vendor's stead. */
  answer(value: unknown): void
}

/** A token that was put into the page. */
export interface InjectedToken {
  readonly token: string
  /** What some vendors have beside the token. */
  readonly key: string
  readonly expiresAt: number
  /** Whether its widget is the one that a call without a target means. */
  isDefault: boolean
  /** Whether a target means its widget. */
  matchesTarget(target: unknown): boolean
}

/** What the page's code told the vendor's script, and what we hold for it. */
export interface ApiLog extends Watcher {
  /** Oldest first. */
  readonly calls: List<ApiCall>
  readonly pending: List<PendingPromise>
  readonly injected: List<InjectedToken>
}

/** What one vendor's API is like. */
interface ApiDescription {
  /** Its name in the window. */
  readonly name: string
  /** The functions whose calls are noted; `reset` and `remove` end what was given, promises of `execute` may be answered. */
  readonly recorded: readonly string[]
  /** The functions that tell of an answer, and what they tell of one of ours. */
  readonly reads: Readonly<Record<string, (injected: InjectedToken) => unknown>>
  /** Whether a call without a target means the widget that was rendered last. */
  readonly defaultsToLast: boolean
}

/** Watches an API that is there with all of its functions once the vendor's script has run. */
export function watchApi(
  observer: Observer,
  { name: global, recorded, reads, defaultsToLast }: ApiDescription,
): ApiLog {
  const { p } = observer
  const patches = list<Patch>()
  const calls = list<ApiCall>()
  const pending = list<PendingPromise>()
  const injected = list<InjectedToken>()
  const handlers = bare<Handler>() as Record<string, Handler>
  for (let index = 0; index < recorded.length; index++) {
    const name = recorded[index] as string
    handlers[name] = (call, self, args) => {
      const target = args[0]
      const token = name === 'reset' || name === 'remove' ? current(target) : undefined
      if (token) remove(injected, token)
      const result = p.apply(call, self, args)
      if (name === 'render') {
        for (let at = 0; at < injected.size && defaultsToLast; at++) (injected[at] as InjectedToken).isDefault = false
      } else dropEarlier(name, target)
      pushBounded(calls, { name, target, params: args[1], result })
      return name === 'execute' && thenable(result) ? race(target, result) : result
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
    check() {
      const api: unknown = p.describe(window, global)?.value
      if (typeof api === 'object' && api !== null) patchMethods(observer, patches, api, handlers)
    },
    undo: () => restore(p, patches),
  }

  function current(target: unknown): InjectedToken | undefined {
    for (let index = injected.size - 1; index >= 0; index--) {
      const one = injected[index] as InjectedToken
      if (one.expiresAt > p.now() && (target === undefined ? one.isDefault : one.matchesTarget(target))) return one
    }
    return undefined
  }

  /** A page that executes and resets all day shall not make us forget what it rendered. */
  function dropEarlier(name: string, target: unknown): void {
    for (let index = 0; index < calls.size; index++) {
      const call = calls[index] as ApiCall
      if (call.name !== name || call.target !== target) continue
      remove(calls, call)
      return
    }
  }

  /** A promise that ends with the vendor's answer or with ours, whichever comes first. */
  function race(target: unknown, vendorPromise: PromiseLike<unknown>): unknown {
    return new p.Promise((resolve, reject) => {
      const end = (): void => {
        remove(pending, entry)
        dropEarlier('execute', target)
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

/** Whether a call gave a promise. */
export function thenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
  } catch {
    return false
  }
}
