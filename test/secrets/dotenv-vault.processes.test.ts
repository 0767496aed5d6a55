import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { KEY } from './contract.js'
import { BUILT, KEYS, opener, seal } from './dotenv-vaults.js'

test("dotenv-vault's own command decrypts the vaults that these tests encrypt, and those that it built", () => {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-dotenv-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const key = randomBytes(32).toString('hex')
  cpSync(join(BUILT, 'env.vault'), join(folder, '.env.vault'))
  appendFileSync(join(folder, '.env.vault'), `DOTENV_VAULT_OURS="${seal(`A=${KEY}`, key)}"\n`)
  const command = join(import.meta.dirname, '../../node_modules/dotenv-vault/bin/run')
  const { PATH } = process.env
  const decrypt = (dotenvKey: string) =>
    execFileSync(process.execPath, [command, 'decrypt', dotenvKey], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH, HOME: folder },
    })
  expect(decrypt(opener(key, 'ours'))).toContain(`A=${KEY}`)
  expect(decrypt(KEYS.DOTENV_KEY_CI ?? '')).toContain('SOLVEGUARD_KEY=the-key-of-ci')
})
