import type { Observer, Watcher } from './observe.js'
import { type List, list, note, remove } from './primordials.js'
import { type Handler, type Stand, standAside, standBefore } from './stand.js'

/** A call of `turnstile.render`, `execute`, `reset` or `remove` that we saw. */
export interface Call {
  readonly name: 'render' | 'execute' | 'reset' | 'remove'
  /** A widget's id, a selector, an element, or undefined for the widget that was rendered last. */
  readonly target: unknown
  readonly params: unknown
  /** What `render` gave: the widget's id. */
  readonly id: unknown
}

/** A token that was put into the page. */
export interface Given {
  readonly token: string
  readonly until: number
  /** Whether its widget is the one that was rendered last. */
  last: boolean
  /** Whether a target means its widget. */
  means(target: unknown): boolean
}

/** What the page's code told Turnstile's script, and what we hold for it. */
export interface TurnstileLog extends Watcher {
  /** Oldest first. */
  readonly calls: List<Call>
  readonly given: List<Given>
}

/** Watches Turnstile's API, which is there with all of its functions once its script has run. */
export function watchTurnstile(observer: Observer): TurnstileLog {
  const { p } = observer
  const stands = list<Stand>()
  const calls = list<Call>()
  const given = list<Given>()

  const noted =
    (name: Call['name']): Handler =>
    (call, self, args) => {
      const target = args[0]
      const ours = name === 'reset' || name === 'remove' ? current(target) : undefined
      if (ours) remove(given, ours)
      const result = p.apply(call, self, args)
      if (name === 'render') {
        for (let index = 0; index < given.size; index++) (given[index] as Given).last = false
      } else forgetEarlier(name, target)
      note(calls, { name, target, params: args[1], id: result })
      return result
    }

  const handlers = {
    render: noted('render'),
    execute: noted('execute'),
    reset: noted('reset'),
    remove: noted('remove'),
    getResponse: ((call, self, args) => current(args[0])?.token ?? p.apply(call, self, args)) as Handler,
    isExpired: ((call, self, args) => (current(args[0]) ? false : p.apply(call, self, args))) as Handler,
  }

  return {
    calls,
    given,
    check() {
      const api: unknown = p.describe(window, 'turnstile')?.value
      if (typeof api === 'object' && api !== null) standBefore(observer, stands, api, handlers)
    },
    undo: () => standAside(p, stands),
  }

  function current(target: unknown): Given | undefined {
    for (let index = given.size - 1; index >= 0; index--) {
      const one = given[index] as Given
      if (one.until > p.now() && (target === undefined ? one.last : one.means(target))) return one
    }
    return undefined
  }

  /** A page that executes and resets all day shall not make us forget what it rendered. */
  function forgetEarlier(name: Call['name'], target: unknown): void {
    for (let index = 0; index < calls.size; index++) {
      const call = calls[index] as Call
      if (call.name !== name || call.target !== target) continue
      remove(calls, call)
      return
    }
  }
}
