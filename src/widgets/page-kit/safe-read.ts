import { includes, list, type Primordials, push } from './primordials.js'

const MAX_DEPTH = 5
const MAX_OBJECTS = 400
const MAX_PROPERTIES = 200

/**
 * Walks an object of the vendor's script: nested, minified, with cycles. Only plain properties are read: a getter is
 * the page's code, which is not run. A proxy that throws ends its own branch.
 *
 * @param visit called with each value, its name and the object that holds it; true stops the walk below that value
 */
export function walkObject(
  p: Primordials,
  start: object,
  visit: (name: string, value: unknown, holder: object) => boolean,
): void {
  const objects = list<object>()
  push(objects, start)
  let levelEnd = 1
  let depth = 0
  for (let index = 0; index < objects.size; index++) {
    if (index === levelEnd) {
      levelEnd = objects.size
      if (++depth >= MAX_DEPTH) return
    }
    forEachProperty(p, objects[index] as object, (name, value, holder) => {
      if (visit(name, value, holder)) return
      if (typeof value !== 'object' || value === null || objects.size >= MAX_OBJECTS) return
      if (!includes(objects, value)) push(objects, value)
    })
  }
}

/** The own, enumerable, plain properties of an object, at most 200. @returns how many more there are */
export function forEachProperty(
  p: Primordials,
  object: object,
  visit: (name: string, value: unknown, holder: object) => void,
): number {
  try {
    const names = p.keys(object)
    for (let at = 0; at < names.length && at < MAX_PROPERTIES; at++) {
      const name = names[at] as string
      const described = p.describe(object, name)
      if (described && 'value' in described) visit(name, described.value, object)
    }
    return names.length > MAX_PROPERTIES ? names.length - MAX_PROPERTIES : 0
  } catch {
    // What cannot be read counts as absent.
    return 0
  }
}

/** The value of an own plain property, or undefined. */
export function own(p: Primordials, object: unknown, name: string): unknown {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null) return undefined
  try {
    return p.describe(object, name)?.value
  } catch {
    return undefined
  }
}

/** A parameter from the page's own object. It may be a getter, which is run, as the vendor's script does. */
export function read(p: Primordials, object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null) return undefined
  const plain = own(p, object, name)
  if (plain !== undefined) return plain
  try {
    return (object as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

/**
 * Whether a vendor's object is still the one that it is now: a script that is loaded anew, as for another language,
 * defines another one, which knows nothing of our answers.
 */
export function whileLoaded(p: Primordials, global: string): () => boolean {
  const api = own(p, window, global)
  return () => own(p, window, global) === api
}
