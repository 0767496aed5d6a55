import { deflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { drawDigits, readDigits } from '../../src/testing/shared/picture.js'

test.each(['0', '1', '4711', '0123456789', '664'])('reads the digits %s that were drawn, at any size', (digits) => {
  for (const scale of [1, 2, 3, 5, 8]) expect(readDigits(drawDigits(digits, scale))).toBe(digits)
})

test('reads no digits from anything else', () => {
  const whole = drawDigits('4711')
  const bomb = Buffer.concat([whole.subarray(0, 41), deflateSync(Buffer.alloc(1_000_000)), whole.subarray(-12)])
  const huge = Buffer.from(whole)
  huge.writeUInt32BE(0xffffffff, 16)
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(200),
    whole.subarray(0, 60),
    drawDigits(''),
    drawDigits('x'),
    bomb,
    huge,
  ]) {
    expect(readDigits(bytes)).toBeUndefined()
  }
})
