import { DeniedError } from '../../base/errors.js'
import { whyNotLoaded } from '../../base/packages.js'
import type { SqliteDriver } from './driver.js'
import { type Libsql, libsqlDriver } from './libsql.js'
import { nodeDriver } from './node.js'

/** The first Node that has `node:sqlite` without a flag. */
const OWN_SQLITE_SINCE = [22, 13] as const

/** What this thread has loaded. */
let loaded: SqliteDriver | undefined

/**
 * The SQLite library of this process. The version of Node alone decides: two libraries on one file in one process would
 * release each other's locks (https://www.sqlite.org/howtocorrupt.html, 2.2), and copies of this package, workers and
 * test runners in one process know nothing of each other. So where Node has a SQLite of its own, `libsql` is never
 * loaded, not even where that was turned off.
 *
 * @throws DeniedError `LEDGER_UNAVAILABLE`
 */
export async function loadSqlite(): Promise<SqliteDriver> {
  // What loads a second copy of the library later refuses that one itself: the report takes milliseconds.
  loaded ??= await load()
  return loaded
}

async function load(): Promise<SqliteDriver> {
  if (hasOwnSqlite()) {
    const driver = nodeDriver()
    if (driver) return driver
    throw new DeniedError(
      'LEDGER_UNAVAILABLE',
      `The file ledger needs node:sqlite, which ${runtimeName()} has not loaded: start it without ` +
        '--no-experimental-sqlite, use a newer version of it, or use another ledger.',
    )
  }
  const driver = libsqlDriver(await loadLibsql())
  refuseSecondCopy()
  return driver
}

function hasOwnSqlite(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [sinceMajor, sinceMinor] = OWN_SQLITE_SINCE
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor)
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions
  if (bun !== undefined) return `Bun ${bun}`
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`
}

async function loadLibsql(): Promise<Libsql> {
  try {
    const module: object = await import('libsql')
    return ('default' in module ? module.default : module) as Libsql
  } catch (cause) {
    throw new DeniedError(
      'LEDGER_UNAVAILABLE',
      `On Node ${process.versions.node} the file ledger needs the package libsql, which ` +
        `${whyNotLoaded('libsql', cause)}. Node ${OWN_SQLITE_SINCE.join('.')} and newer need no package; so do ` +
        'the other ledgers.',
      { cause },
    )
  }
}

/**
 * Two copies of `libsql` in one process are two SQLite libraries. The report lists what the whole process has loaded,
 * workers included.
 */
function refuseSecondCopy(): void {
  const { sharedObjects = [] } = sharedObjectsReport()
  const copies = new Set(sharedObjects.filter((path) => /[\\/]@libsql[\\/][^\\/]+[\\/][^\\/]+\.node$/.test(path)))
  if (copies.size <= 1) return
  throw new DeniedError(
    'LEDGER_UNAVAILABLE',
    `This process has loaded ${copies.size} copies of libsql, which would release each other's locks of the ledger: ` +
      `install one version of it for all (npm ls libsql), or use Node ${OWN_SQLITE_SINCE.join('.')} or newer.`,
  )
}

function sharedObjectsReport(): { readonly sharedObjects?: readonly string[] } {
  // Node's own: a test runner may have put another `process` in its place.
  const { report } = process.getBuiltinModule('node:process')
  const ours = report as typeof report & { excludeNetwork: boolean }
  const { excludeNetwork } = ours
  // Otherwise the names of all peers are looked up.
  ours.excludeNetwork = true
  try {
    return report.getReport()
  } finally {
    ours.excludeNetwork = excludeNetwork
  }
}
