// npm run check [-- part of a step's name]: everything about the project that is checked without running its tests.
// Several steps run at a time, as most of them use one core. One line for each step when it ends, and its output only
// where it fails.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { wideComments } from './comment-width.mjs'
import { compileTypes, installPacked, pack, runCommands, runConsumer, runDemo, runExamples } from './consumers.mjs'
import { docProblems } from './doc-comments.mjs'
import { exportsField, typesVersionsField } from './entries.mjs'
import { checkInstalledSize } from './installed-size.mjs'
import { maybePromises } from './maybe-promises.mjs'
import { ensureBrowser, ensurePackages, root } from './setup.mjs'
import { checkSite } from './site-check.mjs'
import { checkBundlers, checkManagers, checkNext, checkRuntimes } from './toolchains.mjs'

/**
 * A step throws if it found something; the message says what.
 * `byNameOnly`: it takes long, and is run where its name is given.
 * @typedef {{ name: string, run: () => unknown, needs?: string[], byNameOnly?: boolean }} Step
 */

ensurePackages()
await ensureBrowser()
process.chdir(root)
const folder = mkdtempSync(join(tmpdir(), 'solveguard-check-'))
/** The packed package and a project that has it installed: made by their step, used by the ones after it. */
const packed = { tarball: '', project: '' }

/**
 * Begun in this order as soon as what they need is done: the package first, whose steps wait for each other, and of
 * those the longest first.
 * @type {readonly Step[]}
 */
const STEPS = [
  { name: 'build', run: () => tool(process.execPath, 'scripts/build.mjs') },
  { name: 'types', run: () => tool('tsc', '-p', '.') },
  { name: 'pack', run: packAndInstall, needs: ['build'] },
  ...ofThePackage([
    { name: 'the examples', run: () => runExamples(packed.project) },
    { name: 'toolchain: bundlers and Jest', run: () => checkBundlers(packed.project) },
    { name: "toolchain: pnpm and Yarn's Plug'n'Play", run: () => checkManagers(packed.tarball, folder) },
    { name: 'the demo of the package', run: () => runDemo(packed.tarball, folder) },
    { name: 'a TypeScript consumer, ESM and CommonJS', run: () => compileTypes(packed.project) },
    { name: 'types of the package (attw)', run: () => tool('attw', packed.tarball) },
    { name: 'package shape (publint)', run: () => tool('publint', packed.tarball, '--strict') },
    { name: 'size of what is installed', run: () => checkInstalledSize(packed.project) },
    { name: 'the commands of the package', run: () => runCommands(packed.project) },
    { name: 'toolchain: Bun and Deno', run: () => checkRuntimes(packed.tarball, folder) },
    { name: 'a CommonJS consumer', run: () => runConsumer(packed.project, 'commonjs.cjs') },
    { name: 'an ESM consumer', run: () => runConsumer(packed.project, 'esm.mjs') },
    { name: 'toolchain: Next.js', run: () => checkNext(packed.tarball), byNameOnly: true },
  ]),
  { name: 'the site of the documentation', run: () => tool(process.execPath, 'scripts/site.mjs') },
  { name: 'the site in a browser', run: () => checkSite(), needs: ['the site of the documentation'] },
  { name: 'unused code and packages', run: () => tool('knip') },
  { name: 'examples of deployment', run: () => tool(process.execPath, 'scripts/deployment.mjs') },
  { name: 'lint, format, reveal() in egress only', run: () => tool('biome', 'check', '--error-on-warnings', '.') },
  { name: 'direction of imports', run: () => tool('depcruise', 'src', '--config', '.dependency-cruiser.cjs') },
  { name: 'types of the apps in tests', run: () => tool('tsc', '-p', 'test/widgets/npm/apps') },
  { name: 'doc comments of public names', run: checkDocComments },
  { name: 'only promises in Promise.all', run: checkPromises },
  { name: 'comments of at most 120 columns', run: checkComments },
  { name: 'exports of package.json', run: checkExports },
]

/** How many steps run at a time. */
const LANES = Math.max(2, availableParallelism())

const counts = { passed: 0, failed: 0 }
try {
  await runAll(chosen(process.argv.slice(2)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0

/**
 * Runs each step once those that it needs have ended, however they did: it names then what is missing.
 * @param {readonly Step[]} steps
 */
async function runAll(steps) {
  const waiting = [...steps]
  const ended = new Set()
  /** @type {Set<Promise<void>>} */
  const running = new Set()
  while (waiting.length > 0 || running.size > 0) {
    const at = waiting.findIndex(({ needs = [] }) => needs.every((name) => ended.has(name)))
    const [step] = at >= 0 && running.size < LANES ? waiting.splice(at, 1) : []
    if (!step) {
      await Promise.race(running)
      continue
    }
    const run = report(step).then(() => {
      ended.add(step.name)
      running.delete(run)
    })
    running.add(run)
  }
}

/** @param {Step} step */
async function report(step) {
  const start = performance.now()
  const problem = await attempt(step)
  counts[problem === undefined ? 'passed' : 'failed']++
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${problem === undefined ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)`)
  if (problem !== undefined) console.log(problem.trimEnd().replace(/^/gm, '       '))
}

/** @param {readonly Step[]} steps */
function ofThePackage(steps) {
  return steps.map((step) => ({ ...step, needs: ['build', 'pack'] }))
}

/**
 * The steps whose name holds one of these words, and what they need; without words, all.
 * @param {readonly string[]} words
 */
function chosen(words) {
  const named = STEPS.filter(({ name, byNameOnly }) =>
    words.length === 0 ? !byNameOnly : words.some((word) => name.includes(word)),
  )
  const needed = new Set(named.flatMap(({ needs = [] }) => needs))
  return STEPS.filter((step) => named.includes(step) || needed.has(step.name))
}

/**
 * What a step found, or undefined if all is well.
 * @param {Step} step
 */
async function attempt(step) {
  try {
    await step.run()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Runs one of the installed tools. If it fails, its output is the error.
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<void>}
 */
function tool(command, ...args) {
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`
  const child = spawn(command, args, {
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(output || `${command} ended with ${code}`))))
  })
}

function checkComments() {
  const wide = wideComments()
  if (wide.length > 0) throw new Error(`Break these comments:\n${wide.join('\n')}`)
}

function checkDocComments() {
  const problems = docProblems().map(({ file, line, name, problem }) => `${file}:${line}  ${name} ${problem}`)
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

function checkPromises() {
  const found = maybePromises()
  if (found.length > 0)
    throw new Error(`Each of these may throw instead; wrap it in promised() of src/base/async.ts:\n${found.join('\n')}`)
}

function checkExports() {
  const { exports, typesVersions } = JSON.parse(readFileSync('package.json', 'utf8'))
  const wanted = { exports: exportsField(), typesVersions: typesVersionsField() }
  if (!isDeepStrictEqual({ exports, typesVersions }, wanted)) {
    throw new Error(`package.json has to have, by scripts/entries.mjs:\n${JSON.stringify(wanted, null, 2)}`)
  }
}

async function packAndInstall() {
  packed.tarball = await pack(folder)
  packed.project = await installPacked(packed.tarball, folder)
}
