import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkPath, encodeBody, maskedBody } from '../../src/egress/body.js'
import { USER_AGENT } from '../../src/egress/index.js'
import { Secret } from '../../src/secrets/secret.js'

const secret = new Secret('a-key&with=signs+and%20')

describe('checkPath', () => {
  test.each(['/in.php', '/res.php', '/createTask', '/api/v2/get_balance', '/~x/y-z'])('accepts %s', (path) => {
    expect(() => checkPath(path)).not.toThrow()
  })

  test.each([
    '',
    'in.php',
    '/',
    '//evil.example/in.php',
    '/in.php?key=1',
    '/in.php#x',
    '/a/../b',
    '/..',
    '/.',
    '/a//b',
    '/a/',
    '@evil.example/in.php',
    '/a@b',
    '/a\\b',
    '/a b',
    '/a\r\nHost: evil.example',
    '/%2e%2e/in.php',
    'https://evil.example/in.php',
    `/${'a'.repeat(300)}`,
  ])('rejects %j', (path) => {
    expect(() => checkPath(path)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  test('accepts 200 characters', () => {
    expect(() => checkPath(`/${'a'.repeat(199)}`)).not.toThrow()
    expect(() => checkPath(`/${'a'.repeat(200)}`)).toThrow()
  })

  test('accepts only paths that stay below the base address of the same host', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'/.@?#%\\:ab~') }), (text) => {
        const path = `/${text}`
        try {
          checkPath(path)
        } catch {
          return
        }
        expect(new URL(`https://solver.example/base${path}`).href).toBe(`https://solver.example/base${path}`)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('encodeBody', () => {
  const call = { path: '/in.php', keyField: 'key' } as const

  test('writes each field and the key into a form', () => {
    const fields = { pageurl: 'https://a.example/?x=1&y=ü', invisible: 1, 'data-s': 'a+b/c==', skip: undefined }
    const form = new URLSearchParams(encodeBody({ ...call, encoding: 'form', fields }, secret))
    expect(Object.fromEntries(form)).toEqual({
      pageurl: 'https://a.example/?x=1&y=ü',
      invisible: '1',
      'data-s': 'a+b/c==',
      key: 'a-key&with=signs+and%20',
    })
  })

  test('writes each field and the key into JSON', () => {
    const fields = { task: { type: 'X', list: [1, 'ü'] } }
    const body = encodeBody({ ...call, keyField: 'clientKey', encoding: 'json', fields }, secret)
    expect(JSON.parse(body)).toEqual({ ...fields, clientKey: 'a-key&with=signs+and%20' })
  })

  test.each(['form', 'json'] as const)(
    'writes the key into its slot of a %s body even where a field has that name',
    (encoding) => {
      const body = encodeBody({ ...call, encoding, fields: { key: 'other' } }, secret)
      const read = encoding === 'json' ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body))
      expect(read).toEqual({ key: 'a-key&with=signs+and%20' })
      expect(body).not.toContain('other')
    },
  )

  test('rejects values that a form cannot carry, and leaves out those that are not there', () => {
    for (const value of [{ b: 1 }, null, ['x'], 1n, Symbol('x')])
      expect(() => encodeBody({ ...call, encoding: 'form', fields: { a: value } }, secret)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('field a ') }),
      )
    const fields = { a: 'x', b: 7, c: false, d: undefined }
    expect(encodeBody({ ...call, encoding: 'form', fields }, new Secret('a-key'))).toBe('a=x&b=7&c=false&key=a-key')
  })

  test('rejects values that JSON cannot carry, and repeats none of them', () => {
    const circle: Record<string, unknown> = { private: 'hunter2' }
    circle.itself = circle
    for (const value of [1n, circle]) {
      const encoded = () => encodeBody({ ...call, encoding: 'json', fields: { a: value } }, secret)
      expect(encoded).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          message: expect.not.stringMatching(/hunter2|private|a-key/),
        }),
      )
    }
  })

  test.each(['form', 'json'] as const)('writes no secret into the %s body of a wire log', (encoding) => {
    const fields = { proxy: 'http://u:w@a', pageurl: 'https://a.example/b?c=1' }
    const body = maskedBody({ ...call, encoding, fields }, secret)
    const read = encoding === 'json' ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body))
    expect(read).toEqual({ proxy: '[masked]', pageurl: 'https://a.example/b?…', key: secret.toString() })
    expect(secret.toString()).not.toContain('a-key')
  })
})

test("USER_AGENT is the package's name and version", () => {
  const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(USER_AGENT).toBe(`${name}/${version}`)
})
