// Other versions of Node, to run the tests on. npm carries their binaries, one package for each kind of machine.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './setup.mjs'

/**
 * The path of a Node of that major version: fetched on first use, and kept out of the packages that users install.
 * @param {number} major
 */
export function installNode(major) {
  const name = `node-${process.platform}-${process.arch}`
  const folder = join(root, 'node_modules', '.cache', 'solveguard', `node-${major}`)
  const binary = join(folder, 'node_modules', name, 'bin', 'node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', [...args, `${name}@${major}`], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return binary
}
