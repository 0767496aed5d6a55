import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder } from '../../src/base/folder.js'

const isLinux = process.platform === 'linux'

describe('a folder', () => {
  let base: string
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'folder-'))
  })
  afterEach(() => rmSync(base, { recursive: true }))

  it('is created with those above it, each with the mode', () => {
    makeFolder(join(base, 'a', 'b', 'c'), 0o700)
    for (const path of ['a', 'a/b', 'a/b/c']) expect(statSync(join(base, path)).mode & 0o777).toBe(0o700)
  })

  it('that exists is left alone, also by way of a link', () => {
    mkdirSync(join(base, 'there'), { mode: 0o755 })
    symlinkSync(join(base, 'there'), join(base, 'link'))
    makeFolder(join(base, 'there'), 0o700)
    makeFolder(join(base, 'link'), 0o700)
    makeFolder(join(base, 'link', 'below'), 0o700)
    expect(statSync(join(base, 'there')).mode & 0o777).toBe(0o755)
    expect(existsSync(join(base, 'there', 'below'))).toBe(true)
  })

  it('is not created where a file is in its way', () => {
    writeFileSync(join(base, 'file'), '')
    expect(() => makeFolder(join(base, 'file'))).toThrow('EEXIST')
    expect(() => makeFolder(join(base, 'file', 'a', 'b'))).toThrow('ENOTDIR')
  })

  it('is not created below a link to nothing', () => {
    symlinkSync(join(base, 'nothing'), join(base, 'link'))
    expect(() => makeFolder(join(base, 'link'))).toThrow('EEXIST')
    expect(() => makeFolder(join(base, 'link', 'a', 'b'))).toThrow(/EEXIST|ENOENT/)
    expect(existsSync(join(base, 'nothing'))).toBe(false)
  })

  it.runIf(isLinux)('is refused by a file system that knows no new folders', () => {
    expect(() => makeFolder('/proc/none')).toThrow('ENOENT')
    expect(() => makeFolder('/proc/none/of/these')).toThrow('ENOENT')
  })
})
