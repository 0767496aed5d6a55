import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeniedError } from '../../src/base/errors.js'
import { fileSecret } from '../../src/secrets/index.js'
import { KEY, NEXT_KEY, secretProviderContract } from './contract.js'

secretProviderContract('fileSecret', () => {
  const home = mkdtempSync(join(tmpdir(), 'solveguard-file-'))
  const file = join(home, 'key')
  return {
    hold(text) {
      if (text !== undefined) writeFileSync(file, text, { mode: 0o600 })
    },
    provider: () => fileSecret(file),
    cleanUp: () => rmSync(home, { recursive: true }),
  }
})

describe('fileSecret', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'solveguard-file-'))
    path = join(folder, 'key')
    writeFileSync(path, `${KEY}\n`, { mode: 0o600 })
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const refusal = async (provider = fileSecret(path)): Promise<DeniedError> => {
    try {
      await provider.fetch()
    } catch (error) {
      return error as DeniedError
    }
    throw new Error('the file was not refused')
  }

  test.each([0o600, 0o400, 0o700])('reads a file of mode %o', async (mode) => {
    chmodSync(path, mode)
    expect((await fileSecret(path).fetch()).current.value.reveal()).toBe(KEY)
  })

  test.each([0o644, 0o640, 0o604, 0o660, 0o602, 0o601, 0o610, 0o777])('rejects a file of mode %o', async (mode) => {
    chmodSync(path, mode)
    const error = await refusal()
    expect(error.code).toBe('SECRET_UNSAFE')
    expect(error.message).toContain(`mode ${mode.toString(8)}`)
    expect(error.message).toContain(`chmod 600 ${path}`)
  })

  test('permits the group to read, but not to write, with `allowGroup`', async () => {
    const provider = fileSecret(path, { allowGroup: true })
    for (const mode of [0o640, 0o440, 0o600]) {
      chmodSync(path, mode)
      expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
    }
    for (const mode of [0o660, 0o644, 0o650]) {
      chmodSync(path, mode)
      expect((await refusal(provider)).message).toContain('chmod 640')
    }
  })

  test('permits all users to read, but not to write, with `mounted`', async () => {
    const provider = fileSecret(path, { mounted: true })
    for (const mode of [0o444, 0o644, 0o440, 0o400]) {
      chmodSync(path, mode)
      expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
    }
    for (const mode of [0o664, 0o646, 0o755]) {
      chmodSync(path, mode)
      expect((await refusal(provider)).message).toContain('chmod 644')
    }
    chmodSync(path, 0o444)
    expect((await refusal()).message).toContain('{ mounted: true }')
  })

  test('checks the file, not the link to it', async () => {
    const link = join(folder, 'link')
    symlinkSync(path, link)
    expect((await fileSecret(link).fetch()).current.value.reveal()).toBe(KEY)
    chmodSync(path, 0o644)
    expect((await refusal(fileSecret(link))).code).toBe('SECRET_UNSAFE')
  })

  test('rejects a file of another user, except root', async () => {
    // Only root can give a file away. For another user, root's own files belong to another user, and are permitted.
    if (process.geteuid?.() === 0) {
      chownSync(path, 12345, 12345)
      const error = await refusal()
      expect(error.code).toBe('SECRET_UNSAFE')
      expect(error.message).toContain(`chown 0 ${path}`)
      chownSync(path, 0, 0)
    }
    expect((await fileSecret(path).fetch()).current.value.reveal()).toBe(KEY)
  })

  test('reads the previous key from the second line', async () => {
    for (const text of [`${NEXT_KEY}\n${KEY}`, `${NEXT_KEY}\n${KEY}\n`, `${NEXT_KEY}\r\n${KEY}\r\n`]) {
      writeFileSync(path, text)
      const { current, previous } = await fileSecret(path).fetch()
      expect([current.value.reveal(), previous?.value.reveal()]).toEqual([NEXT_KEY, KEY])
    }
  })

  test.each([
    ['a third line', `${KEY}\n${NEXT_KEY}\n${KEY}`],
    ['an empty first line', `\n${KEY}`],
    ['nothing in it', ''],
    ['a second line that cannot be a key', `${KEY}\nnot a key`],
    ['zero bytes in it', `${KEY}\0`],
  ])('rejects a file with %s', async (_, text) => {
    writeFileSync(path, text)
    const error = await refusal()
    expect(error.code).toBe('SECRET_INVALID')
    expect(error.message).not.toContain(KEY)
  })

  test('rejects a file that is too large, without reading it', async () => {
    writeFileSync(path, Buffer.alloc(64 * 1024 + 1, 'x'))
    expect((await refusal()).message).toContain('64 KiB')
  })

  test("uses the file's age as the key's", async () => {
    utimesSync(path, 1_700_000_000, 1_700_000_000)
    expect((await fileSecret(path).fetch()).current.createdAt).toBe(1_700_000_000_000)
  })

  test('rejects a folder', async () => {
    mkdirSync(join(folder, 'folder'), { mode: 0o700 })
    expect((await refusal(fileSecret(join(folder, 'folder')))).code).toBe('SECRET_INVALID')
  })

  test('reports SECRET_MISSING where a part of the path is not a folder', async () => {
    expect((await refusal(fileSecret(join(path, 'below')))).code).toBe('SECRET_MISSING')
    expect((await refusal(fileSecret(join(folder, 'no', 'file')))).code).toBe('SECRET_MISSING')
  })

  test('reports a path that cannot be followed as SECRET_UNAVAILABLE', async () => {
    symlinkSync(join(folder, 'a'), join(folder, 'b'))
    symlinkSync(join(folder, 'b'), join(folder, 'a'))
    const error = await refusal(fileSecret(join(folder, 'a')))
    expect([error.code, error.message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('ELOOP')])
  })

  test.each(['', 'a\0b'])('rejects %j as a path', (text) => {
    expect(() => fileSecret(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
