import { type PassedObject, type PassedObjects, watchObjects, withListener } from '../../../page-kit/object-watch.js'
import { type Handler, type Patch, patchMethods, restore } from '../../../page-kit/patch.js'
import { type List, list, push, remove } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { hasGlobal, type Observer, type Watch, type Watcher } from '../../../page-kit/watcher.js'

export const geetestWatch: Watch<GeetestLog> = {
  name: 'geetest',
  isThere: /* @__PURE__ */ hasGlobal('initGeetest', 'initGeetest4', 'Geetest', 'Geetest4'),
  watch: watchGeetest,
}

/** The object of a GeeTest widget, which the page's code has received. */
export interface Instance extends PassedObject {
  /** The callbacks that the page passed to `onSuccess`. */
  callbacks?: List<unknown>
  /** The solution that was injected. */
  injected?: InjectedSolution | undefined
  /** Whether it was seen in the page. */
  drawn?: boolean
}

/** An injected solution, for `getValidate`. */
export interface InjectedSolution {
  /** A copy for the page, under the vendor's names; undefined once it has expired. */
  values(): object | undefined
  /** Clears the page's fields. */
  clear(): void
}

/** What the page's code passed to GeeTest's script. */
export interface GeetestLog extends Watcher, PassedObjects {}

/** The event of a challenge that its user closed. */
const CLOSED = 'onClose'
const MAX_CALLBACKS = 50

/**
 * Watches GeeTest's API, v3 and v4. The loader passes an object to the page once its main part is loaded. A page may
 * also have bundled the loader into a script of its own, so the constructor of the main part is watched as well.
 *
 * @see https://docs.geetest.com/install/apirefer/api/web (v3)
 * @see https://docs.geetest.com/BehaviorVerification/apirefer/api/web (v4)
 */
function watchGeetest(observer: Observer): GeetestLog {
  const { p } = observer
  const patches = list<Patch>()
  const names = ['appendTo', 'bindForm', 'onSuccess', 'verify', 'showCaptcha', 'showBox', 'reset', 'destroy']
  const watch = watchObjects(observer, patches, names, onCall, {
    getValidate: ({ injected }: Instance) => injected?.values(),
  })
  const init: Handler = (call, self, args) => {
    const [params, ready] = [args[0], args[1]]
    if (typeof ready === 'function') {
      ;(args as Record<number, unknown>)[1] = withListener(observer, ready, (object) => track(object, params))
    }
    return p.apply(call, self, args)
  }
  const hook = { onConstructed: (object: object, args: ArrayLike<unknown>) => track(object, args[0]) }
  const globals = { initGeetest: init, initGeetest4: init, Geetest: hook, Geetest4: hook }

  return {
    objects: watch.objects,
    check() {
      patchMethods(observer, patches, window, globals)
      // An object made before the API was watched is recorded as soon as the page calls one of its methods.
      watch.watchMethods(own(p, own(p, window, 'Geetest'), 'prototype'))
      watch.watchMethods(own(p, own(p, window, 'Geetest4'), 'prototype'))
    },
    undo: () => restore(p, patches),
  }

  function track(object: unknown, params: unknown): void {
    const known = watch.find(object)
    const instance = watch.track(object, params)
    const onClose = read(p, object, CLOSED)
    if (known || !instance || typeof onClose !== 'function') return
    try {
      const closed = () => {
        instance.lastEvent = CLOSED
      }
      p.apply(onClose as (closed: () => void) => void, object, [closed])
    } catch {
      // Then a closed challenge still counts as open.
    }
  }

  function onCall(instance: Instance, name: string, args: ArrayLike<unknown>): void {
    if (name === 'appendTo' || name === 'bindForm') return
    if (name === 'onSuccess') {
      instance.callbacks ??= list()
      if (instance.callbacks.size < MAX_CALLBACKS) push(instance.callbacks, args[0])
      return
    }
    instance.lastEvent = name
    if (name !== 'reset' && name !== 'destroy') return
    instance.injected?.clear()
    instance.injected = undefined
    if (name === 'destroy') remove(watch.objects, instance)
  }
}

/** Whether the page has opened it, and no event has ended it since. */
export function isOpen({ lastEvent: last }: PassedObject): boolean {
  return last === 'verify' || last === 'showCaptcha' || last === 'showBox'
}
