import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OWN_PROPERTIES } from '../../scripts/page-script.mjs'

const WIDGETS = 'src/widgets'
const sources = readdirSync(WIDGETS, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(WIDGETS, file), 'utf8') }))

test('no property whose name is shortened in the page scripts is named by a string', () => {
  const quoted = new RegExp(`['"](?:${OWN_PROPERTIES.join('|')})['"]`)
  const found = sources.filter(({ file }) => /page/.test(file)).filter(({ text }) => quoted.test(text))
  expect(found.map(({ file }) => file)).toEqual([])
})

test('no property whose name is shortened in the page scripts is known to Node', () => {
  const declared = new RegExp(`\\b(?:${OWN_PROPERTIES.join('|')})\\??:`)
  const known = sources.filter(({ file }) => /protocol\.ts$|facts\.ts$/.test(file))
  expect(known.length).toBeGreaterThan(5)
  expect(known.filter(({ text }) => declared.test(text)).map(({ file }) => file)).toEqual([])
})
