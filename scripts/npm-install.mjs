// Packages beside this project's own, each group in a folder of its own.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/**
 * Installs packages into a folder.
 * @param {string} folder
 * @param {readonly string[]} packages
 */
export function npmInstall(folder, packages) {
  mkdirSync(folder, { recursive: true })
  const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', [...args, ...packages], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
}
