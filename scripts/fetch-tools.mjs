// What tests and checks use besides this project's packages and Debian's. Each is fetched by a process of its own
// (`node scripts/fetch-tools.mjs bundlers`), so that several are fetched at a time: fetching waits more than it
// computes.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ensureNodeClients, hasNodeClients } from './node-clients.mjs'
import { ensureOtherNodes, hasOtherNodes } from './node-versions.mjs'
import { ensurePythonClients, hasPythonClients } from './python-clients.mjs'
import { ensureSecretStores, hasSecretStores } from './secret-stores.mjs'
import { ended } from './setup.mjs'
import { ensureToolchain, hasToolchain } from './toolchain-packages.mjs'

const SELF = fileURLToPath(import.meta.url)

const TOOLS = {
  'node-clients': { isHere: hasNodeClients, ensure: ensureNodeClients },
  'other-nodes': { isHere: hasOtherNodes, ensure: ensureOtherNodes },
  'python-clients': { isHere: hasPythonClients, ensure: ensurePythonClients },
  'secret-stores': { isHere: hasSecretStores, ensure: ensureSecretStores },
  bundlers: toolchain('bundlers'),
  runtimes: toolchain('runtimes'),
  managers: toolchain('managers'),
  next: toolchain('next'),
}

/** @typedef {keyof typeof TOOLS} ToolName */

/** @param {import('./toolchain-packages.mjs').ToolchainGroup} group */
function toolchain(group) {
  return { isHere: () => hasToolchain(group), ensure: () => ensureToolchain(group) }
}

/**
 * Those that are not here yet.
 * @param {readonly ToolName[]} names
 */
export function missingTools(names) {
  return names.filter((name) => !TOOLS[name].isHere())
}

/**
 * Fetches those that are not here yet, all at a time.
 * @param {readonly ToolName[]} names
 * @returns {Promise<boolean>} whether all are here now; what went wrong was written to stderr
 */
export async function fetchTools(names) {
  const codes = await Promise.all(missingTools(names).map(fetchTool))
  return codes.every((code) => code === 0)
}

/**
 * @param {ToolName} name
 * @returns {Promise<number>}
 */
function fetchTool(name) {
  return ended(spawn(process.execPath, [SELF, name], { stdio: ['ignore', 'ignore', 'inherit'] }))
}

if (process.argv[1] === SELF) {
  for (const name of process.argv.slice(2)) TOOLS[/** @type {ToolName} */ (name)].ensure()
}
