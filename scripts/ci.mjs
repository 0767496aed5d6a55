// What .ci/run does: the tests by the README's command, a sample of the injected faults, the checks, and on a current
// Node the tests of what depends on Node. The last lines name what failed and add everything up.
import { spawn } from 'node:child_process'
import { fetchTools } from './fetch-tools.mjs'
import { installNode } from './node-versions.mjs'
import { ended, ensurePackages, root } from './setup.mjs'
import { CHECKED_GROUPS } from './toolchain-packages.mjs'

const CURRENT_NODE = 26

/**
 * What a current Node may change: files and SQLite, sockets and TLS, processes and how they end, modules. The
 * workflows run all tests on each Node. `intercept/register` does so by itself; the clients of other languages and the
 * servers of secrets and of Redis are the same on each Node, and `ledger/redis.processes` has the client.
 */
const ABOUT_NODE = [
  ...['alerts', 'audit', 'base', 'broker', 'cli', 'config', 'egress', 'ledger', 'net'].map((name) => `test/${name}/`),
  ...['secrets/file', 'secrets/exec', 'guard/ending', 'guard/remote/', 'guard/state-files'].map(
    (name) => `test/${name}`,
  ),
]
const NOT_ABOUT_NODE = [
  'test/broker/{clients,kills,fuzz}.*',
  'test/cli/serve/deployment.*',
  'test/ledger/redis-*',
].flatMap((path) => ['--exclude', path])

/** When more files than this fail, a busy machine is not the reason. */
const MAX_RERUN_FILES = 3

const totals = { passed: 0, failed: 0 }
/** @type {string[]} */
const remarks = []
const installing = ended(spawn(process.execPath, ['scripts/system-programs.mjs'], { cwd: root, stdio: 'inherit' }))
ensurePackages()
await installing
// The checks, which come later, need them.
const fetching = fetchTools(CHECKED_GROUPS)
await step('npm test', 'npm', ['test', '--'])
process.env.FAULTS = 'sample'
await step('npm test -- --project faults', 'npm', ['test', '--', '--project', 'faults'])
await fetching
await step('npm run check', 'npm', ['run', 'check'])
const node = installNode(CURRENT_NODE)
// The file ledger's other SQLite library.
await step(`the faults on Node ${CURRENT_NODE}`, node, ['scripts/test.mjs', '--project', 'faults'])
await step(`the tests on Node ${CURRENT_NODE}`, node, ['scripts/test.mjs', ...ABOUT_NODE, ...NOT_ABOUT_NODE])
for (const remark of remarks) console.log(remark)
console.log(`\n${totals.passed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed > 0 ? 1 : 0

/**
 * Runs a command, shows its output, and adds what it counted. A command that fails without counting a failure counts as
 * one. Test files that fail are run once more, alone: browsers, servers and tests share two cores, and this separates a
 * test that fails only beside others from one that always fails. Both are named.
 * @param {string} title
 * @param {string} command
 * @param {readonly string[]} args
 */
async function step(title, command, args) {
  console.log(`\n── ${title}`)
  const first = await run(command, args)
  const { passed, failed } = count(first)
  totals.passed += passed
  if (first.code === 0 && passed > 0) return
  const failures = plain(first.output).filter((line) => /^\s*FAIL(ED)? /.test(line))
  const named = failures.map((line) => /test\/\S+\.test\.ts/.exec(line)?.[0])
  const files = [...new Set(named.flatMap((file) => file ?? []))]
  for (const line of new Set(failures)) remarks.push(`${title}: ${line.trim()}`)
  // A process or a file that was left behind is of no file's test, and no second run undoes it.
  const canRerun = files.length <= MAX_RERUN_FILES && !named.includes(undefined)
  if (files.length > 0 && canRerun) {
    console.log(`\n── ${title}, once more: ${files.join(' ')}`)
    const again = await run(command, [...args, ...files, '--maxWorkers=1'])
    if (again.code === 0 && count(again).passed > 0) {
      totals.passed += failed
      remarks.push(`${title}: passed when run once more, alone: ${files.join(' ')}`)
      return
    }
  }
  totals.failed += Math.max(failed, 1)
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (/** @type {Buffer} */ chunk) => {
    process.stdout.write(chunk)
    output += chunk
  })
  // vitest names failures on stderr.
  child.stderr.on('data', (/** @type {Buffer} */ chunk) => {
    process.stderr.write(chunk)
    output += chunk
  })
  return ended(child).then((code) => ({ code, output }))
}

/**
 * The last count in an output: vitest's (`Tests  1 failed | 20 passed (21)`) or our own (`20 passed, 1 failed`).
 * @param {{ output: string }} result
 */
function count({ output }) {
  const last = plain(output).findLast((line) => /^\s*Tests\s+\d|^\d+ passed, \d+ failed$/.test(line)) ?? ''
  return { passed: number(last, 'passed'), failed: number(last, 'failed') }
}

/**
 * The lines of an output without colours.
 * @param {string} output
 */
function plain(output) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
  return output.replace(/\u001b\[[0-9;]*m/g, '').split('\n')
}

/**
 * @param {string} line
 * @param {string} word
 */
function number(line, word) {
  return Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)
}
