import type { Observer, Watcher } from './observe.js'
import { type List, list, note, push, remove } from './primordials.js'
import { type Handler, type Stand, standAside, standBefore, standBeforeMethods } from './stand.js'
import { own } from './walk.js'

/** A GeeTest of the page's, as its code has it in hand. */
export interface Instance {
  readonly object: object
  readonly v4: boolean
  /** What it was made with; undefined where it was made before we were there. */
  params: unknown
  /** What `appendTo` and `bindForm` were given last. */
  place?: unknown
  form?: unknown
  /** What `onSuccess` was given. */
  readonly callbacks: List<unknown>
  /** Whether the page has opened it, and nothing tells us that it has ended. */
  opened: boolean
  /** The solution that was put in. */
  given?: Given | undefined
}

/** A solution in the page, for `getValidate`. */
export interface Given {
  /** A copy for the page, under the vendor's names. */
  values(): object
  readonly until: number
  /** Takes it out of the page's fields. */
  clear(): void
}

/** What the page's code told GeeTest's script. */
export interface GeetestLog extends Watcher {
  /** Oldest first. */
  readonly instances: List<Instance>
}

const MOST_CALLBACKS = 50

/**
 * Watches GeeTest's API, v3 and v4. The loader gives the page an object once its main part has come; a page may also have the loader in a
 * bundle of its own, so the main part's constructor is watched as well.
 */
export function watchGeetest(observer: Observer): GeetestLog {
  const { p } = observer
  const stands = list<Stand>()
  const instances = list<Instance>()
  const third = methods(false)
  const fourth = methods(true)
  const globals = {
    initGeetest: initiator(false),
    initGeetest4: initiator(true),
    Geetest: { made: (object: object, args: ArrayLike<unknown>) => adopt(object, args[0], false) },
    Geetest4: { made: (object: object, args: ArrayLike<unknown>) => adopt(object, args[0], true) },
  }

  return {
    instances,
    check() {
      standBefore(observer, stands, window, globals)
      // Objects that were made before we were there show themselves as soon as the page uses them.
      for (let v4 = 0; v4 < 2; v4++) {
        const made = own(p, own(p, window, v4 ? 'Geetest4' : 'Geetest'), 'prototype')
        if (typeof made === 'object' && made !== null) standBeforeMethods(observer, stands, made, v4 ? fourth : third)
      }
    },
    undo: () => standAside(p, stands),
  }

  function initiator(v4: boolean): Handler {
    return (init, self, args) => {
      const [params, ready] = [args[0], args[1]]
      if (typeof ready !== 'function') return p.apply(init, self, args)
      const told = function (this: unknown, object: unknown): unknown {
        if (!observer.over && typeof object === 'object' && object !== null) adopt(object, params, v4)
        // biome-ignore lint/complexity/noArguments: a rest parameter would go through the page's own iterators
        return p.apply(ready as (...args: never[]) => unknown, this, arguments)
      }
      ;(args as Record<number, unknown>)[1] = told
      return p.apply(init, self, args)
    }
  }

  function adopt(object: object, params: unknown, v4: boolean): Instance {
    const known = find(object)
    if (known) {
      known.params ??= params
      return known
    }
    const instance: Instance = { object, v4, params, callbacks: list(), opened: false }
    note(instances, instance)
    try {
      // One that its user closes is no longer open.
      p.apply((object as { onClose: (...args: never[]) => unknown }).onClose, object, [() => (instance.opened = false)])
    } catch {
      // It has no such thing.
    }
    standBeforeMethods(observer, stands, object, v4 ? fourth : third)
    return instance
  }

  function find(object: unknown): Instance | undefined {
    for (let index = 0; index < instances.size; index++) {
      if (instances[index]?.object === object) return instances[index]
    }
    return undefined
  }

  function methods(v4: boolean): Readonly<Record<string, Handler>> {
    const noting = (see: (instance: Instance, value: unknown) => void): Handler => {
      return (call, self, args) => {
        const instance =
          find(self) ?? (typeof self === 'object' && self !== null ? adopt(self, undefined, v4) : undefined)
        if (instance) see(instance, args[0])
        return p.apply(call, self, args)
      }
    }
    const open = noting((instance) => {
      instance.opened = true
    })
    const end = (instance: Instance) => {
      const { given } = instance
      instance.opened = false
      instance.given = undefined
      given?.clear()
    }
    return {
      appendTo: noting((instance, place) => {
        instance.place = place
      }),
      bindForm: noting((instance, form) => {
        instance.form = form
      }),
      onSuccess: noting(({ callbacks }, callback) => {
        if (callbacks.size < MOST_CALLBACKS) push(callbacks, callback)
      }),
      verify: open,
      showCaptcha: open,
      showBox: open,
      reset: noting(end),
      destroy: noting((instance) => {
        end(instance)
        remove(instances, instance)
      }),
      getValidate(call, self, args) {
        const given = find(self)?.given
        return given && given.until > p.now() ? given.values() : p.apply(call, self, args)
      },
    }
  }
}
