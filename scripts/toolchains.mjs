// Bundlers, Jest, other runtimes and package managers: one program with the packed package is built, installed and run
// with each, by the lines of docs/toolchains.md.
import { execFile, spawn } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { installPacked, sqlitePackage } from './consumers.mjs'
import { fetchTools } from './fetch-tools.mjs'
import { root } from './setup.mjs'
import { toolchainFolder } from './toolchain-packages.mjs'

const execute = promisify(execFile)
const SAID = 'solved, ORIGIN_NOT_NAMED, spent true, audit true'
const PROGRAM = 'toolchain-program.mjs'

const BUNDLERS = toolchainFolder('bundlers')

/**
 * @param {string} project where the packed package is installed
 */
export async function checkBundlers(project) {
  await fetched('bundlers')
  copyProgram(project)
  linkLibsql(project)
  await runs(project, PROGRAM)
  await withEsbuild(project)
  await withWebpack(project)
  await withRollup(project)
  await withJest(project)
}

/**
 * Deno runs it. Bun is refused, by one sentence, when a guard is created.
 * @param {string} tarball
 * @param {string} folder
 */
export async function checkRuntimes(tarball, folder) {
  await fetched('runtimes')
  const project = await installPacked(tarball, mkdtempSync(join(folder, 'runtimes-')))
  copyProgram(project)
  await runs(project, PROGRAM, commandOf('runtimes', 'deno'), ['run', '--allow-all'])
  const refused = await execute(commandOf('runtimes', 'bun'), [PROGRAM], { cwd: project, timeout: 60_000 }).catch(
    (error) => error,
  )
  const { code, stderr } = /** @type {{ code?: number, stderr: string }} */ (refused)
  const isOneSentence = stderr.includes('solveguard does not run on Bun: run it with Node.js or Deno.')
  if (code !== 1 || !isOneSentence || !stderr.includes('CONFIG_INVALID')) {
    throw new Error(`Bun ended with ${code}: ${stderr}`)
  }
}

/**
 * Package managers that show a package only what it names itself: pnpm, and Yarn's Plug'n'Play.
 * @param {string} tarball
 * @param {string} folder
 */
export async function checkManagers(tarball, folder) {
  await fetched('managers')
  const packages = [`solveguard@file:${tarball}`, ...sqlitePackage().map((name) => `${name}@${versionOf(name)}`)]
  const prepared = (/** @type {string} */ name) => {
    const project = mkdtempSync(join(folder, `${name}-`))
    writeFileSync(join(project, 'package.json'), `{ "name": "of-${name}", "private": true }\n`)
    copyProgram(project)
    return project
  }
  const withPnpm = prepared('pnpm')
  await install(commandOf('managers', 'pnpm'), ['add', '--store-dir', join(withPnpm, 'store'), ...packages], withPnpm)
  await runs(withPnpm, PROGRAM)
  const withYarn = prepared('yarn')
  writeFileSync(join(withYarn, 'yarn.lock'), '')
  await install(commandOf('managers', 'yarn'), ['add', ...packages], withYarn)
  await runs(withYarn, PROGRAM, commandOf('managers', 'yarn'), ['node'])
}

/**
 * A server route of Next.js: built into a server bundle, served, and asked. Takes half a minute, most of which is
 * Next.js.
 * @param {string} tarball
 */
export async function checkNext(tarball) {
  await fetched('next')
  // Next.js is looked for in the folders above.
  const folder = mkdtempSync(join(toolchainFolder('next'), 'project-'))
  const project = await installPacked(tarball, folder)
  linkLibsql(project)
  cpSync(`${root}test/consumers/toolchains/next`, project, { recursive: true })
  const { startSolverService } = createRequire(join(project, 'index.js'))('solveguard/testing')
  const service = await startSolverService({ price: 0.001, solveMs: 20 })
  const env = {
    ...process.env,
    NEXT_TELEMETRY_DISABLED: '1',
    REPOSITORY: root,
    SOLVEGUARD_KEY: service.key,
    SERVICE_URL: service.url,
    STATE_DIR: join(project, 'state'),
  }
  const next = join(toolchainFolder('next'), 'node_modules', 'next', 'dist', 'bin', 'next')
  try {
    await execute(process.execPath, [next, 'build'], { cwd: project, env, timeout: 300_000 }).catch((error) => {
      throw new Error(`next build: ${error.stdout ?? ''}${error.stderr ?? ''}` || error.message)
    })
    const answer = await askNext(next, project, env)
    if (answer !== '{"solved":true,"denied":"ORIGIN_NOT_NAMED","spent":1000}') throw new Error(`Next.js: ${answer}`)
  } finally {
    await service.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * What the route answers.
 * @param {string} next
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string>}
 */
async function askNext(next, cwd, env) {
  const server = spawn(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', '0'], { cwd, env })
  let said = ''
  try {
    const url = await new Promise((resolve, reject) => {
      const collect = (/** @type {Buffer} */ chunk) => {
        said += chunk
        const [, address] = /(http:\/\/127\.0\.0\.1:\d+)[\s\S]*Ready/.exec(said) ?? []
        if (address) resolve(address)
      }
      server.stdout.on('data', collect)
      server.stderr.on('data', collect)
      server.on('error', reject)
      server.on('close', () => reject(new Error(`next start ended: ${said}`)))
    })
    const response = await fetch(`${url}/solve`, { signal: AbortSignal.timeout(60_000) })
    return response.ok ? await response.text() : `${response.status} ${said}`
  } finally {
    server.kill()
  }
}

/** @param {import('./toolchain-packages.mjs').ToolchainGroup} group */
async function fetched(group) {
  if (!(await fetchTools([group]))) throw new Error(`The packages of the group ${group} could not be installed.`)
}

/**
 * @param {import('./toolchain-packages.mjs').ToolchainGroup} group
 * @param {string} name
 */
function commandOf(group, name) {
  return join(toolchainFolder(group), 'node_modules', '.bin', name)
}

/** @param {string} name */
function versionOf(name) {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
async function install(command, args, cwd) {
  // On a CI machine Yarn would refuse to write a lock file.
  const yarn = { YARN_ENABLE_GLOBAL_CACHE: '0', YARN_ENABLE_IMMUTABLE_INSTALLS: '0', YARN_ENABLE_TELEMETRY: '0' }
  await execute(command, args, { cwd, env: { ...process.env, ...yarn }, timeout: 120_000 }).catch((error) => {
    throw new Error(`${command} ${args.join(' ')}: ${error.stdout ?? ''}${error.stderr ?? ''}` || error.message)
  })
}

/** @param {string} project */
function copyProgram(project) {
  copyFileSync(`${root}test/consumers/toolchains/program.mjs`, join(project, PROGRAM))
}

/** @param {string} project */
function linkLibsql(project) {
  link(join(root, 'node_modules', 'libsql'), join(project, 'node_modules', 'libsql'))
}

/** @param {string} project */
async function withEsbuild(project) {
  /** @type {import('esbuild').BuildOptions} */
  const options = {
    absWorkingDir: project,
    entryPoints: [PROGRAM],
    bundle: true,
    platform: 'node',
    target: 'node20',
    external: ['libsql'],
    logLevel: 'silent',
  }
  await build({ ...options, format: 'cjs', outfile: 'esbuild.cjs' })
  const js = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"
  await build({ ...options, format: 'esm', outfile: 'esbuild.mjs', banner: { js } })
  await runs(project, 'esbuild.cjs')
  await runs(project, 'esbuild.mjs')
}

/** @param {string} project */
async function withWebpack(project) {
  const webpack = createRequire(join(BUNDLERS, 'index.js'))('webpack')
  const compiler = webpack({
    mode: 'production',
    // Minifying takes longest, and is no question of this package.
    optimization: { minimize: false },
    target: 'node',
    context: project,
    entry: `./${PROGRAM}`,
    output: { path: project, filename: 'webpack.cjs' },
    externals: { libsql: 'commonjs libsql' },
  })
  const stats = await promisify(compiler.run.bind(compiler))()
  if (stats.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }))
  await runs(project, 'webpack.cjs')
}

/** @param {string} project */
async function withRollup(project) {
  const load = createRequire(join(BUNDLERS, 'index.js'))
  const { rollup } = load('rollup')
  const bundle = await rollup({
    input: join(project, PROGRAM),
    external: ['libsql'],
    plugins: [
      load('@rollup/plugin-node-resolve').default({ preferBuiltins: true, exportConditions: ['node'] }),
      load('@rollup/plugin-commonjs')({ ignore: ['node:sqlite'] }),
      load('@rollup/plugin-json')(),
    ],
    onwarn() {},
  })
  await bundle.write({ file: join(project, 'rollup.cjs'), format: 'cjs', inlineDynamicImports: true })
  await bundle.close()
  await runs(project, 'rollup.cjs')
}

/** @param {string} project */
async function withJest(project) {
  link(join(BUNDLERS, 'node_modules', '@jest'), join(project, 'node_modules', '@jest'))
  mkdirSync(join(project, 'node_modules', '@types'), { recursive: true })
  link(join(root, 'node_modules', '@types', 'node'), join(project, 'node_modules', '@types', 'node'))
  const folder = join(project, 'jest')
  mkdirSync(folder)
  copyFileSync(`${root}test/consumers/toolchains/solve.jest.ts`, join(folder, 'solve.test.ts'))
  const compilerOptions = { module: 'commonjs', target: 'es2022', strict: true, esModuleInterop: true, types: ['node'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  const transform = { '\\.ts$': join(BUNDLERS, 'node_modules', 'ts-jest') }
  writeFileSync(join(folder, 'jest.config.json'), JSON.stringify({ testEnvironment: 'node', transform }))
  const env = { ...process.env, STATE_DIR: join(folder, 'state') }
  const args = [join(BUNDLERS, 'node_modules', 'jest', 'bin', 'jest.js'), '--ci', '--testTimeout', '60000']
  await execute(process.execPath, args, { cwd: folder, env, timeout: 120_000 }).catch((error) => {
    throw new Error(`Jest: ${error.stdout ?? ''}${error.stderr ?? ''}` || error.message)
  })
}

/**
 * @param {string} target
 * @param {string} path
 */
function link(target, path) {
  if (!existsSync(path)) symlinkSync(target, path, 'junction')
}

/**
 * @param {string} project
 * @param {string} file
 * @param {string} [command]
 * @param {readonly string[]} [args]
 */
async function runs(project, file, command = process.execPath, args = []) {
  const options = { cwd: project, env: { ...process.env, YARN_ENABLE_GLOBAL_CACHE: '0' }, timeout: 60_000 }
  const { stdout } = await execute(command, [...args, file], options).catch((error) => {
    throw new Error(`${command} ${file}: ${error.stdout ?? ''}${error.stderr ?? ''}` || error.message)
  })
  if (stdout.trim() !== SAID) throw new Error(`${command} ${file} said: ${stdout}`)
}
