// npm test [-- vitest's arguments]: --project core, pages or processes runs one part, and installs only what that needs.
import { ensureSecretStores } from './secret-stores.mjs'
import { ensureBrowser, ensureFirefox, ensureHeadlessShell, ensurePackages, ensurePrograms, root } from './setup.mjs'

ensurePackages()
const { parseCLI } = await import('vitest/node')
const { options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
const runs = projectFilter([options.project ?? []].flat())
if (runs('pages') || runs('processes')) {
  await ensureBrowser()
  await ensureHeadlessShell()
}
if (runs('pages')) {
  await ensureFirefox()
  ensurePrograms(['chromedriver'])
}
if (runs('processes')) {
  ensurePrograms(['tinyproxy', 'squid', 'danted', 'redis-server', 'strace'])
  ensureSecretStores()
}

process.chdir(root)
process.argv.splice(1, 1, 'vitest', 'run')
// vitest's own command, by its file: the package does not export it.
await import(new URL('../node_modules/vitest/vitest.mjs', import.meta.url).href)

/**
 * Which projects `--project` chooses, by vitest's rules: `*` matches any text, `!` in front excludes, nothing means all.
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
