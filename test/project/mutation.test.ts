import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { PIECES } from '../../scripts/mutate/pieces.mjs'

const root = join(import.meta.dirname, '../..')
const files = PIECES.flatMap((piece) => piece.files)

it('each piece of the mutation tests has files and tests that exist, and no file is in two pieces', () => {
  for (const { name, files, tests } of PIECES) {
    expect(files.length, name).toBeGreaterThan(0)
    expect(tests.length, name).toBeGreaterThan(0)
    expect([...files, ...tests].filter((path) => !existsSync(join(root, path)))).toEqual([])
  }
  expect(files.length).toBe(new Set(files).size)
})

const listed: { file: string; mutator: string; from: string; to: string; why: string }[] = JSON.parse(
  readFileSync(join(root, 'test/mutation/survivors.json'), 'utf8'),
)

it('each listed survivor is of a mutated file, is listed once, and has its reason', () => {
  expect(listed.filter(({ file }) => !files.includes(file))).toEqual([])
  expect(listed.filter(({ why }) => !/^[A-Z].{20,}\.$/.test(why))).toEqual([])
  const keys = listed.map(({ file, mutator, from, to }) => [file, mutator, from, to].join('\n'))
  expect(keys.length).toBe(new Set(keys).size)
})

// A run of a piece says more (`listed, but noticed`), but takes minutes, and a change runs one of them at most.
it('each listed survivor changes a text that its file still has', () => {
  const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8').replaceAll(/\s+/g, ' ')]))
  expect(listed.filter(({ file, from }) => !sources.get(file)?.includes(from))).toEqual([])
})
