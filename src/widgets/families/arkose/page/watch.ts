import { type PassedObject, type PassedObjects, watchObjects, withListener } from '../../../page-kit/object-watch.js'
import { ASSIGNED, type Handler, type Patch, patchMethods, restore } from '../../../page-kit/patch.js'
import { bare, find, includes, type List, list, type Primordials, pushBounded } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { has } from '../../../page-kit/text.js'
import type { Observer, Watch, Watcher } from '../../../page-kit/watcher.js'

export const arkoseWatch: Watch<ArkoseLog> = { name: 'arkose', isThere: mayBeArkose, watch: watchArkose }

/** An enforcement: the object that Arkose's script passes to the page. */
export interface Enforcement extends PassedObject {
  /** The script that made it; its address contains the public key. */
  script?: Element | undefined
  /** Whether its frame was seen in the page. */
  drawn?: boolean
}

/** What the page's code passed to Arkose's script. */
export interface ArkoseLog extends Watcher, PassedObjects {
  /** Tokens that were passed to the page. Before that, its fields hold a session, which is no answer. */
  readonly passedTokens: List<unknown>
}

const MAX_SCRIPTS = 50

/**
 * The events of an enforcement. The last two are only listened to where the page does: without the page's listener,
 * Arkose handles them itself.
 *
 * @see https://developer.arkoselabs.com/docs/client-api
 */
const EVENTS = ['onShow', 'onShown', 'onHide', 'onCompleted', 'onReset', 'onFailed', 'onError']
const ALWAYS_LISTENED = 5

/** Whether a script may be Arkose's; without a script, whether the document has one that may be. */
function mayBeArkose(p: Primordials, script?: Element): boolean {
  if (!script) return document.querySelector('script[src*="/api"]') !== null
  return has(p, p.apply(p.attribute, script, ['src']) ?? '', '/api')
}

/**
 * Watches Arkose's API. The script element names a function of the page, which is called with an object once the rest
 * is loaded. The function may be there by then, be assigned later, or be declared by another script of the page.
 */
function watchArkose(observer: Observer): ArkoseLog {
  const { p } = observer
  const patches = list<Patch>()
  const passedTokens = list<unknown>()
  const scripts = list<Element>()
  /** By the name of the callback. */
  const handlers = bare<Handler>() as Record<string, Handler>
  const watch = watchObjects(observer, patches, ['setConfig', 'run', 'reset'], (enforcement, name, args) => {
    if (name === 'setConfig') configure(enforcement, args)
    else enforcement.lastEvent = name
  })
  /** Set while a callback is missing. */
  let added: MutationObserver | undefined

  return {
    objects: watch.objects,
    passedTokens,
    check(script) {
      if (script) add(script)
      else forEachElement('script[src*="/api"]', add)
      if (p.keys(handlers).length > 0) patchCallbacks()
    },
    undo() {
      stopLooking()
      for (const name in handlers) if (p.describe(window, name)?.get === notAssigned) p.remove(window, name)
      restore(p, patches)
    },
  }

  function forEachElement(selector: string, onElement: (element: Element) => void): void {
    const found = document.querySelectorAll(selector)
    for (let index = 0; index < found.length && index < MAX_SCRIPTS; index++) onElement(found[index] as Element)
  }

  function add(script: Element): void {
    const src = p.apply(p.attribute, script, ['src']) ?? ''
    // Boxes of the older kind name functions that receive a token.
    if (has(p, src, '/fc/api/'))
      forEachElement('[data-pkey]', (box) => onCallback(box, (token) => pushBounded(passedTokens, token)))
    if (!has(p, src, '/v2/') || !has(p, src, '/api.js')) return
    if (includes(scripts, script)) return
    pushBounded(scripts, script)
    onCallback(script, (object, name) => {
      const enforcement: Enforcement | undefined = watch.track(object)
      if (enforcement) enforcement.script ??= nextScript(name)
    })
  }

  /** Scripts that share a callback call it in their order. */
  function nextScript(name: string): Element | undefined {
    return find(
      scripts,
      (script) =>
        p.apply(p.attribute, script, ['data-callback']) === name &&
        !find<Enforcement>(watch.objects, (other) => other.script === script),
    )
  }

  function onCallback(element: Element, listener: (value: unknown, name: string) => void): void {
    const name = p.apply(p.attribute, element, ['data-callback'])
    if (name && !handlers[name]) {
      handlers[name] = (call, self, args) => {
        listener(args[0], name)
        return p.apply(call, self, args)
      }
    }
  }

  /** Patches each callback as soon as it is there: assigned, or declared, which calls no setter. */
  function patchCallbacks(): void {
    let missing = false
    for (const name in handlers) {
      if (typeof own(p, window, name) === 'function') continue
      missing = true
      // A property that is no function is the page's, and stays as it is.
      if (p.has(window, name)) continue
      const set = (value: unknown) => {
        p.define(window, name, { ...ASSIGNED, value })
        patchCallbacks()
      }
      p.define(window, name, { get: notAssigned, set, enumerable: true, configurable: true })
    }
    patchMethods(observer, patches, window, handlers)
    stopLooking()
    if (!missing) return
    // An added script has run by then, and may have declared the callback; a script of the document runs right after.
    added ??= new p.MutationObserver(() => {
      patchCallbacks()
      p.apply(p.setTimeout, window, [patchCallbacks])
    })
    p.apply(p.observe, added, [document, { childList: true, subtree: true }])
    // By then all scripts of the document have run.
    p.apply(p.listen, document, ['DOMContentLoaded', patchCallbacks, true])
  }

  /** Stops looking for callbacks. */
  function stopLooking(): void {
    if (!added) return
    p.apply(p.disconnect, added, [])
    p.apply(p.unlisten, document, ['DOMContentLoaded', patchCallbacks, true])
  }

  function notAssigned(): undefined {}

  /** Passes on a copy of the page's configuration, with our listeners in it. The page's own object stays as it is. */
  function configure(enforcement: PassedObject, args: ArrayLike<unknown>): void {
    const config = args[0]
    if (typeof config !== 'object' || config === null) return
    enforcement.params = config
    try {
      const copy = p.create(p.prototypeOf(config) as object)
      const names = p.keys(config)
      for (let index = 0; index < names.length; index++) {
        const name = names[index] as string
        p.define(copy, name, { ...p.describe(config, name), configurable: true })
      }
      for (let index = 0; index < EVENTS.length; index++) {
        const name = EVENTS[index] as string
        const original = read(p, config, name)
        if (index >= ALWAYS_LISTENED && typeof original !== 'function') continue
        const value = withListener(observer, original, () => {
          // `onHide` also follows `onCompleted`, which must stay the last event.
          if (name !== 'onHide' || !isCompleted(p, enforcement)) enforcement.lastEvent = name
        })
        p.define(copy, name, { ...ASSIGNED, value })
      }
      ;(args as Record<number, unknown>)[0] = copy
    } catch {
      // A configuration that cannot be read is passed on as it is.
    }
  }
}

/** Whether it is completed: the last event is `onCompleted`, followed by a number if a solution was injected. */
export function isCompleted(p: Primordials, { lastEvent: last }: PassedObject): boolean {
  return has(p, last, 'onCompleted')
}
