import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BoundedBytes, readBounded } from '../../src/base/bounded-bytes.js'

const chunks = fc.array(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 30 },
)

test('bytes in any chunks are the same bytes, up to the bound, and no chunk is changed', async () => {
  await fc.assert(
    fc.asyncProperty(chunks, fc.nat(3_000), async (parts, max) => {
      const copies = parts.map((part) => Buffer.from(part))
      const whole = Buffer.concat(parts)
      const bytes = new BoundedBytes(max)
      const fits = parts.every((part) => bytes.add(part))
      expect(fits).toBe(whole.length <= max)
      if (fits) expect(bytes.toString('latin1')).toBe(whole.toString('latin1'))
      else expect(bytes.toString()).toBe('')
      expect(parts).toEqual(copies)
      const stream = Readable.from(parts.filter(({ length }) => length > 0))
      expect(await readBounded(stream, max)).toBe(fits ? whole.toString() : undefined)
      expect(stream.destroyed).toBe(true)
    }),
  )
})
