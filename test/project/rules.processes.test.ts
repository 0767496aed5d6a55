import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// Rules that no longer find anything look just like a house in order: so each is shown what it has to find.

const bin = (name: string) => resolve('node_modules/.bin', name)

/** A project of its own with our rules, and with these files in its src/. */
function project(files: readonly (readonly [file: string, code: string])[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-rules-'))
  mkdirSync(join(folder, 'scripts/rules'), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json', 'biome.json', 'scripts/rules/no-reveal.grit']) {
    copyFileSync(file, join(folder, file))
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'), 'junction')
  for (const [file, code] of files) {
    mkdirSync(dirname(join(folder, 'src', file)), { recursive: true })
    writeFileSync(join(folder, 'src', file), `${code}\n`)
  }
  return folder
}

describe('the rule about reveal()', () => {
  const WAYS = [
    'export const key = secret.reveal()',
    'export const key = secret?.reveal()',
    "export const key = secret['reveal']()",
    'export const keys = secrets.map((one) => one.reveal)',
    'export const { reveal } = secret',
    'export const { place, reveal: open } = secret',
  ]
  let folder = ''
  let found = ''

  beforeAll(() => {
    folder = project([
      ...WAYS.map((code, i) => [`guard/way-${i}.ts`, code] as const),
      ['egress/body.ts', WAYS[0] ?? ''],
    ])
    const args = ['lint', '--vcs-enabled=false', '--reporter=github', 'src']
    found = spawnSync(bin('biome'), args, { cwd: folder, encoding: 'utf8' }).stdout
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(WAYS.map((code, i) => [code, i] as const))('finds %s', (_, i) => {
    expect(found).toMatch(new RegExp(`way-${i}\\.ts.*Only src/egress reveals a secret`))
  })

  it('leaves egress alone', () => {
    expect(found).not.toContain('egress/body.ts')
  })
})

describe('the rules about imports', () => {
  const WRONG: readonly [rule: string, file: string, code: string][] = [
    ['policy-looks-down', 'policy/wrong.ts', "import '../base/right.js'; import '../guard/right.js'"],
    ['audit-looks-down', 'audit/wrong.ts', "import type { Right } from '../ledger/right.js'; export type R = Right"],
    ['secrets-looks-down', 'secrets/wrong.ts', "import '../egress/right.js'"],
    ['guard-looks-down', 'guard/wrong.ts', "import '../adapters/right.js'"],
    ['testing-looks-down', 'testing/wrong.ts', "import '../cli/right.js'"],
    ['the-core-has-no-side-doors', 'index.ts', "import './testing/right.js'"],
    ['every-room-is-known', 'cellar/wrong.ts', "import '../base/right.js'"],
    [
      'page-code-stands-alone',
      'widgets/page/wrong.ts',
      "import type { Right } from '../right.js'; export type R = Right",
    ],
    ['no-browser-in-the-core', 'widgets/wrong.ts', "import type { Page } from 'playwright-core'; export type P = Page"],
    ['ships-with-what-it-needs', 'solvers/wrong.ts', "import fc from 'fast-check'; export default fc"],
    ['no-circles', 'base/circle.ts', "import './round.js'"],
    ['nothing-missing', 'base/missing.ts', "import './nowhere.js'"],
  ]
  let folder = ''
  let found: readonly { rule: { name: string }; from: string }[] = []

  beforeAll(() => {
    const rooms = ['base', 'guard', 'ledger', 'egress', 'adapters', 'cli', 'testing', 'widgets']
    folder = project([
      ...rooms.map((room) => [`${room}/right.ts`, 'export type Right = 1'] as const),
      ['base/round.ts', "import './circle.js'"],
      ...WRONG.map(([, file, code]) => [file, code] as const),
    ])
    const args = ['src', '--config', resolve('.dependency-cruiser.cjs'), '--output-type', 'json']
    const { stdout } = spawnSync(bin('depcruise'), args, { cwd: folder, encoding: 'utf8', maxBuffer: 1e8 })
    found = JSON.parse(stdout).summary.violations
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(WRONG)('%s finds src/%s', (rule, file) => {
    expect(found).toContainEqual(
      expect.objectContaining({ from: `src/${file}`, rule: expect.objectContaining({ name: rule }) }),
    )
  })

  it('find nothing in files that are right', () => {
    expect(found.filter(({ from }) => from.endsWith('right.ts'))).toEqual([])
  })
})
