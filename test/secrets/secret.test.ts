import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { format, inspect } from 'node:util'
import fc from 'fast-check'
import pino from 'pino'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../src/secrets/secret.js'

const KEY = '0123456789abcdef0123456789abcdef'
const secret = new Secret(KEY)

function written(use: (stream: Writable) => void): string {
  let text = ''
  use(
    new Writable({
      write(chunk, _, done) {
        text += chunk
        done()
      },
    }),
  )
  return text
}

describe('a secret is not shown', () => {
  test.each<[string, () => string]>([
    ['inspected', () => inspect(secret, { depth: 9, showHidden: true, customInspect: false })],
    ['inspected in an object', () => inspect({ a: [secret] }, { depth: 9, showHidden: true })],
    ['as JSON', () => JSON.stringify({ secret, list: [secret] })],
    ['as a string', () => String(secret)],
    ['in a template', () => `${secret}`],
    ['joined to a text', () => 'a '.concat(secret as never)],
    ['formatted', () => format('%s %o %O %j %d', secret, secret, secret, secret, secret)],
    ['through its properties', () => JSON.stringify(Object.getOwnPropertyDescriptors(secret))],
    ['copied', () => inspect({ ...secret }) + inspect(structuredClone(secret)) + inspect(Object.assign({}, secret))],
    ['as the cause of an error', () => inspect(new Error('x', { cause: secret }), { depth: 9, showHidden: true })],
    ['on the console', () => written((stream) => new Console(stream).log(secret, { secret }, '%s', secret))],
    ['in a log', () => written((stream) => pino(stream).info({ secret, deep: { secret } }, 'x %s %j', secret, secret))],
    ['in a table', () => written((stream) => new Console(stream).table([secret]))],
    ['by its keys', () => [...Object.keys(secret), ...Object.values(secret), ...Object.entries(secret)].join()],
  ])('%s', (_, show) => {
    const text = show()
    expect(text.length).toBeGreaterThan(2)
    for (let i = 0; i + 8 <= KEY.length; i++) expect(text).not.toContain(KEY.slice(i, i + 8))
  })

  test('whatever the key is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, maxLength: 64 }), (text) => {
        const hidden = new Secret(text)
        for (const shown of [inspect(hidden), `${hidden}`, JSON.stringify(hidden)])
          expect(hidden.isIn(shown)).toBe(false)
      }),
    )
  })
})

test('the same key has the same fingerprint, and another key another one', () => {
  expect(new Secret(KEY).fingerprint).toBe(secret.fingerprint)
  expect(new Secret(`${KEY}x`).fingerprint).not.toBe(secret.fingerprint)
  expect(secret.fingerprint).toMatch(/^[0-9a-f]{16}$/)
  // The fingerprint's start is all that is shown.
  expect(String(secret)).toBe(`[secret ${secret.fingerprint.slice(0, 4)}…]`)
})
