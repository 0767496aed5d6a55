import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import type { AuditKey } from '../../src/audit/key.js'
import { recordSchema } from '../../src/audit/schema.js'
import type { AuditSink } from '../../src/audit/sink.js'
import { verifyAudit } from '../../src/audit/verify.js'
import type { SecretProvider } from '../../src/secrets/provider.js'
import { Secret } from '../../src/secrets/secret.js'
import { authorized, NOON } from './events.js'
import { logFiles, recordsOf, temporaryFolder } from './folder.js'

const OLD = 'the-first-key-of-this-log-0123456789'
const NEW = 'the-second-key-of-this-log-0123456789'

let folder: ReturnType<typeof temporaryFolder>
let dir: string
let sink: AuditSink
beforeEach(() => {
  folder = temporaryFolder()
  dir = join(folder.path, 'audit')
})
afterEach(async () => {
  await sink?.close()
  folder.remove()
})

async function write(key: AuditKey | undefined) {
  sink = jsonlAudit({ dir, key })
  await sink.open('checkout-tests', NOON)
  await sink.write([authorized])
  await sink.close()
  return sink.head ? [sink.head] : []
}

function provider(current: string, previous?: string): SecretProvider {
  const version = (text: string) => ({ value: new Secret(text), version: '1' })
  return {
    kind: 'test',
    place: 'the test',
    fetch: () => ({ current: version(current), previous: previous === undefined ? undefined : version(previous) }),
  }
}

describe('a log with a key', () => {
  it.each([
    ['a text', OLD],
    ['a secret', new Secret(OLD)],
    ['a provider', provider(OLD)],
  ])('verifies by it, from %s', async (_, key) => {
    const heads = await write(key)
    expect(await verifyAudit(dir, { heads, key })).toMatchObject({ ok: true, records: 2 })
    for (const record of recordsOf(join(dir, logFiles(dir)[0] ?? ''))) recordSchema.parse(record)
  })

  it('verifies by the previous key of a provider, and by no other', async () => {
    await write(OLD)
    expect((await verifyAudit(dir, { key: provider(NEW, OLD) })).ok).toBe(true)
    const { firstBad } = await verifyAudit(dir, { key: NEW })
    expect(firstBad).toMatchObject({ line: 1, problem: 'altered' })
    expect(firstBad?.reason).toContain('another key')
  })

  it('is not verified without the key, nor is one without it by the key', async () => {
    await write(OLD)
    expect((await verifyAudit(dir)).firstBad).toMatchObject({ line: 1, problem: 'key' })
    folder.remove()
    await write(undefined)
    expect((await verifyAudit(dir, { key: OLD })).firstBad).toMatchObject({ line: 1, problem: 'key' })
  })

  it('shows the key nowhere', async () => {
    await write(OLD)
    expect(readFileSync(join(dir, logFiles(dir)[0] ?? ''), 'utf8')).not.toContain(OLD)
    expect(inspect(sink, { depth: 10, showHidden: true })).not.toContain(OLD)
    expect(JSON.stringify(await verifyAudit(dir, { key: NEW }))).not.toContain(NEW)
  })

  it.each(['', 'short', new Secret('short'), 7])('refuses %o, which is no key or a short one', async (key) => {
    expect(() => jsonlAudit({ dir, key: key as AuditKey })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('`key`') }),
    )
    await write(undefined)
    await expect(verifyAudit(dir, { key: key as AuditKey })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('is not opened while the store gives no key, or one that is too short', async () => {
    const down: SecretProvider = {
      kind: 'test',
      place: 'the test',
      fetch: () => {
        throw new Error('connection refused')
      },
    }
    sink = jsonlAudit({ dir, key: down })
    await expect(sink.open('checkout-tests', NOON)).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    sink = jsonlAudit({ dir, key: provider('a-short-key') })
    await expect(sink.open('checkout-tests', NOON)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(() => sink.write([authorized])).toThrow(expect.objectContaining({ code: 'AUDIT_UNAVAILABLE' }))
  })
})
