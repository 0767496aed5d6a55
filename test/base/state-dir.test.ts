import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { defaultStateDir, projectFolder } from '../../src/base/state-dir.js'
import { fileLedger } from '../../src/ledger/file.js'

let top: string

beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'solveguard-project-')))
  return () => rmSync(top, { recursive: true })
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** Writes files under `top`, each with this content; returns the path of a folder under it. */
function tree(files: Readonly<Record<string, string>>, folder: string): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, name)), { recursive: true })
    writeFileSync(join(top, name), text)
  }
  const path = join(top, folder)
  mkdirSync(path, { recursive: true })
  return path
}

describe("a project's folder", () => {
  it.each([
    ['the folder of the nearest package.json', { 'a/package.json': '{}' }, 'a/src/deep', 'a'],
    ['the working folder itself', { 'a/package.json': '{}' }, 'a', 'a'],
    [
      'the nearest of two that have nothing to do with each other',
      { 'package.json': '{}', 'a/package.json': '{}' },
      'a/b',
      'a',
    ],
    [
      "the root of npm's workspaces",
      { 'package.json': '{"workspaces":["apps/*"]}', 'apps/web/package.json': '{}' },
      'apps/web/e2e',
      '',
    ],
    [
      "the root of npm's workspaces, whose package.json begins with a byte order mark",
      { 'package.json': '\uFEFF{"workspaces":["*"]}', 'web/package.json': '{}' },
      'web',
      '',
    ],
    [
      "the root of yarn's workspaces",
      { 'package.json': '{"workspaces":{"packages":["*"]}}', 'web/package.json': '{}' },
      'web',
      '',
    ],
    [
      "the root of pnpm's workspaces",
      { 'pnpm-workspace.yaml': 'packages: ["*"]', 'web/package.json': '{}' },
      'web/src',
      '',
    ],
    ['the root of Lerna', { 'package.json': '{}', 'lerna.json': '{}', 'web/package.json': '{}' }, 'web', ''],
    ['the root of Rush', { 'rush.json': '{}', 'apps/web/package.json': '{}' }, 'apps/web', ''],
    ['the root of workspaces, from a folder without a package', { 'package.json': '{"workspaces":["a"]}' }, 'docs', ''],
    ['the folder of a package.json that cannot be parsed', { 'a/package.json': 'not JSON' }, 'a/b', 'a'],
    ['the folder of a package.json that states nothing', { 'a/package.json': '{"workspaces":null}' }, 'a/b', 'a'],
  ])('is %s', (_, files, working, expected) => {
    expect(projectFolder(tree(files, working))).toBe(join(top, expected))
  })

  it('is the working folder where there is no package.json, or only a folder of that name', () => {
    const working = tree({ 'a/package.json/file': '' }, 'a/b')
    expect(projectFolder(working)).toBe(working)
  })
})

describe('the state folder', () => {
  /** As in a process with that working folder. */
  function from(folder: string): void {
    vi.spyOn(process, 'cwd').mockReturnValue(folder)
  }

  it('is one for all working folders of a repository', () => {
    const files = {
      'package.json': '{"workspaces":["packages/*"]}',
      'packages/a/package.json': '{}',
      'packages/b/package.json': '{}',
    }
    const found = ['', 'packages/a', 'packages/b/test'].map((working) => {
      from(tree(files, working))
      return [defaultStateDir(), fileLedger().place, jsonlAudit().place]
    })
    const dir = join(top, '.solveguard')
    expect(found).toEqual(Array(3).fill([dir, join(dir, 'ledger.db'), join(dir, 'audit')]))
  })

  it('is that of SOLVEGUARD_STATE_DIR, and of the option, where they are set', () => {
    from(tree({ 'package.json': '{}' }, 'a'))
    vi.stubEnv('SOLVEGUARD_STATE_DIR', '/var/lib/tests')
    expect([defaultStateDir(), fileLedger().place]).toEqual(['/var/lib/tests', '/var/lib/tests/ledger.db'])
    expect(fileLedger({ dir: join(top, 'mine') }).place).toBe(join(top, 'mine/ledger.db'))
  })
})
