import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { maybePromises } from '../../scripts/maybe-promises.mjs'

const RIGHT = `
  declare const sure: () => Promise<number>
  declare const maybe: () => number | Promise<number>
  declare const optional: { close?: () => Promise<void> }
  await Promise.all([sure(), (async () => maybe())(), optional.close?.(), 5])
  await Promise.all([1, 2].map(async () => maybe()))
`
const WRONG = [
  'Promise.all([sure(), maybe()])',
  'Promise.allSettled([1, 2].map(() => maybe()))',
  'Promise.race([maybe()])',
]

it('finds each value in Promise.all and its like that may be a promise, and no other', () => {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-promises-'))
  writeFileSync(join(folder, 'right.ts'), RIGHT)
  writeFileSync(join(folder, 'wrong.ts'), `${RIGHT.replaceAll('await', 'void')}${WRONG.join('\n  ')}\n`)
  const found = maybePromises(folder)
  rmSync(folder, { recursive: true })
  expect(found.filter((one) => one.startsWith('right.ts'))).toEqual([])
  expect(found.map((one) => one.replace(/^wrong\.ts:\d+ /, ''))).toEqual([
    'maybe()',
    '[1, 2].map(() => maybe())',
    'maybe()',
  ])
})
