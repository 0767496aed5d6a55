// Packs the package and uses it as its users do: test/consumers/ and examples/, against the tarball, in a project of
// its own.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findBrowser } from './find-browser.mjs'
import { root } from './setup.mjs'

const execute = promisify(execFile)
const require = createRequire(import.meta.url)
const consumers = `${root}test/consumers`
/** What users of the adapters have installed themselves. */
const BROWSER_TOOLS = ['playwright', 'playwright-core', 'playwright-extra', 'puppeteer-core', 'puppeteer-extra']

/**
 * The tarball that npm would publish of what is built.
 * @param {string} folder where to
 */
export async function pack(folder) {
  const { stdout } = await execute('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
    shell: process.platform === 'win32',
  })
  const [{ filename }] = JSON.parse(stdout)
  return join(folder, filename)
}

/**
 * A project with the package and its dependencies installed, and nothing else: no browser library above all. The
 * dependencies are links to those of this project, so that no network is needed.
 * @param {string} tarball
 * @param {string} folder
 */
export async function installPacked(tarball, folder) {
  const project = join(folder, 'project')
  const modules = join(project, 'node_modules')
  mkdirSync(join(modules, 'solveguard'), { recursive: true })
  await execute('tar', ['-xzf', tarball, '-C', join(modules, 'solveguard'), '--strip-components=1'])
  const { dependencies } = JSON.parse(readFileSync(join(modules, 'solveguard', 'package.json'), 'utf8'))
  for (const name of [...Object.keys(dependencies), ...sqlitePackage()]) link(modules, name)
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  return project
}

/** What the file ledger needs on a Node without `node:sqlite`. */
export function sqlitePackage() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 13) ? [] : ['libsql']
}

/**
 * Runs one consumer, with a folder for what it writes.
 * @param {string} project
 * @param {string} file
 */
export async function runConsumer(project, file) {
  copyFileSync(join(consumers, file), join(project, file))
  const state = join(project, `state-${file}`)
  mkdirSync(state)
  return execute(process.execPath, [file, state], { cwd: project, timeout: 60_000 }).catch(throwWithOutput)
}

/** Command lines of a project that has the package alone, with what is in their output. */
const COMMAND_LINES = /** @type {const} */ ([
  [['--version'], /^\d+\.\d+\.\d+\n$/],
  [['--help'], /Commands:/],
  [['init', '--yes', '--json'], /solveguard\.config\.ts/],
  // Loads the TypeScript that init has written, whose import is of this package.
  [['config', '--json'], /solveguard\.config\.ts/],
  [['explain', 'http://localhost:3000/login', '--json'], /"allowed":true/],
  [['doctor', '--offline', '--json'], /"checks":/],
  [['completion', 'bash'], /complete --/],
  [['complete', '--', 'ba'], /^balance\t/],
])

/**
 * Runs commands in a folder of its own: no development dependency is there, so that whatever they need is in the
 * package. `doctor` finds no key there.
 * @param {string} project
 * @param {string} [node] the program
 */
export async function runCommands(project, node = process.execPath) {
  const main = join(project, 'node_modules/solveguard/dist/cli/main.js')
  const cwd = mkdtempSync(join(tmpdir(), 'solveguard-commands-'))
  try {
    writeFileSync(join(cwd, 'package.json'), '{ "private": true }\n')
    for (const [args, expected] of COMMAND_LINES) {
      const env = { PATH: process.env.PATH, HOME: cwd, CI: '' }
      const running = execute(node, [main, ...args], { cwd, env, timeout: 60_000 })
      const { stdout, stderr } = await running.catch((error) => (error.code === 6 ? error : throwWithOutput(error)))
      if (!expected.test(stdout)) throw new Error(`solveguard ${args.join(' ')} printed:\n${stdout}${stderr}`)
    }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/**
 * Compiles the TypeScript consumer as an ES module and as CommonJS, by the compiler's strictest rules, and the
 * examples; and the consumer as for a bundler, which resolves modules in another way.
 * @param {string} project
 */
export async function compileTypes(project) {
  for (const name of [...BROWSER_TOOLS, '@types/node']) link(join(project, 'node_modules'), name)
  for (const ending of ['mts', 'cts']) copyFileSync(join(consumers, 'types.ts'), join(project, `types.${ending}`))
  // A copy of its own: the examples may run at the same time.
  const examples = copyExamples(project, 'examples-types')
  const all = readdirSync(examples, { recursive: true, encoding: 'utf8' })
  const files = all.filter((file) => file.endsWith('.ts')).map((file) => join(examples, file))
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2022']
  const args = [
    require.resolve('typescript/bin/tsc'),
    ...options,
    '--types',
    'node',
    'types.mts',
    'types.cts',
    ...files,
  ]
  copyFileSync(join(consumers, 'types.ts'), join(project, 'types-bundler.ts'))
  const bundler = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'esnext', '--target', 'es2022']
  const resolved = ['--moduleResolution', 'bundler', '--types', 'node', 'types-bundler.ts']
  const both = [args, [require.resolve('typescript/bin/tsc'), ...bundler, ...resolved]]
  await Promise.all(both.map((each) => execute(process.execPath, each, { cwd: project }).catch(throwWithOutput)))
}

/**
 * Runs every example, with a browser for those that need one. They start the stand-ins that they need themselves.
 * @param {string} project
 */
export async function runExamples(project) {
  for (const name of BROWSER_TOOLS) link(join(project, 'node_modules'), name)
  const folder = copyExamples(project, 'examples')
  const env = { ...process.env, CHROMIUM_PATH: (await findBrowser())?.path ?? '' }
  for (const script of readdirSync(join(folder, 'script'))) {
    await execute(process.execPath, [join('script', script)], { cwd: folder, env, timeout: 60_000 }).catch(
      throwWithOutput,
    )
  }
  const playwright = join(project, 'node_modules', 'playwright', 'cli.js')
  await execute(process.execPath, [playwright, 'test', '--config', 'playwright-test'], {
    cwd: folder,
    env: { ...env, SHOP_PORT: String(await freePort()) },
    timeout: 120_000,
  }).catch(throwWithOutput)
}

/**
 * Runs the package's own command: the demo, in a project that has Playwright, in one that has not, and, as npx does,
 * from elsewhere in a folder that has.
 * @param {string} tarball
 * @param {string} folder
 */
export async function runDemo(tarball, folder) {
  // Other steps may give the project that they share Playwright at any time.
  const project = await installPacked(tarball, mkdtempSync(join(folder, 'demo-')))
  const command = join(project, 'node_modules', 'solveguard', 'dist', 'cli', 'main.js')
  const env = { ...process.env, CHROMIUM_PATH: (await findBrowser())?.path ?? '' }
  const demo = (/** @type {string} */ cwd) =>
    execute(process.execPath, [command, 'demo'], { cwd, env, timeout: 120_000 })
  const without = await demo(project).catch((error) => error)
  if (without.code !== 1 || !/^ *the demo needs Playwright: run `npm install playwright`/m.test(without.stderr)) {
    throw new Error(`without Playwright: ${without.stdout}${without.stderr ?? ''}`)
  }
  const elsewhere = mkdtempSync(join(tmpdir(), 'solveguard-demo-'))
  try {
    mkdirSync(join(elsewhere, 'node_modules'))
    link(join(elsewhere, 'node_modules'), 'playwright')
    const { stdout } = await demo(elsewhere).catch(throwWithOutput)
    if (!/\ndemo ok: /.test(stdout)) throw new Error(stdout)
  } finally {
    rmSync(elsewhere, { recursive: true, force: true })
  }
  link(join(project, 'node_modules'), 'playwright')
  const { stdout } = await demo(project).catch(throwWithOutput)
  if (!/\ndemo ok: /.test(stdout)) throw new Error(stdout)
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  return port
}

/**
 * @param {string} project
 * @param {string} name of the copy
 */
function copyExamples(project, name) {
  const folder = join(project, name)
  cpSync(`${root}examples`, folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  return folder
}

/**
 * What a program that failed said, as the error's message.
 * @param {Error & { stdout?: string, stderr?: string }} error
 * @returns {never}
 */
function throwWithOutput(error) {
  throw new Error(`${error.stdout ?? ''}${error.stderr ?? ''}` || error.message)
}

/**
 * @param {string} modules
 * @param {string} name
 */
function link(modules, name) {
  if (existsSync(join(modules, name))) return
  mkdirSync(dirname(join(modules, name)), { recursive: true })
  symlinkSync(`${root}node_modules/${name}`, join(modules, name), 'junction')
}
