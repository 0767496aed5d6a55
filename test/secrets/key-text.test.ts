import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSecretCache } from '../../src/secrets/cache.js'
import { problemInKey } from '../../src/secrets/key-text.js'
import { Secret } from '../../src/secrets/secret.js'
import { parseTwoLines } from '../../src/secrets/two-line-text.js'
import { manualClock } from '../../src/testing/clock.js'

/** Keys as services and people make them. */
const key = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{32}$/),
  fc.stringMatching(/^CAP-[0-9A-F]{32}$/),
  fc.stringMatching(/^[A-Za-z0-9_-]{8,64}$/),
  fc.uint8Array({ minLength: 16, maxLength: 48 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  fc.constantFrom('https://hooks.slack.com/services/T0/B0/abc?a=b', 'whsec_c2VjcmV0', 'user:pass=word1'),
)
const base64 = (text: string) => Buffer.from(text).toString('base64')
const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,20}$/)
const padding = fc.constantFrom('', ' ', '\n', '\ufeff')

/** What a store may hold around a key, with a word of what the message has to name. */
const wrapped = fc.tuple(key, key, name, padding).chain(([own, other, variable, pad]) => {
  const json = JSON.stringify({ password: other, key: own })
  const pretty = JSON.stringify({ password: other, key: own }, null, 2)
  return fc.constantFrom<[text: string, named: string]>(
    [pad + json, 'JSON'],
    [pad + pretty + pad, 'JSON'],
    [JSON.stringify([own, other]), 'JSON'],
    [encodeURIComponent(json), 'JSON'],
    [base64(json), 'base64'],
    [base64(pretty).replace(/(.{76})/g, '$1\n'), 'base64'],
    [base64(`-----BEGIN PRIVATE KEY-----\n${own}`), 'base64'],
    [`"${own}"${pad}`, 'quotation mark'],
    [`'${own}'`, 'quotation mark'],
    // What is left of a line that was cut in the middle.
    [`${own}"${pad}`, 'quotation mark'],
    [`${pad}“${own}`, 'quotation mark'],
    [`${pad}${variable}=${own}`, 'NAME=value'],
    [`export ${variable}="${own}`, 'NAME=value'],
    [`${variable} = ${own}`, 'NAME=value'],
    [`-----BEGIN PRIVATE KEY-----\n${own}\n-----END PRIVATE KEY-----\n`, 'PEM'],
    [`<html><body>${own}</body></html>`, 'HTML'],
    // Base64's padding and what follows it would be an assignment.
    [`${own.replaceAll('=', '')} ${other}`, 'spaces'],
    [`${own}\n${other}`, 'line breaks'],
    [`${own}\t`, 'spaces'],
  )
})

describe('the check of a key', () => {
  it('accepts every key', () => {
    fc.assert(
      fc.property(key, (text) => {
        expect(problemInKey(text)).toBeUndefined()
      }),
    )
  })

  it('rejects everything else that a store may hold, and names it without a part of it', () => {
    fc.assert(
      fc.property(wrapped, ([text, named]) => {
        const found = problemInKey(text)
        expect(found?.problem).toContain(named)
        // The message is the same for each text of the kind.
        expect(`${found?.problem} ${found?.remedy}`.length).toBeLessThan(200)
      }),
      { numRuns: 500 },
    )
  })

  it('names the option for a field of JSON, where the provider has one', () => {
    expect(problemInKey('{"a":"b"}', 'the option `field`')?.remedy).toContain('the option `field`')
    expect(problemInKey('{"a":"b"}')?.remedy).toContain('Store only the value of the field')
  })

  it('rejects base64 of JSON that a file has in two lines', () => {
    const lines = base64(JSON.stringify({ password: 'x'.repeat(30), key: 'y'.repeat(30) })).replace(/(.{60})/, '$1\n')
    expect(() => parseTwoLines(lines, 'the file')).toThrow(expect.objectContaining({ code: 'SECRET_INVALID' }))
  })

  it('applies to a provider of the user too: nothing that cannot be a key leaves the cache', () => {
    fc.assert(
      fc.property(wrapped, fc.boolean(), ([text], isPrevious) => {
        const wrong = { value: new Secret(text), version: '1' }
        const right = { value: new Secret('0123456789abcdef'), version: '2' }
        const versions = isPrevious ? { current: right, previous: wrong } : { current: wrong }
        const provider = { kind: 'own', place: 'our store', fetch: () => versions }
        const cache = createSecretCache(provider, { clock: manualClock() })
        expect(() => cache.get()).toThrow(
          expect.objectContaining({ code: 'SECRET_INVALID', message: expect.not.stringContaining(text) }),
        )
        expect([cache.usable(), cache.peek(0)]).toEqual([undefined, undefined])
      }),
    )
  })
})
