// npm test [-- vitest's arguments]
import { ensureSecretStores } from './secret-stores.mjs'
import { ensureBrowser, ensureFirefox, ensureHeadlessShell, ensurePackages, ensurePrograms, root } from './setup.mjs'

ensurePackages()
await ensureBrowser()
await ensureHeadlessShell()
await ensureFirefox()
ensurePrograms(['openssl', 'tinyproxy', 'squid', 'danted', 'redis-server', 'strace', 'chromedriver'])
ensureSecretStores()

process.chdir(root)
process.argv.splice(1, 1, 'vitest', 'run')
// vitest's own command, by its file: the package does not export it.
await import(new URL('../node_modules/vitest/vitest.mjs', import.meta.url).href)
