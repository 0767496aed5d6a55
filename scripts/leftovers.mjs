// What a run of the tests left behind: processes that still run, and files in the temporary folder.
// A run has a temporary folder of its own, and in it one for each test file. Its processes are known by that folder: by
// their environment, their command or their working directory. Linux only: elsewhere no process is found.
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
