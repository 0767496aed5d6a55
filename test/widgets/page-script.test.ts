import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { coreScript, keptText, OWN_PROPERTIES, observerScript, vitePageScript } from '../../scripts/page-script.mjs'

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

test('the page scripts that are kept between processes are what they are bundled to now', () => {
  const script = resolve(WIDGETS, 'page/script.ts')
  const text = vitePageScript.load(script)
  expect(text).toContain(`export const observerScript = ${JSON.stringify(observerScript())}\n`)
  expect(text).toContain(`export const coreScript = ${JSON.stringify(coreScript())}\n`)
  expect(vitePageScript.load(script)).toBe(text)
})

test('page scripts are not taken from what was kept once a file that they were made of is different or gone', () => {
  const kept = JSON.parse(readFileSync('node_modules/.cache/solveguard/page-scripts.json', 'utf8'))
  const main = Object.keys(kept.hashes).find((file) => file.endsWith('main.ts')) ?? ''
  const copy = join(tmpdir(), 'kept.json')
  onTestFinished(() => rmSync(copy))
  const textWith = (change: object) => {
    writeFileSync(copy, JSON.stringify({ ...kept, ...change }))
    return keptText(copy)
  }
  expect(textWith({})).toBe(kept.text)
  expect(textWith({ hashes: { ...kept.hashes, [main]: '0' } })).toBeUndefined()
  expect(textWith({ hashes: { ...kept.hashes, [`${main}.gone`]: '0' } })).toBeUndefined()
  expect(textWith({ version: '0.0.0' })).toBeUndefined()
  expect(keptText(join(tmpdir(), 'none.json'))).toBeUndefined()
})
