// What a run of the tests left behind: processes that still run, and files in the temporary folder.
// A run has a temporary folder of its own, and in it one for each test file. Its processes are known by that folder: by
// their environment, their command or their working directory. One that a test gives another environment and another
// folder is known by its parents. Linux only: elsewhere no process is found.
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { basename, join } from 'node:path'

/** The variable with the run's temporary folder, which the run's processes inherit. */
export const RUN_FOLDER = 'SOLVEGUARD_TEST_RUN'

/**
 * Gives the test file that this process is about to run a temporary folder of its own.
 * @param {string} testFile
 */
export function enterFile(testFile) {
  const run = process.env[RUN_FOLDER]
  if (run === undefined) return
  // Short: a path of a Unix socket has at most 107 bytes.
  const folder = join(
    run,
    basename(testFile)
      .replace(/\.test\.ts$/, '')
      .slice(0, 30),
  )
  mkdirSync(folder, { recursive: true })
  process.env.TMPDIR = folder
}

/**
 * @param {string} run the run's temporary folder
 * @returns {{ pid: number, text: string }[]} the processes of the run that are still there
 */
export function leftoverProcesses(run) {
  return listed('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const [environment, command] = [read(name, 'environ'), read(name, 'cmdline')]
      const folder = link(name, 'cwd')
      if (![environment, command, folder].some((text) => text.includes(run))) return []
      const from = new RegExp(`${run}/([^/\0]+)`).exec(`${environment}\0${folder}\0${command}`)?.[1]
      return [{ pid: Number(name), text: `${command.replaceAll('\0', ' ').slice(0, 200)}${from ? `(${from})` : ''}` }]
    })
}

/** How often the run's processes are looked at, to know those whose parents end before them. */
const LOOK_EVERY_MS = 500

/**
 * Follows a process and all that it and its children start.
 * @param {number} root the process that runs the tests
 */
export function watchDescendants(root) {
  /** @type {Map<number, string>} when each started */
  const known = new Map([[root, startOf(root)]])
  const look = () => {
    for (const name of listed('/proc').filter((one) => /^\d+$/.test(one))) {
      const pid = Number(name)
      const [, parent] = /\) \S (\d+) /.exec(read(name, 'stat')) ?? []
      // A parent is listed before its child, unless the numbers have begun anew: then the next look finds the child.
      if (parent !== undefined && known.get(Number(parent)) === startOf(Number(parent))) known.set(pid, startOf(pid))
    }
  }
  look()
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()
  return {
    /** @returns {{ pid: number, text: string }[]} the descendants that are still there, without the process itself */
    left() {
      look()
      return [...known].flatMap(([pid, start]) => {
        if (pid === root || start === '' || startOf(pid) !== start || isEnded(pid)) return []
        return [{ pid, text: read(`${pid}`, 'cmdline').replaceAll('\0', ' ').slice(0, 200) }]
      })
    },
    stop: () => clearInterval(timer),
  }
}

/** @param {number} pid */
function startOf(pid) {
  // The name, in parentheses, may have spaces; the 20th value after it is the time of the start.
  const values = read(`${pid}`, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
  return values[19] ?? ''
}

/** @param {number} pid */
function isEnded(pid) {
  return /\) Z /.test(read(`${pid}`, 'stat'))
}

/**
 * @param {string} run the run's temporary folder, whose folders for test files are removed where they are empty
 * @returns {string[]} the paths in it that are still there
 */
export function leftoverFiles(run) {
  return listed(run).flatMap((file) => {
    const folder = join(run, file)
    try {
      rmdirSync(folder)
      return []
    } catch {
      const names = listed(folder)
      return names.length > 0 ? names.map((name) => join(folder, name)) : [folder]
    }
  })
}

/** @param {string} folder */
function listed(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/**
 * @param {string} pid
 * @param {string} file of /proc; empty for a process that has ended, or that is another user's
 */
function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}

/**
 * @param {string} pid
 * @param {string} file
 */
function link(pid, file) {
  try {
    return readlinkSync(`/proc/${pid}/${file}`)
  } catch {
    return ''
  }
}
