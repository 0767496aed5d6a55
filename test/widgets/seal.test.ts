import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { injectCall } from '../../src/widgets/calls.js'
import { parsePad } from '../../src/widgets/parse.js'
import { seal, sealedLength } from '../../src/widgets/seal.js'

const SECRET = '5e'.repeat(32)
const terms = { lifetimeMs: 120_000, unlessAnswered: true }
const numbersFor = (length: number) => fc.uint16Array({ minLength: length, maxLength: length })
const hex = (numbers: Uint16Array) => Array.from(numbers, (one) => one.toString(16).padStart(4, '0')).join('')

const opened = (sealed: readonly number[], numbers: Uint16Array, from = 0): string =>
  sealed.map((one, at) => String.fromCharCode(one ^ (numbers[from + at] ?? 0))).join('')

describe('a sealed solution', () => {
  test('is read with its pad, and each number of the pad is used once', () => {
    const solution = fc.record({ token: fc.string(), fields: fc.dictionary(fc.constantFrom('a', 'b'), fc.string()) })
    fc.assert(
      fc.property(
        solution.chain((one) => fc.tuple(fc.constant(one), numbersFor(sealedLength(one)))),
        ([{ token, fields }, numbers]) => {
          const sealed = seal({ token, fields, ...terms }, { id: 7, numbers })
          expect(sealed).toMatchObject({ pad: 7, ...terms })
          expect(opened(sealed.token, numbers)).toBe(token)
          let from = token.length
          for (const [name, value = ''] of Object.entries(fields)) {
            expect(opened(sealed.fields[name] ?? [], numbers, from)).toBe(value)
            from += value.length
          }
        },
      ),
    )
  })

  test('is also the sealed form of any other token of that length: without the pad it says nothing', () => {
    const pair = fc.nat(200).chain((length) => {
      const text = fc.uint16Array({ minLength: length, maxLength: length })
      return fc.tuple(text, text, numbersFor(length))
    })
    fc.assert(
      fc.property(pair, ([one, other, numbers]) => {
        const token = String.fromCharCode(...one)
        const sealed = seal({ token, fields: {}, ...terms }, { id: 1, numbers })
        const otherPad = Uint16Array.from(numbers, (number, at) => number ^ (one[at] ?? 0) ^ (other[at] ?? 0))
        expect(opened(sealed.token, otherPad)).toBe(String.fromCharCode(...other))
      }),
    )
  })

  test('is what the call into the page has, and not the token', () => {
    const numbers = new Uint16Array(40).fill(0x1234)
    const call = injectCall(
      'dabc-0',
      seal({ token: 'a-token', fields: { key: 'a-key' }, ...terms }, { id: 1, numbers }),
    )
    expect(call).not.toMatch(/a-token|a-key/)
  })

  test('is not made with a pad that is too short', () => {
    const pad = { id: 1, numbers: new Uint16Array(8) }
    expect(() => seal({ token: 'a-token', fields: { key: 'a-key' }, ...terms }, pad)).toThrow(RangeError)
  })
})

describe('a pad', () => {
  const reply = (said: object) => JSON.stringify({ secret: SECRET, id: 3, numbers: '00ff1234', ...said })

  test('is read from the reply of the document for which the solution is bought', () => {
    expect(parsePad(reply({}), SECRET, 2)).toEqual({ id: 3, numbers: Uint16Array.of(0x00ff, 0x1234) })
    fc.assert(
      fc.property(numbersFor(50), (numbers) => {
        expect(parsePad(reply({ numbers: hex(numbers) }), SECRET, 50)?.numbers).toEqual(numbers)
      }),
    )
  })

  test.each([
    ['without its secret', { secret: undefined }],
    ['with another secret', { secret: '0'.repeat(64) }],
    ['that is too short', { numbers: '00ff' }],
    ['that is too long', { numbers: '00ff12345678' }],
    ['with other characters', { numbers: '00ffxyz1' }],
    ['without an id', { id: undefined }],
  ])('is refused in a reply %s', (_, said) => {
    expect(parsePad(reply(said), SECRET, 2)).toBeUndefined()
  })

  test.each([null, undefined, 5, '{"result":"page-gone"}', 'no JSON', '[]'])('is refused in the reply %j', (said) => {
    expect(parsePad(said, SECRET, 2)).toBeUndefined()
  })
})
