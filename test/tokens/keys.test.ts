import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { SecretVersions } from '../../src/secrets/provider.js'
import { Secret } from '../../src/secrets/secret.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { handleName, isHandle, newHandle, openToken, sealToken } from '../../src/tokens/handle.js'
import { tokenKeyFile } from '../../src/tokens/key-file.js'
import { SigningKeys } from '../../src/tokens/keys.js'

const OLD = 'a'.repeat(32)
const NEW = 'b'.repeat(32)
const kidOf = (text: string) => new Secret(text).fingerprint.slice(0, 8)
const version = (text: string) => ({ value: new Secret(text), version: kidOf(text) })

describe('the keys that sign tokens', () => {
  let clock: ManualClock
  let stored: SecretVersions
  let fetches: number
  let keys: SigningKeys
  beforeEach(() => {
    clock = manualClock()
    stored = { current: version(OLD) }
    fetches = 0
    const fetch = () => {
      fetches++
      return stored
    }
    keys = new SigningKeys({ kind: 'test', place: 'the store', fetch }, clock)
    keys.open()
    return () => keys.close()
  })
  const unknown = (text: string) => ({ code: 'TOKEN_KEY_UNKNOWN', details: { kid: kidOf(text) } })

  it('are asked for once more when another process has the next one already, at most every ten seconds', async () => {
    await expect(keys.find(kidOf(NEW))).rejects.toMatchObject(unknown(NEW))
    const asked = fetches
    stored = { current: version(NEW), previous: version(OLD) }
    await clock.advance(9_999)
    await expect(keys.find(kidOf(NEW))).rejects.toMatchObject(unknown(NEW))
    expect(fetches).toBe(asked)
    await clock.advance(1)
    expect((await keys.find(kidOf(NEW))).value.reveal()).toBe(NEW)
    expect(fetches).toBe(asked + 1)
    expect((await keys.find(kidOf(OLD))).value.reveal()).toBe(OLD)
    expect((await keys.current()).kid).toBe(kidOf(NEW))
  })

  it('are known without a question once they were asked for: those that are there, and no other', async () => {
    expect([keys.isFresh(kidOf(OLD)), fetches]).toEqual([false, 0])
    await keys.current()
    const asked = fetches
    expect([keys.isFresh(kidOf(OLD)), keys.isFresh(kidOf(NEW)), fetches]).toEqual([true, false, asked])
    stored = { current: version(NEW) }
    await clock.advance(10_000)
    await keys.find(kidOf(NEW))
    expect([keys.isFresh(kidOf(OLD)), keys.isFresh(kidOf(NEW))]).toEqual([false, true])
  })

  it('have at least 32 characters', async () => {
    stored = { current: version(OLD.slice(1)) }
    const refused = { code: 'SECRET_INVALID', message: expect.stringContaining('the store') }
    await expect(keys.current()).rejects.toMatchObject(refused)
    await expect(keys.find(kidOf(OLD.slice(1)))).rejects.toMatchObject(refused)
  })
})

describe('the file of the key that signs tokens', () => {
  let dir: string
  let path: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sg-'))
    path = join(dir, 'state', 'tokens.key')
    return () => rmSync(dir, { recursive: true })
  })
  const prepare = () => void mkdirSync(join(dir, 'state'), { recursive: true })
  const keyOf = async () => (await tokenKeyFile(path, prepare).fetch()).current.value.reveal()

  it('is made by the process that needs it first, for its owner alone, and read by all others', async () => {
    const first = await keyOf()
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toBe(`${first}\n`)
    expect(await keyOf()).toBe(first)
    expect(readdirSync(join(dir, 'state'))).toEqual(['tokens.key'])
  })

  it('is the one of another process that made it meanwhile', async () => {
    const file = tokenKeyFile(path, () => {
      prepare()
      writeFileSync(path, `${NEW}\n`, { mode: 0o600 })
    })
    expect((await file.fetch()).current.value.reveal()).toBe(NEW)
    expect(readdirSync(join(dir, 'state'))).toEqual(['tokens.key'])
  })

  it('that cannot be written is reported with what to do, and nothing is left of it', async () => {
    const fails = tokenKeyFile(path, () => {
      throw new Error('the disk is full')
    })
    await expect(async () => fails.fetch()).rejects.toMatchObject({
      code: 'SECRET_UNAVAILABLE',
      message: expect.stringMatching(/the disk is full.*tokens\.keys/s),
      cause: expect.any(Error),
    })
    prepare()
    expect(readdirSync(join(dir, 'state'))).toEqual([])
  })
})

describe('a handle', () => {
  const handle = newHandle()

  it('has 32 characters of base 16 at random, and no other text has its form', () => {
    expect(handle).toMatch(/^[0-9a-f]{32}$/)
    expect(newHandle()).not.toBe(handle)
    expect(isHandle(handle)).toBe(true)
    for (const other of [`${handle}0`, `0${handle}`, handle.slice(1), handle.toUpperCase().replace(/\d/g, 'A'), 'a']) {
      expect(isHandle(other), other).toBe(false)
    }
    expect(handleName('0123456789abcdef0123456789abcdef')).toBe('bNGHqzbsgF_LEb9i69Sj_yg_bheN0ERU4awZjwFMO6Q')
  })

  it('opens the token that was sealed for it and its guard, and nothing else', () => {
    const sealed = sealToken('a.token.of.a-guard', handle, 'tests')
    expect(sealed).toMatch(/^[\w-]+$/)
    expect(openToken(sealed, handle, 'tests')).toBe('a.token.of.a-guard')
    expect(openToken(sealed, newHandle(), 'tests')).toBeUndefined()
    expect(openToken(sealed, handle, 'others')).toBeUndefined()
    expect(openToken(`${sealed.slice(0, -4)}AAAA`, handle, 'tests')).toBeUndefined()
    const bytes = Buffer.from(sealToken('', handle, 'tests'), 'base64url')
    expect(bytes).toHaveLength(28)
    for (const length of [0, 12, 28]) {
      expect(openToken(bytes.subarray(0, length).toString('base64url'), handle, 'tests')).toBeUndefined()
    }
    expect(openToken(sealToken('x', handle, 'tests'), handle, 'tests')).toBe('x')
  })

  it('opens what another version of this package has sealed', () => {
    const sealed = 'JpXk_2XZ0vv_ewq9FFiGfmEHnKkM7G4waWS4AV2dNU-aEw'
    expect(openToken(sealed, '0123456789abcdef0123456789abcdef', 'tests')).toBe('a.b.ü')
  })

  it('is refused for a token that does not fit into a fact of the ledger', () => {
    // 12 bytes and 16 around it, in base64url.
    expect(sealToken('x'.repeat(1_472), handle, 'tests')).toHaveLength(2_000)
    expect(() => sealToken('x'.repeat(1_473), handle, 'tests')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})
