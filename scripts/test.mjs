// npm test [-- vitest's arguments]: `--project core`, `pages`, `processes` or `faults` runs one part, and installs only
// what that needs. `faults` takes minutes, and runs only where it is named. A run that leaves a process or a file
// behind has failed.
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchTools } from './fetch-tools.mjs'
import { leftoverFiles, leftoverProcesses, RUN_FOLDER, watchDescendants } from './leftovers.mjs'
import { ensurePython, hasPython } from './pypi.mjs'
import {
  ended,
  ensureBrowser,
  ensureFirefox,
  ensureHeadlessShell,
  ensurePackages,
  ensurePrograms,
  exitWith,
  PROGRAMS,
  root,
} from './setup.mjs'

/** How long processes may take to end after the tests. */
const ENDING_MS = 5_000
/** What the files of a run may take, in bytes, several times over. */
const MIN_FREE_BYTES = 4 * 2 ** 30

ensurePackages()
const { parseCLI } = await import('vitest/node')
const words = withoutFaults(process.argv.slice(2))
const runs = projectFilter(projectsOf(words))
// Fetched while Debian's programs are installed; Python, which some of these need, may be one of those.
const ofPython = /** @type {const} */ (['secret-stores', 'python-clients'])
const withPython = hasPython() ? ofPython : []
const fetching = runs('processes') ? fetchTools(['node-clients', 'other-nodes', ...withPython]) : true
if (runs('pages') || runs('processes')) {
  await ensureBrowser()
  await ensureHeadlessShell()
}
if (runs('pages')) {
  await ensureFirefox()
  ensurePrograms(PROGRAMS.pages)
}
if (runs('processes')) {
  ensurePrograms(PROGRAMS.processes)
  if (withPython.length === 0) {
    ensurePython()
    if (!(await fetchTools(ofPython))) process.exit(1)
  }
}
if (!(await fetching)) process.exit(1)
if (runs('faults')) {
  if (process.platform !== 'linux') exitWith('The tests of the project `faults` run on Linux only.')
  ensurePrograms(PROGRAMS.faults)
}

const folder = mkdtempSync(join(temporaryFolder(), 'sg-'))
// A proxy that the tests start as root switches to another user, and reads its files in this folder.
chmodSync(folder, 0o711)
// Ctrl-C reaches vitest too: it ends what it started, and then we clean up.
process.on('SIGINT', () => {})
/** @type {ReturnType<typeof watchDescendants> | undefined} */
let descendants
try {
  const code = await runVitest()
  const left = [...(await processesLeft()), ...leftoverFiles(folder).map((path) => `the file ${path}`)]
  for (const one of left) console.error(`FAILED to remove or end: ${one}`)
  process.exitCode = code !== 0 ? code : left.length > 0 ? 1 : 0
} finally {
  // What was killed may still write.
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
}

/**
 * Where the files of this run are. Ledgers and audit logs flush each of their thousands of records, for which a disk
 * takes milliseconds, and on a busy machine much longer; no test ends the machine. So it is memory where Linux has
 * enough of it there and programs may run from it, unless TMPDIR names a folder.
 */
function temporaryFolder() {
  const memory = '/dev/shm'
  if (process.env.TMPDIR || process.platform !== 'linux') return tmpdir()
  try {
    const { bavail, bsize } = statfsSync(memory)
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
    const options = mounts
      .map((line) => line.split(' '))
      .findLast(([, path]) => path === memory)?.[3]
      ?.split(',')
    if (options && !options.includes('noexec') && bavail * bsize > MIN_FREE_BYTES) return memory
  } catch {
    // There is none.
  }
  return tmpdir()
}

/** @returns {Promise<number>} */
function runVitest() {
  // Vitest's own command, by its file: the package does not export it.
  const command = join(root, 'node_modules/vitest/vitest.mjs')
  const env = { ...process.env, TMPDIR: folder, [RUN_FOLDER]: folder }
  const child = spawn(process.execPath, [command, 'run', ...words], {
    cwd: root,
    env,
    stdio: 'inherit',
  })
  if (child.pid !== undefined) descendants = watchDescendants(child.pid)
  return ended(child)
}

/** Waits for the run's processes to end, and ends those that do not. */
async function processesLeft() {
  const until = Date.now() + ENDING_MS
  while (allLeft().length > 0 && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const left = allLeft()
  descendants?.stop()
  for (const { pid } of left) process.kill(pid, 'SIGKILL')
  return left.map(({ pid, text }) => `the process ${pid}, ${text}`)
}

/** Those of the run's folder, and those that vitest or its processes have started. */
function allLeft() {
  const byFolder = leftoverProcesses(folder)
  const others = descendants?.left().filter(({ pid }) => !byFolder.some((one) => one.pid === pid)) ?? []
  return [...byFolder, ...others]
}

/**
 * The arguments, with the project `faults` excluded where they name neither a project nor one of its files.
 * @param {string[]} args
 */
function withoutFaults(args) {
  const { filter } = parseCLI(['vitest', 'run', ...args])
  const isNamed = projectsOf(args).length > 0 || filter.some((text) => text.includes('faults'))
  return isNamed ? args : [...args, '--project', '!faults']
}

/** @param {string[]} args */
function projectsOf(args) {
  return [parseCLI(['vitest', 'run', ...args]).options.project ?? []].flat()
}

/**
 * Which projects `--project` chooses, by vitest's rules: `*` matches any text, `!` in front excludes, nothing means
 * all.
 * @param {readonly string[]} filters
 * @returns {(project: string) => boolean}
 */
function projectFilter(filters) {
  /** @type {(filter: string, project: string) => boolean} */
  const matches = (filter, project) => new RegExp(`^${filter.replaceAll('*', '.*')}$`).test(project)
  const excluded = filters.filter((filter) => filter.startsWith('!')).map((filter) => filter.slice(1))
  const included = filters.filter((filter) => !filter.startsWith('!'))
  return (project) =>
    (included.length === 0 || included.some((filter) => matches(filter, project))) &&
    !excluded.some((filter) => matches(filter, project))
}
