// The bundlers and Jest that the package is checked with. They are kept out of this project's own packages, which tests
// and knip read.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { npmInstall } from './npm-install.mjs'
import { root } from './setup.mjs'

const PACKAGES = [
  'webpack@5.113.0',
  'rollup@4.68.8',
  '@rollup/plugin-commonjs@29.0.3',
  '@rollup/plugin-json@6.1.0',
  '@rollup/plugin-node-resolve@16.0.3',
  'jest@30.5.2',
  'ts-jest@29.4.15',
]

/** The folder that they are installed in. */
export const TOOLCHAINS = join(root, 'node_modules', '.cache', 'solveguard', 'toolchains-2')

export function hasToolchains() {
  return existsSync(join(TOOLCHAINS, 'node_modules', '.package-lock.json'))
}

/** Fetches them where they are not here yet. */
export function ensureToolchains() {
  if (!hasToolchains()) npmInstall(TOOLCHAINS, PACKAGES)
}
