// npm run release -- COMMAND. What a release needs before and while .github/workflows/release.yml publishes it:
//   prepare 0.2.0   writes the version into package.json, package-lock.json, src/base/version.ts and CHANGELOG.md
//   verify v0.2.0   fails if the tag, those files and the changelog disagree
//   notes v0.2.0    prints the version's part of the changelog
//   dry-run         checks, builds and packs what is here, and prints what would be published
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dateOf, releaseNotes, releaseSection, section } from './changelog.mjs'
import { ensurePackages, exitWith, root } from './setup.mjs'

const VERSION = /^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/

/** @type {Readonly<Record<string, (version: string) => void>>} */
const COMMANDS = { prepare, verify, notes, 'dry-run': dryRun }

const [name = '', argument = ''] = process.argv.slice(2)
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
if (!command) exitWith(`npm run release -- ${Object.keys(COMMANDS).join(' | ')}`)
try {
  command(name === 'dry-run' ? '' : versionOf(argument))
} catch (error) {
  exitWith(error instanceof Error ? error.message : String(error))
}

/** @param {string} argument a version, or the tag of one */
function versionOf(argument) {
  const version = argument.replace(/^v/, '')
  if (!VERSION.test(version)) throw new Error(`'${argument}' is no version: write it as 0.2.0 or v0.2.0.`)
  return version
}

/** @param {string} version */
function prepare(version) {
  const changelog = releaseSection(read('CHANGELOG.md'), version, new Date().toISOString().slice(0, 10))
  execFileSync('npm', ['version', version, '--no-git-tag-version', '--allow-same-version'], { cwd: root })
  const source = read('src/base/version.ts').replace(/'[^']+'$/m, `'${version}'`)
  write('src/base/version.ts', source)
  write('CHANGELOG.md', changelog)
  console.log(`Version ${version} is written. Look at the changes, commit them, and push the tag v${version}.`)
}

/** @param {string} version */
function verify(version) {
  const problems = problemsOf(version)
  if (problems.length > 0) throw new Error(problems.join('\n'))
  console.log(`Everything names version ${version}.`)
}

/** @param {string} version */
function problemsOf(version) {
  const lock = JSON.parse(read('package-lock.json'))
  const changelog = read('CHANGELOG.md')
  const found = {
    'package.json': JSON.parse(read('package.json')).version,
    'package-lock.json': lock.version === lock.packages[''].version ? lock.version : 'two versions',
    'src/base/version.ts': /'([^']+)'$/m.exec(read('src/base/version.ts'))?.[1],
  }
  return [
    ...Object.entries(found).flatMap(([file, one]) => (one === version ? [] : [`${file} has ${one}, not ${version}.`])),
    ...(section(changelog, version) ? [] : [`CHANGELOG.md has no section for ${version}.`]),
    ...(dateOf(changelog, version) ? [] : [`CHANGELOG.md has no date for ${version}.`]),
  ]
}

/** @param {string} version */
function notes(version) {
  const { repository } = JSON.parse(read('package.json'))
  const text = releaseNotes(read('CHANGELOG.md'), version, repository.url.replace(/^git\+|\.git$/g, ''))
  if (!text) throw new Error(`CHANGELOG.md has no section for ${version}.`)
  console.log(text)
}

/** Everything that the workflow does but the upload. */
function dryRun() {
  ensurePackages()
  const { version } = JSON.parse(read('package.json'))
  const problems = problemsOf(version)
  const shown = section(read('CHANGELOG.md'), version) ?? section(read('CHANGELOG.md'), 'Unreleased')
  npm('run', 'check')
  npm('run', 'build')
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], { cwd: root, encoding: 'utf8' }),
  )
  const kib = (/** @type {number} */ bytes) => `${Math.round(bytes / 1024)} KiB`
  console.log(
    `\n${packed.id}: ${packed.entryCount} files, ${kib(packed.size)} packed, ${kib(packed.unpackedSize)} unpacked`,
  )
  console.log(`\nRelease notes:\n\n${shown ?? 'none'}\n`)
  for (const problem of problems) console.log(`before the tag: ${problem}`)
  console.log('Nothing was published.')
}

/** @param {readonly string[]} args */
function npm(...args) {
  execFileSync('npm', args, { cwd: root, stdio: 'inherit' })
}

/** @param {string} file */
function read(file) {
  return readFileSync(join(root, file), 'utf8')
}

/**
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  writeFileSync(join(root, file), text)
}
