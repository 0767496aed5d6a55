import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { DeniedError } from '../../src/base/errors.js'
import { createSecretCache } from '../../src/secrets/cache.js'
import { type DotenvVaultSecretOptions, dotenvVaultSecret, type SecretProvider } from '../../src/secrets/index.js'
import { KEY, NEXT_KEY, secretProviderContract } from './contract.js'
import { BUILT, KEYS, opener, seal } from './dotenv-vaults.js'

let count = 0
const newVariable = () => `SOLVEGUARD_TEST_DOTENV_KEY_${process.pid}_${count++}`
const used: string[] = []
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-dotenv-'))
})
afterEach(() => {
  for (const name of used.splice(0)) delete process.env[name]
  rmSync(folder, { recursive: true })
})

const opened = (dotenvKey: string, more: DotenvVaultSecretOptions = {}) => {
  const keyVariable = newVariable()
  used.push(keyVariable)
  process.env[keyVariable] = dotenvKey
  return dotenvVaultSecret({ path: join(BUILT, 'env.vault'), keyVariable, ...more })
}

async function refusal(provider: SecretProvider): Promise<DeniedError> {
  try {
    await provider.fetch()
  } catch (error) {
    return error as DeniedError
  }
  throw new Error('the key was given')
}

secretProviderContract('dotenvVaultSecret', () => {
  const home = mkdtempSync(join(tmpdir(), 'solveguard-dotenv-'))
  const path = join(home, '.env.vault')
  const key = randomBytes(32).toString('hex')
  const write = (text: string) => writeFileSync(path, `DOTENV_VAULT_CI="${seal(text, key)}"\n`)
  return {
    hold(text) {
      const quote = text?.includes('"') ? '`' : '"'
      write(text === undefined ? 'OTHER=x' : `SOLVEGUARD_KEY=${quote}${text.replace('\n', '\\n')}${quote}`)
    },
    provider: () => opened(opener(key, 'ci'), { path }),
    cleanUp: () => rmSync(home, { recursive: true }),
  }
})

describe('a vault that dotenv-vault built', () => {
  test.each([
    ['development', KEY],
    ['ci', 'the-key-of-ci-0123456789abcdef'],
    ['production', NEXT_KEY],
  ])('returns the key of %s for its DOTENV_KEY', async (environment, key) => {
    const provider = opened(KEYS[`DOTENV_KEY_${environment.toUpperCase()}`] ?? '')
    expect((await provider.fetch()).current.value.reveal()).toBe(key)
  })

  test('returns the previous key and the date, where the vault has them', async () => {
    const { previous } = await opened(KEYS.DOTENV_KEY_PRODUCTION ?? '').fetch()
    expect(previous?.value.reveal()).toBe(KEY)
    const key = randomBytes(32).toString('hex')
    const path = join(folder, '.env.vault')
    const write = (date: string) => {
      const text = `CAPTCHA=${KEY}\nCAPTCHA_CREATED_AT=${date}`
      writeFileSync(path, `DOTENV_VAULT_CI=${seal(text, key)}`)
    }
    const provider = opened(opener(key, 'ci'), { path, name: 'CAPTCHA' })
    write('2026-03-01')
    expect((await provider.fetch()).current.createdAt).toBe(Date.UTC(2026, 2, 1))
    write('lately')
    expect((await refusal(provider)).code).toBe('SECRET_INVALID')
  })

  test("is decrypted with the first of several keys that fits, as while the vault's keys are rotated", async () => {
    const lost = opener('0'.repeat(64), 'production')
    const other = opener('0'.repeat(64), 'staging')
    const provider = opened(`${lost}, ${other},${KEYS.DOTENV_KEY_CI}`)
    expect((await provider.fetch()).current.value.reveal()).toBe('the-key-of-ci-0123456789abcdef')
  })

  test.each([
    ['a trailing comma', (key: string) => `${key},`],
    ['commas and line breaks around it', (key: string) => `, \n${key}\n,,`],
    [
      'a broken one before it',
      (key: string) => `dotenv://:key_1234@dotenv.local/vault/.env.vault?environment=ci,${key}`,
    ],
    ['what is no address before it', (key: string) => `\ufefftodo, ${key}`],
    ['a broken one behind it', (key: string) => `${key},${key.slice(0, 40)}`],
    ['a byte order mark before it', (key: string) => `\ufeff${key}`],
  ])('is decrypted with a key that has %s', async (_, around) => {
    const provider = opened(around(KEYS.DOTENV_KEY_CI ?? ''))
    expect((await provider.fetch()).current.value.reveal()).toBe('the-key-of-ci-0123456789abcdef')
  })

  test.each([',', ' , ', 'todo,', 'dotenv://:key_12@x/?environment=ci,todo'])(
    'is not decrypted with %o, in which no key has the form of one',
    async (keys) => {
      const error = await refusal(opened(keys))
      expect([error.code, error.message]).toEqual(['SECRET_DENIED', expect.stringContaining('have the form')])
    },
  )

  test('may begin with a byte order mark, and so may the file that was encrypted', async () => {
    const path = join(folder, '.env.vault')
    const text = readFileSync(join(BUILT, 'env.vault'), 'utf8')
    // Without the comments, so that the first variable is at the beginning.
    const lines = text.split('\n').filter((line) => line.startsWith('DOTENV_VAULT_CI='))
    writeFileSync(path, `\ufeff${lines.join('\n')}`)
    const provider = opened(KEYS.DOTENV_KEY_CI ?? '', { path })
    expect((await provider.fetch()).current.value.reveal()).toBe('the-key-of-ci-0123456789abcdef')
    const key = randomBytes(32).toString('hex')
    writeFileSync(path, `\ufeffDOTENV_VAULT_CI=${seal(`\ufeffCAPTCHA=${KEY}\r\n`, key)}`)
    const own = opened(opener(key, 'ci'), { path, name: 'CAPTCHA' })
    expect((await own.fetch()).current.value.reveal()).toBe(KEY)
  })

  test('is not decrypted with the key of another environment, which the message names', async () => {
    const { password } = new URL(KEYS.DOTENV_KEY_CI ?? '')
    const error = await refusal(opened(opener(password.slice(4), 'production')))
    expect([error.code, error.message]).toEqual(['SECRET_DENIED', expect.stringContaining('production')])
    expect(inspect(error)).not.toContain(password)
  })

  test('that was altered is not decrypted', async () => {
    const path = join(folder, '.env.vault')
    const text = readFileSync(join(BUILT, 'env.vault'), 'utf8')
    writeFileSync(path, text.replace('VAULT_CI="0', 'VAULT_CI="1'))
    expect((await refusal(opened(KEYS.DOTENV_KEY_CI ?? '', { path }))).code).toBe('SECRET_DENIED')
  })

  test('has no key for an environment that it was not built for', async () => {
    const error = await refusal(opened(opener('0'.repeat(64), 'staging')))
    expect([error.code, error.message]).toEqual(['SECRET_MISSING', expect.stringContaining('staging')])
  })
})

describe('DOTENV_KEY', () => {
  test('is removed from the environment at once, unless `keep` is set', async () => {
    const keyVariable = newVariable()
    used.push(keyVariable)
    process.env[keyVariable] = KEYS.DOTENV_KEY_CI
    const options = { path: join(BUILT, 'env.vault'), keyVariable }
    const provider = dotenvVaultSecret(options)
    expect(process.env).not.toHaveProperty(keyVariable)
    await provider.fetch()
    expect((await dotenvVaultSecret(options).fetch()).current.value.fingerprint).toBeDefined()
    process.env[keyVariable] = KEYS.DOTENV_KEY_PRODUCTION
    const kept = dotenvVaultSecret({ ...options, keep: true })
    expect((await kept.fetch()).current.value.reveal()).toBe(NEXT_KEY)
    expect(process.env[keyVariable]).toBe(KEYS.DOTENV_KEY_PRODUCTION)
  })

  test('that is not set is SECRET_MISSING', async () => {
    const error = await refusal(dotenvVaultSecret({ keyVariable: newVariable() }))
    expect([error.code, error.message]).toEqual(['SECRET_MISSING', expect.stringContaining('is not set')])
  })

  test.each([
    'nonsense',
    'dotenv://:key_123@dotenv.local/vault/.env.vault?environment=ci',
    `dotenv://:key_${'0'.repeat(64)}@dotenv.local/vault/.env.vault`,
    `dotenv://:key_${'0'.repeat(64)}@dotenv.local/vault/.env.vault?environment=a%20b`,
  ])('that is not valid (%s) is SECRET_DENIED, and is not repeated', async (text) => {
    const error = await refusal(opened(text))
    expect(error.code).toBe('SECRET_DENIED')
    expect(error.message).not.toContain(text.slice(0, 16))
  })
})

test('dotenvVaultSecret reads a vault again that was built again', async () => {
  const path = join(folder, '.env.vault')
  const key = randomBytes(32).toString('hex')
  const write = (value: string) => writeFileSync(path, `DOTENV_VAULT_CI=${seal(`SOLVEGUARD_KEY=${value}`, key)}`)
  write(KEY)
  const cache = createSecretCache(opened(opener(key, 'ci'), { path }), { clock: systemClock })
  cache.open()
  await cache.get()
  write(NEXT_KEY)
  const now = () => cache.peek(Date.now())?.current.value.reveal()
  await vi.waitFor(() => expect(now()).toBe(NEXT_KEY), { timeout: 60_000 })
  cache.close()
})

test('dotenvVaultSecret rejects a file that is missing, too large, or not a vault', async () => {
  const at = (path: string) => refusal(opened(opener('0'.repeat(64), 'ci'), { path: join(folder, path) }))
  expect((await at('no-such-file')).code).toBe('SECRET_MISSING')
  mkdirSync(join(folder, 'folder'))
  expect((await at('folder')).code).toBe('SECRET_UNAVAILABLE')
  writeFileSync(join(folder, 'large'), 'x'.repeat(1024 * 1024 + 1))
  expect((await at('large')).code).toBe('SECRET_INVALID')
  writeFileSync(join(folder, 'short'), 'DOTENV_VAULT_CI=AAAA')
  expect((await at('short')).code).toBe('SECRET_DENIED')
})

test.each<[string, object]>([
  ['an empty path', { path: '' }],
  ['a path with a zero byte', { path: 'a\0b' }],
  ['a name that no variable can have', { name: 'a b' }],
  ['an unknown option', { file: 'x' }],
])('dotenvVaultSecret rejects %s', (_, options) => {
  expect(() => dotenvVaultSecret(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
