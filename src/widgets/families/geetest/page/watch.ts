import { type Handed, heard, type ObjectWatch, watchObjects } from '../../../page-kit/object-watch.js'
import { type Handler, type Stand, standAside, standBefore } from '../../../page-kit/patch.js'
import { type List, list, push, remove } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { hasGlobal, type Observer, type Watch, type Watcher } from '../../../page-kit/watcher.js'

export const geetestWatch: Watch<GeetestLog> = {
  name: 'geetest',
  isThere: hasGlobal('initGeetest', 'initGeetest4', 'Geetest', 'Geetest4'),
  watch: watchGeetest,
}

/** A GeeTest of the page's, as its code has it in hand. */
export interface Instance extends Handed {
  /** What `onSuccess` was given. */
  callbacks?: List<unknown>
  /** The solution that was put in. */
  given?: Given | undefined
}

/** A solution in the page, for `getValidate`. */
export interface Given {
  /** A copy for the page, under the vendor's names; undefined where it is too old. */
  values(): object | undefined
  /** Takes it out of the page's fields. */
  clear(): void
}

/** What the page's code told GeeTest's script. */
export interface GeetestLog extends Watcher, Pick<ObjectWatch, 'handed'> {}

/** Said of one that its user closed. */
const CLOSED = 'onClose'
const MOST_CALLBACKS = 50

/**
 * Watches GeeTest's API, v3 and v4. The loader gives the page an object once its main part has come; a page may also have the loader in a
 * bundle of its own, so the main part's constructor is watched as well.
 */
function watchGeetest(observer: Observer): GeetestLog {
  const { p } = observer
  const stands = list<Stand>()
  const names = ['appendTo', 'bindForm', 'onSuccess', 'verify', 'showCaptcha', 'showBox', 'reset', 'destroy']
  const watch = watchObjects(observer, stands, names, see, { getValidate: ({ given }: Instance) => given?.values() })
  const init: Handler = (call, self, args) => {
    const [params, ready] = [args[0], args[1]]
    if (typeof ready === 'function') {
      ;(args as Record<number, unknown>)[1] = heard(observer, ready, (object) => adopt(object, params))
    }
    return p.apply(call, self, args)
  }
  const maker = { made: (object: object, args: ArrayLike<unknown>) => adopt(object, args[0]) }
  const globals = { initGeetest: init, initGeetest4: init, Geetest: maker, Geetest4: maker }

  return {
    handed: watch.handed,
    check() {
      standBefore(observer, stands, window, globals)
      // Objects that were made before we were there show themselves as soon as the page uses them.
      watch.standBehind(own(p, own(p, window, 'Geetest'), 'prototype'))
      watch.standBehind(own(p, own(p, window, 'Geetest4'), 'prototype'))
    },
    undo: () => standAside(p, stands),
  }

  function adopt(object: unknown, params: unknown): void {
    const known = watch.find(object)
    const instance = watch.adopt(object, params)
    const onClose = read(p, object, CLOSED)
    if (known || !instance || typeof onClose !== 'function') return
    try {
      const closed = () => {
        instance.last = CLOSED
      }
      p.apply(onClose as (closed: () => void) => void, object, [closed])
    } catch {
      // Then we do not hear of it.
    }
  }

  function see(instance: Instance, name: string, args: ArrayLike<unknown>): void {
    if (name === 'appendTo' || name === 'bindForm') return
    if (name === 'onSuccess') {
      instance.callbacks ??= list()
      if (instance.callbacks.size < MOST_CALLBACKS) push(instance.callbacks, args[0])
      return
    }
    instance.last = name
    if (name !== 'reset' && name !== 'destroy') return
    instance.given?.clear()
    instance.given = undefined
    if (name === 'destroy') remove(watch.handed, instance)
  }
}

/** Whether the page has opened it, and nothing tells us that it has ended. */
export function isOpen({ last }: Handed): boolean {
  return last === 'verify' || last === 'showCaptcha' || last === 'showBox'
}
