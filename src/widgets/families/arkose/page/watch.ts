import { type ObjectWatch, type PassedObject, watchObjects, withListener } from '../../../page-kit/object-watch.js'
import { type Handler, type Patch, patchMethods, restore } from '../../../page-kit/patch.js'
import { bare, type List, list, type Primordials, pushBounded } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { has } from '../../../page-kit/text.js'
import type { Observer, Watch, Watcher } from '../../../page-kit/watcher.js'

export const arkoseWatch: Watch<ArkoseLog> = { name: 'arkose', isThere: mayBeArkose, watch: watchArkose }

/** An enforcement: the object that a script of Arkose's gives the page. */
export interface Enforcement extends PassedObject {
  /** Its address holds the public key. */
  script?: Element | undefined
}

/** What the page's code told Arkose's script. */
export interface ArkoseLog extends Watcher, Pick<ObjectWatch, 'objects'> {
  /** Tokens that were told to the page: what stands in its fields before that is a session, and no answer. */
  readonly passedTokens: List<unknown>
}

const MAX_SCRIPTS = 50

/** What an enforcement tells the page. Of the last two it is heard only where the page listens: without a listener it does more itself. */
const EVENTS = ['onShow', 'onShown', 'onHide', 'onCompleted', 'onReset', 'onFailed', 'onError']
const ALWAYS_LISTENED = 5

/** Whether a script may be one of Arkose's; without one, whether the document has such a script. */
function mayBeArkose(p: Primordials, script?: Element): boolean {
  if (!script) return document.querySelector('script[src*="/api"]') !== null
  return has(p, p.apply(p.attribute, script, ['src']) ?? '', '/api')
}

/**
 * Watches Arkose's API. Its script names a function of the page's, which is called with an object once the rest has come: the function may
 * be there by then, be assigned, or be declared by another script of the page.
 */
function watchArkose(observer: Observer): ArkoseLog {
  const { p } = observer
  const patches = list<Patch>()
  const passedTokens = list<unknown>()
  const scripts = list<Element>()
  /** By the callbacks' names. */
  const handlers = bare<Handler>() as Record<string, Handler>
  const watch = watchObjects(observer, patches, ['setConfig', 'run', 'reset'], (enforcement, name, args) => {
    if (name === 'setConfig') configure(enforcement, args)
    else enforcement.lastEvent = name
  })
  /** There while a callback is looked for. */
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
    // Boxes of the older kind name functions that are called with a token.
    if (has(p, src, '/fc/api/'))
      forEachElement('[data-pkey]', (box) => onCallback(box, (token) => pushBounded(passedTokens, token)))
    if (!has(p, src, '/v2/') || !has(p, src, '/api.js')) return
    for (let index = 0; index < scripts.size; index++) if (scripts[index] === script) return
    pushBounded(scripts, script)
    onCallback(script, (object, name) => {
      const enforcement: Enforcement | undefined = watch.track(object)
      if (enforcement) enforcement.script ??= nextScript(name)
    })
  }

  /** Scripts that share a callback call it one after the other. */
  function nextScript(name: string): Element | undefined {
    for (let index = 0; index < scripts.size; index++) {
      const script = scripts[index] as Element
      let taken = p.apply(p.attribute, script, ['data-callback']) !== name
      for (let at = 0; at < watch.objects.size; at++) taken ||= (watch.objects[at] as Enforcement).script === script
      if (!taken) return script
    }
    return undefined
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

  /** Stands before the callbacks as soon as they are there: assigned, or declared, which no setter sees. */
  function patchCallbacks(): void {
    let missing = false
    for (const name in handlers) {
      if (typeof own(p, window, name) === 'function') continue
      missing = true
      // What is there and no function is not ours to replace.
      if (p.has(window, name)) continue
      const set = (value: unknown) => {
        p.define(window, name, { value, enumerable: true, writable: true, configurable: true })
        patchCallbacks()
      }
      p.define(window, name, { get: notAssigned, set, enumerable: true, configurable: true })
    }
    patchMethods(observer, patches, window, handlers)
    stopLooking()
    if (!missing) return
    // Scripts that the page adds have run by then, and may have declared what is looked for; those of the document run right after.
    added ??= new p.MutationObserver(() => {
      patchCallbacks()
      p.apply(p.setTimeout, window, [patchCallbacks])
    })
    p.apply(p.observe, added, [document, { childList: true, subtree: true }])
    // All of the document's own scripts have run.
    p.apply(p.listen, document, ['DOMContentLoaded', patchCallbacks, true])
  }

  /** Looks no further. */
  function stopLooking(): void {
    if (!added) return
    p.apply(p.disconnect, added, [])
    p.apply(p.unlisten, document, ['DOMContentLoaded', patchCallbacks, true])
  }

  function notAssigned(): undefined {}

  /** Gives it what the page told it, with us listening as well. The page's own object stays as it is. */
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
          // It is hidden after it was completed, too.
          if (name !== 'onHide' || !isCompleted(p, enforcement)) enforcement.lastEvent = name
        })
        p.define(copy, name, { value, enumerable: true, writable: true, configurable: true })
      }
      ;(args as Record<number, unknown>)[0] = copy
    } catch {
      // What cannot be looked at is the vendor's to refuse.
    }
  }
}

/** Whether it has come to its end, by the vendor's doing or by ours: `onCompleted`, and something more if it was ours. */
export function isCompleted(p: Primordials, { lastEvent: last }: PassedObject): boolean {
  return has(p, last, 'onCompleted')
}
