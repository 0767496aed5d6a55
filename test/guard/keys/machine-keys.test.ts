import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { machineKeys } from '../../../src/guard/keys/machine-keys.js'

const T0 = Date.UTC(2026, 0, 5, 12)
const HOUR = 3_600_000
let dir: string
let file: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'solveguard-machine-'))
  file = join(dir, 'state', 'keys.json')
  return () => rmSync(dir, { recursive: true })
})

describe('what a machine knows of keys', () => {
  it('names the other ledger of a key, once for each ledger that is new to it', () => {
    const note = (key: string, ledger: string, now = T0) => machineKeys(file).note(key, ledger, now)
    expect(note('k', '/a')).toBeUndefined()
    expect(note('other', '/b')).toBeUndefined()
    expect(note('k', '/b')).toBe('/a')
    expect(note('k', '/b')).toBeUndefined()
    expect(note('k', '/a', T0 + HOUR)).toBeUndefined()
    expect(note('k', '/c', T0 + HOUR)).toBeDefined()
  })

  it('forgets what is a day old', () => {
    const keys = machineKeys(file)
    keys.note('k', '/a', T0)
    expect(keys.note('k', '/b', T0 + 25 * HOUR)).toBeUndefined()
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([['k', '/b', T0 + 25 * HOUR]])
  })

  it('is bounded, and readable by its user only', () => {
    const keys = machineKeys(file)
    for (let i = 0; i < 300; i++) keys.note(`k${i}`, `/${'x'.repeat(2_000)}`, T0)
    expect(JSON.parse(readFileSync(file, 'utf8')).length).toBeLessThanOrEqual(200)
    expect(statSync(file).size).toBeLessThan(300_000)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(dir, 'state'))).toEqual(['keys.json'])
  })

  it.each(['', '{}', '[["k"]]', '[[1,2,3]]', 'not JSON', `[${'['.repeat(1e5)}`])(
    'begins anew where its file is %j',
    (text) => {
      mkdirSync(join(dir, 'state'))
      writeFileSync(file, text)
      expect(machineKeys(file).note('k', '/a', T0)).toBeUndefined()
      expect(machineKeys(file).note('k', '/b', T0)).toBe('/a')
    },
  )

  it('is never a reason to fail: a folder that cannot be written is left as it is', () => {
    writeFileSync(join(dir, 'state'), '')
    expect(machineKeys(file).note('k', '/a', T0)).toBeUndefined()
    expect(readdirSync(dir)).toEqual(['state'])
  })

  it("is in the user's state folder", () => {
    vi.stubEnv('XDG_STATE_HOME', dir)
    machineKeys().note('k', '/a', T0)
    vi.unstubAllEnvs()
    expect(readdirSync(dir)).toEqual(['solveguard'])
  })
})
