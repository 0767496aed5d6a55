// What the package is checked with besides Node and npm: bundlers and Jest, other runtimes, package managers, Next.js.
// They are kept out of this project's own packages, which tests and knip read. Each group is a folder: they are fetched
// at a time, and only the groups that are used.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { npmInstall } from './npm-install.mjs'
import { root } from './setup.mjs'

const GROUPS = {
  bundlers: [
    'webpack@5.113.0',
    'rollup@4.68.8',
    '@rollup/plugin-commonjs@29.0.3',
    '@rollup/plugin-json@6.1.0',
    '@rollup/plugin-node-resolve@16.0.3',
    'jest@30.5.2',
    'ts-jest@29.4.15',
  ],
  runtimes: ['bun@1.4.5', 'deno@2.9.6'],
  managers: ['pnpm@12.21.0', '@yarnpkg/cli-dist@4.18.1'],
  next: ['next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1'],
}

/** @typedef {keyof typeof GROUPS} ToolchainGroup */

/** The groups that every check uses. */
export const CHECKED_GROUPS = /** @type {const} */ (['bundlers', 'runtimes', 'managers'])

/**
 * The folder that a group is installed in.
 * @param {ToolchainGroup} group
 */
export function toolchainFolder(group) {
  return join(root, 'node_modules', '.cache', 'solveguard', `toolchains-3-${group}`)
}

/** @param {ToolchainGroup} group */
export function hasToolchain(group) {
  return existsSync(join(toolchainFolder(group), 'node_modules', '.package-lock.json'))
}

/**
 * Fetches a group where it is not here yet.
 * @param {ToolchainGroup} group
 */
export function ensureToolchain(group) {
  if (!hasToolchain(group)) npmInstall(toolchainFolder(group), GROUPS[group])
}
