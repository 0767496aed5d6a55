import type { Root } from '../page-kit/dom.js'
import type { PageContext } from '../page-kit/family.js'
import { bare, includes, type List, list, push } from '../page-kit/primordials.js'
import type { Signs } from '../page-kit/signs.js'
import type { Watcher } from '../page-kit/watcher.js'
import { signs } from './signs.js'

/**
 * The families that the page shows signs of, without those that are here already.
 *
 * @param isHere whether a family's script is in the page
 */
export function shownFamilies(context: PageContext, isHere: (family: string) => boolean): List<string> {
  const { p, dom, observer } = context
  const names = p.keys(signs)
  const shown = list<string>()
  const sought = bare<string>()
  let selectors = ''
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    if (isHere(name)) continue
    const { elements, globals } = signs[name] as Signs
    if (hasGlobal(globals) || hasRecords(observer.logs[name])) push(shown, name)
    else if (elements !== undefined) {
      sought[name] = elements
      selectors += `${selectors && ','}${elements}`
    }
  }
  const roots = dom.roots()
  for (let index = 0; index < roots.size && selectors; index++) {
    const root = roots[index] as Root
    // Most pages, and most roots, have none.
    if (dom.all(root, selectors).length === 0) continue
    for (const name in sought) {
      const elements = sought[name]
      if (elements === undefined || includes(shown, name) || dom.all(root, elements).length === 0) continue
      push(shown, name)
    }
  }
  return shown

  function hasGlobal(globals: readonly string[] | undefined): boolean {
    for (let index = 0; globals && index < globals.length; index++) {
      if (p.has(window, globals[index] as string)) return true
    }
    return false
  }

  /** Whether a watch has recorded anything: one of its lists is not empty. */
  function hasRecords(log: Watcher | undefined): boolean {
    const parts: Readonly<Record<string, unknown>> = { ...log }
    const names = p.keys(parts)
    for (let index = 0; index < names.length; index++) {
      const part = parts[names[index] as string]
      if (typeof part === 'object' && (part as Partial<List<unknown>> | null)?.size) return true
    }
    return false
  }
}
