import { type Handed, heard, type ObjectWatch, watchObjects } from '../../../page-kit/object-watch.js'
import { type Handler, type Stand, standAside, standBefore } from '../../../page-kit/patch.js'
import { bare, type List, list, note, type Primordials } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { has } from '../../../page-kit/text.js'
import type { Observer, Watch, Watcher } from '../../../page-kit/watcher.js'

export const arkoseWatch: Watch<ArkoseLog> = { name: 'arkose', isThere: isArkoses, watch: watchArkose }

/** An enforcement: the object that a script of Arkose's gives the page. */
export interface Enforcement extends Handed {
  /** Its address holds the public key. */
  script?: Element | undefined
}

/** What the page's code told Arkose's script. */
export interface ArkoseLog extends Watcher, Pick<ObjectWatch, 'handed'> {
  /** Tokens that were told to the page: what stands in its fields before that is a session, and no answer. */
  readonly passed: List<unknown>
}

const MOST_SCRIPTS = 50

/** What an enforcement tells the page. Of the last two it is heard only where the page listens: without a listener it does more itself. */
const TOLD = ['onShow', 'onShown', 'onHide', 'onCompleted', 'onReset', 'onFailed', 'onError']
const ALWAYS = 5

/** Whether a script may be one of Arkose's; without one, whether the document has such a script. */
function isArkoses(p: Primordials, script?: Element): boolean {
  if (!script) return document.querySelector('script[src*="/api"]') !== null
  return has(p, p.apply(p.attribute, script, ['src']) ?? '', '/api')
}

/**
 * Watches Arkose's API. Its script names a function of the page's, which is called with an object once the rest has come: the function may
 * be there by then, be assigned, or be declared by another script of the page.
 */
function watchArkose(observer: Observer): ArkoseLog {
  const { p } = observer
  const stands = list<Stand>()
  const passed = list<unknown>()
  const scripts = list<Element>()
  /** By the callbacks' names. */
  const handlers = bare<Handler>() as Record<string, Handler>
  const watch = watchObjects(observer, stands, ['setConfig', 'run', 'reset'], (enforcement, name, args) => {
    if (name === 'setConfig') configure(enforcement, args)
    else enforcement.last = name
  })
  /** There while a callback is looked for. */
  let added: MutationObserver | undefined

  return {
    handed: watch.handed,
    passed,
    check(script) {
      if (script) add(script)
      else each('script[src*="/api"]', add)
      if (p.keys(handlers).length > 0) look()
    },
    undo() {
      rest()
      for (const name in handlers) if (p.describe(window, name)?.get === waiting) p.remove(window, name)
      standAside(p, stands)
    },
  }

  function each(selector: string, see: (element: Element) => void): void {
    const found = document.querySelectorAll(selector)
    for (let index = 0; index < found.length && index < MOST_SCRIPTS; index++) see(found[index] as Element)
  }

  function add(script: Element): void {
    const src = p.apply(p.attribute, script, ['src']) ?? ''
    // Boxes of the older kind name functions that are called with a token.
    if (has(p, src, '/fc/api/')) each('[data-pkey]', (box) => answerTo(box, (token) => note(passed, token)))
    if (!has(p, src, '/v2/') || !has(p, src, '/api.js')) return
    for (let index = 0; index < scripts.size; index++) if (scripts[index] === script) return
    note(scripts, script)
    answerTo(script, (object, name) => {
      const enforcement: Enforcement | undefined = watch.adopt(object)
      if (enforcement) enforcement.script ??= next(name)
    })
  }

  /** Scripts that share a callback call it one after the other. */
  function next(name: string): Element | undefined {
    for (let index = 0; index < scripts.size; index++) {
      const script = scripts[index] as Element
      let taken = p.apply(p.attribute, script, ['data-callback']) !== name
      for (let at = 0; at < watch.handed.size; at++) taken ||= (watch.handed[at] as Enforcement).script === script
      if (!taken) return script
    }
    return undefined
  }

  function answerTo(element: Element, hear: (value: unknown, name: string) => void): void {
    const name = p.apply(p.attribute, element, ['data-callback'])
    if (name && !handlers[name]) {
      handlers[name] = (call, self, args) => {
        hear(args[0], name)
        return p.apply(call, self, args)
      }
    }
  }

  /** Stands before the callbacks as soon as they are there: assigned, or declared, which no setter sees. */
  function look(): void {
    let missing = false
    for (const name in handlers) {
      if (typeof own(p, window, name) === 'function') continue
      missing = true
      // What is there and no function is not ours to replace.
      if (p.has(window, name)) continue
      const set = (value: unknown) => {
        p.define(window, name, { value, enumerable: true, writable: true, configurable: true })
        look()
      }
      p.define(window, name, { get: waiting, set, enumerable: true, configurable: true })
    }
    standBefore(observer, stands, window, handlers)
    rest()
    if (!missing) return
    // Scripts that the page adds have run by then, and may have declared what is looked for; those of the document run right after.
    added ??= new p.MutationObserver(() => {
      look()
      p.apply(p.setTimeout, window, [look])
    })
    p.apply(p.observe, added, [document, { childList: true, subtree: true }])
    // All of the document's own scripts have run.
    p.apply(p.listen, document, ['DOMContentLoaded', look, true])
  }

  /** Looks no further. */
  function rest(): void {
    if (!added) return
    p.apply(p.disconnect, added, [])
    p.apply(p.unlisten, document, ['DOMContentLoaded', look, true])
  }

  function waiting(): undefined {}

  /** Gives it what the page told it, with us listening as well. The page's own object stays as it is. */
  function configure(enforcement: Handed, args: ArrayLike<unknown>): void {
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
      for (let index = 0; index < TOLD.length; index++) {
        const name = TOLD[index] as string
        const theirs = read(p, config, name)
        if (index >= ALWAYS && typeof theirs !== 'function') continue
        const value = heard(observer, theirs, () => {
          // It is hidden after it was completed, too.
          if (name !== 'onHide' || !isCompleted(p, enforcement)) enforcement.last = name
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
export function isCompleted(p: Primordials, { last }: Handed): boolean {
  return has(p, last, 'onCompleted')
}
