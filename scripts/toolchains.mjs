// Bundlers and Jest: each bundler builds one program with the packed package, by the lines of docs/toolchains.md, and
// the bundle is run.
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { fetchTools } from './fetch-tools.mjs'
import { root } from './setup.mjs'
import { TOOLCHAINS } from './toolchain-packages.mjs'

const execute = promisify(execFile)
const SAID = 'solved, ORIGIN_NOT_NAMED, spent true, audit true'
const PROGRAM = 'toolchain-program.mjs'

/**
 * @param {string} project where the packed package is installed
 */
export async function runToolchains(project) {
  if (!(await fetchTools(['toolchains']))) throw new Error('The bundlers and Jest could not be installed.')
  copyFileSync(`${root}test/consumers/toolchains/program.mjs`, join(project, PROGRAM))
  linkLibsql(project)
  await runs(project, PROGRAM)
  await withEsbuild(project)
  await withWebpack(project)
  await withRollup(project)
  await withJest(project)
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
  const webpack = createRequire(join(TOOLCHAINS, 'index.js'))('webpack')
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
  const load = createRequire(join(TOOLCHAINS, 'index.js'))
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
  link(join(TOOLCHAINS, 'node_modules', '@jest'), join(project, 'node_modules', '@jest'))
  mkdirSync(join(project, 'node_modules', '@types'), { recursive: true })
  link(join(root, 'node_modules', '@types', 'node'), join(project, 'node_modules', '@types', 'node'))
  const folder = join(project, 'jest')
  mkdirSync(folder)
  copyFileSync(`${root}test/consumers/toolchains/solve.jest.ts`, join(folder, 'solve.test.ts'))
  const compilerOptions = { module: 'commonjs', target: 'es2022', strict: true, esModuleInterop: true, types: ['node'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  const transform = { '\\.ts$': join(TOOLCHAINS, 'node_modules', 'ts-jest') }
  writeFileSync(join(folder, 'jest.config.json'), JSON.stringify({ testEnvironment: 'node', transform }))
  const env = { ...process.env, STATE_DIR: join(folder, 'state') }
  const args = [join(TOOLCHAINS, 'node_modules', 'jest', 'bin', 'jest.js'), '--ci', '--testTimeout', '60000']
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
 */
async function runs(project, file) {
  const { stdout } = await execute(process.execPath, [file], { cwd: project, timeout: 60_000 }).catch((error) => {
    throw new Error(`${file}: ${error.stdout ?? ''}${error.stderr ?? ''}` || error.message)
  })
  if (stdout.trim() !== SAID) throw new Error(`${file} said: ${stdout}`)
}
