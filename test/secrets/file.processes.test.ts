import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DeniedError } from '../../src/base/errors.js'
import { fileSecret } from '../../src/secrets/index.js'
import { KEY } from './contract.js'

describe('fileSecret', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'solveguard-file-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const refusal = async (path: string): Promise<DeniedError> => {
    try {
      await fileSecret(path).fetch()
    } catch (error) {
      return error as DeniedError
    }
    throw new Error('the file was not refused')
  }

  it('names a command that makes the file safe', async () => {
    const path = join(folder, "a key's place")
    writeFileSync(path, KEY)
    chmodSync(path, 0o644)
    const { message } = await refusal(path)
    execFileSync('sh', ['-c', message.slice(message.indexOf('chmod'))])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await fileSecret(path).fetch()).current.value.reveal()).toBe(KEY)
  })

  it('rejects a named pipe without waiting for a writer', async () => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', ['-m', '600', path])
    expect((await refusal(path)).code).toBe('SECRET_INVALID')
  })
})
