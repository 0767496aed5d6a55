// npm run mutate [-- [--since=COMMIT] part of a piece's name, or of a file's]: changes the source in one small way at a
// time (Stryker) and runs the tests of that piece, which have to fail. A change that no test notices survives. A run
// fails where more than a tenth survives, or one that test/mutation/survivors.json does not list with the reason. With
// --since only the lines that differ from those of a commit are changed.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { MIN_SCORE, PIECES } from './mutate/pieces.mjs'
import { ensurePackages, exitWith, root } from './setup.mjs'

/**
 * A change that no test notices, by what it changes and not by its line, so that other changes of the file leave it the
 * same.
 * @typedef {{ file: string, mutator: string, from: string, to: string }} Survivor
 * @typedef {import('@stryker-mutator/core').Stryker} Stryker
 * @typedef {Awaited<ReturnType<Stryker['runMutationTest']>>[number]} Mutant
 */

/** A block's text is long, and its beginning says which it is. */
const MAX_TEXT = 160

ensurePackages()
process.chdir(root)
const { Stryker } = await import('@stryker-mutator/core')
const {
  values: { since },
  positionals,
} = parseArgs({ options: { since: { type: 'string' } }, allowPositionals: true })
const pieces = chosen(positionals)
if (pieces.length === 0) exitWith(`No piece has that name: ${PIECES.map(({ name }) => name).join('; ')}.`)
/** @type {readonly (Survivor & { why: string })[]} */
const listed = JSON.parse(readFileSync('test/mutation/survivors.json', 'utf8'))

const folder = mkdtempSync(join(tmpdir(), 'sg-'))
// Tests that fail leave files behind.
process.env.TMPDIR = folder
try {
  for (const piece of pieces) {
    const ranges = since === undefined ? piece.files : piece.files.flatMap((file) => changedSince(since, file))
    if (ranges.length > 0) report(piece, await mutate(piece, ranges))
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
}

/**
 * The pieces whose name contains one of these words, whole, and of other pieces the files whose name does; without
 * words, all.
 * @param {readonly string[]} words
 */
function chosen(words) {
  const has = (/** @type {string} */ text) => words.length === 0 || words.some((word) => text.includes(word))
  return PIECES.map((piece) => (has(piece.name) ? piece : { ...piece, files: piece.files.filter(has) })).filter(
    ({ files }) => files.length > 0,
  )
}

/**
 * The lines of a file that differ from those of a commit, as Stryker takes them: `src/policy/money.ts:10-12`.
 * @param {string} commit
 * @param {string} file
 */
function changedSince(commit, file) {
  const diff = execFileSync('git', ['diff', '--unified=0', '--no-color', commit, '--', file], { encoding: 'utf8' })
  return [...diff.matchAll(/^@@ -\S+ \+(\d+)(?:,(\d+))? @@/gm)].flatMap(([, first, count = '1']) =>
    count === '0' ? [] : `${file}:${first}-${Number(first) + Number(count) - 1}`,
  )
}

/**
 * @param {import('./mutate/pieces.mjs').Piece} piece
 * @param {readonly string[]} ranges files, or lines of them
 */
async function mutate({ name, files, tests }, ranges) {
  process.env.SOLVEGUARD_MUTATE_TESTS = tests.join()
  const stryker = new Stryker({
    configFile: 'scripts/mutate/stryker.config.mjs',
    mutate: [...ranges],
    tempDirName: `.stryker-tmp/${name.replaceAll(/\W+/g, '-')}`,
  })
  // As they are now: a run takes minutes, and a file may be edited meanwhile.
  const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))
  const mutants = await stryker.runMutationTest()
  return mutants.map((mutant) => {
    const file = relative(root, mutant.fileName)
    const survivor = survivorOf(file, sources.get(file) ?? '', mutant)
    return { ...survivor, line: mutant.location.start.line, status: mutant.status }
  })
}

/**
 * @param {import('./mutate/pieces.mjs').Piece} piece
 * @param {Awaited<ReturnType<typeof mutate>>} mutants
 */
function report({ name }, mutants) {
  // A runtime error is a test file that could not be loaded.
  const valid = mutants.filter(({ status }) => status !== 'Ignored')
  // The lines that differ have nothing to mutate.
  if (valid.length === 0) return
  const survived = valid.filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
  const score = (100 * (valid.length - survived.length)) / valid.length
  console.log(`${name}: ${score.toFixed(1)} % (${valid.length - survived.length} of ${valid.length})`)
  // They count as noticed. On a machine that is busy, a timeout may say nothing of the mutant.
  for (const { file, line, from, to } of valid.filter(({ status }) => status === 'Timeout')) {
    console.log(`  ${file}:${line} timed out: ${from} → ${to}`)
  }
  const known = new Set(listed.map(keyOf))
  const fresh = survived.filter((mutant) => !known.has(keyOf(mutant)))
  for (const { file, line, status, mutator, from, to } of fresh) {
    console.log(`  ${file}:${line} ${status}\n    ${JSON.stringify({ file, mutator, from, to })}`)
  }
  const found = new Set(survived.map(keyOf))
  const files = new Set(mutants.map(({ file }) => file))
  for (const one of since === undefined ? listed : []) {
    if (files.has(one.file) && !found.has(keyOf(one))) console.log(`  listed, but noticed: ${keyOf(one)}`)
  }
  if (fresh.length > 0 || (since === undefined && !(score >= MIN_SCORE))) process.exitCode = 1
}

/**
 * @param {string} file
 * @param {string} source
 * @param {Mutant} mutant
 * @returns {Survivor}
 */
function survivorOf(file, source, { mutatorName, replacement, location: { start, end } }) {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  lines.push((lines.pop() ?? '').slice(0, end.column - 1))
  lines.unshift((lines.shift() ?? '').slice(start.column - 1))
  return { file, mutator: mutatorName, from: short(lines.join(' ')), to: short(replacement) }
}

/** @param {string} text */
function short(text) {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_TEXT)
}

/** @param {Survivor} survivor */
function keyOf({ file, mutator, from, to }) {
  return `${file} ${mutator}: ${from} → ${to}`
}
