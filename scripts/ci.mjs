// What .ci/run does: the tests by the README's command, the checks, and the tests again on a current Node. The last line
// adds everything up.
import { spawn } from 'node:child_process'
import { installNode } from './node-versions.mjs'
import { ensurePackages, root } from './setup.mjs'

const CURRENT_NODE = 26

const totals = { passed: 0, failed: 0 }
ensurePackages()
await step('npm test', 'npm', ['test'])
await step('npm run check', 'npm', ['run', 'check'])
const node = installNode(CURRENT_NODE)
await step(`the tests on Node ${CURRENT_NODE}`, node, ['scripts/test.mjs'])
console.log(`\n${totals.passed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed > 0 ? 1 : 0

/**
 * Runs a command, shows what it says, and adds what it counted. One that fails without a failure counted counts as one.
 * @param {string} title
 * @param {string} command
 * @param {readonly string[]} args
 */
async function step(title, command, args) {
  console.log(`\n── ${title}`)
  const { code, output } = await run(command, args)
  const { passed, failed } = count(output)
  totals.passed += passed
  totals.failed += code === 0 && passed > 0 ? failed : Math.max(failed, 1)
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (/** @type {Buffer} */ chunk) => {
    process.stdout.write(chunk)
    output += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/**
 * The last count in an output: vitest's (`Tests  1 failed | 20 passed (21)`) or our own (`20 passed, 1 failed`).
 * @param {string} output
 */
function count(output) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
  const lines = output.replace(/\u001b\[[0-9;]*m/g, '').split('\n')
  const last = lines.findLast((line) => /^\s*Tests\s+\d|^\d+ passed, \d+ failed$/.test(line)) ?? ''
  return { passed: number(last, 'passed'), failed: number(last, 'failed') }
}

/**
 * @param {string} line
 * @param {string} word
 */
function number(line, word) {
  return Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)
}
