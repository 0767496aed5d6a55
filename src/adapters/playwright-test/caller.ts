import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A place in the user's code, as Playwright takes it. */
export interface CallerLocation {
  file: string
  line: number
  column: number
}

/** `at solve (file:///suite/a.spec.ts:3:14)`, with or without a name and brackets. */
const FRAME = /(?:\(|at (?:async )?)((?:file:|[a-z]:[\\/]|\/)[^()]*):(\d+):(\d+)\)?$/i

/**
 * Where the user's code called: the first frame of the stack that is in none of the folders of this package and of
 * Playwright. Undefined if there is none.
 *
 * @param stack of an error that was made in a function of this package
 */
export function callerLocation(stack = ''): CallerLocation | undefined {
  for (const line of stack.split('\n')) {
    const [, place = '', row, column] = FRAME.exec(line) ?? []
    if (place === '' || /[\\/]node_modules[\\/]/.test(place) || isOwn(place)) continue
    return { file: pathOf(place), line: Number(row), column: Number(column) }
  }
  return undefined
}

/** All modules that ask for their caller are in this folder, also where the package is a link. */
const OWN_FOLDER = dirname(import.meta.filename)

function isOwn(place: string): boolean {
  return pathOf(place).startsWith(OWN_FOLDER)
}

function pathOf(place: string): string {
  return place.startsWith('file:') ? fileURLToPath(place) : place
}
