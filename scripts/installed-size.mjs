// The size of what is installed with this package: the packed package, and the packages that it depends on, in the
// versions of this project's lock file. No development dependency, and no optional peer.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './setup.mjs'

/** What is allowed; npm run check fails above either. */
const LIMIT_BYTES = 25_000_000
const MAY_GROW_BY = 0.03
/** The figure that was looked at last. */
const RECORD = 'scripts/installed-size.json'

/**
 * Compares the size with the recorded one.
 * @param {string} project a project that has the packed package in its node_modules
 * @returns {string} the sizes, as a sentence
 */
export function checkInstalledSize(project) {
  const folder = join(project, 'node_modules/solveguard')
  const sizes = new Map([['solveguard', sizeOf(folder)]])
  const { dependencies } = manifestOf(folder)
  for (const name of Object.keys(dependencies)) add(name, root, sizes)
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  const { bytes: recorded } = JSON.parse(readFileSync(join(root, RECORD), 'utf8'))
  const list = [...sizes].sort(([, a], [, b]) => b - a).map(([name, size]) => `${name} ${mib(size)}`)
  const found = `${bytes} bytes (${mib(bytes)}) are installed: ${list.join(', ')}`
  if (bytes > LIMIT_BYTES) throw new Error(`${found}. The limit is ${mib(LIMIT_BYTES)}.`)
  if (bytes > recorded * (1 + MAY_GROW_BY)) {
    throw new Error(`${found}. It was ${mib(recorded)}: if it has to grow, write ${bytes} into ${RECORD}.`)
  }
  return found
}

/**
 * Adds a package and what it depends on, each once, as npm finds them from the folder of the one that needs them.
 * @param {string} name
 * @param {string} from
 * @param {Map<string, number>} sizes
 */
function add(name, from, sizes) {
  let at = from
  while (!existsSync(join(at, 'node_modules', name))) {
    if (dirname(at) === at) throw new Error(`${name} is not installed`)
    at = dirname(at)
  }
  const folder = join(at, 'node_modules', name)
  const key = folder.slice(root.length).replace(/^node_modules\//, '')
  if (sizes.has(key)) return
  sizes.set(key, sizeOf(folder))
  for (const each of Object.keys(manifestOf(folder).dependencies ?? {})) add(each, folder, sizes)
}

/** @param {string} folder */
function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

/**
 * The bytes of the files of a package, without packages inside it: those are counted by themselves.
 * @param {string} folder
 * @returns {number}
 */
function sizeOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + sizeOf(path)
    return sum + statSync(path).size
  }, 0)
}

/** @param {number} bytes */
function mib(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(2)} MiB`
}
