import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { NOT_MUTATED, PIECES, WHOLE_FOLDERS } from '../../scripts/mutate/pieces.mjs'

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

it('each file of policy, gate, spending, egress, ledger and audit is in a piece, or named with the reason', () => {
  const all = WHOLE_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, 'src', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `src/${folder}/${name.replaceAll('\\', '/')}`),
  )
  const exempt = (file: string) =>
    Object.keys(NOT_MUTATED).some((name) => file.startsWith(name) || file.endsWith(`/${name}`))
  expect(all.length).toBeGreaterThan(50)
  expect(all.filter((file) => !files.includes(file) && !exempt(file))).toEqual([])
  expect(files.filter(exempt)).toEqual([])
})

it('each listed survivor is of a mutated file, is listed once, and has its reason', () => {
  const listed: { file: string; mutator: string; from: string; to: string; why: string }[] = JSON.parse(
    readFileSync(join(root, 'test/mutation/survivors.json'), 'utf8'),
  )
  expect(listed.filter(({ file }) => !files.includes(file))).toEqual([])
  expect(listed.filter(({ why }) => !/^[A-Z].{20,}\.$/.test(why))).toEqual([])
  const keys = listed.map(({ file, mutator, from, to }) => [file, mutator, from, to].join('\n'))
  expect(keys.length).toBe(new Set(keys).size)
})
