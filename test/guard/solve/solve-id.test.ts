import { expect, test } from 'vitest'
import { solveId } from '../../../src/guard/solve/solve-id.js'

test('ids are random UUIDs of version 4, each another one', () => {
  const ids = Array.from({ length: 5_000 }, solveId)
  for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  expect(new Set(ids).size).toBe(ids.length)
  // Each position but the fixed ones takes all of its values.
  for (let at = 0; at < 36; at++) {
    const values = new Set(ids.map((id) => id[at])).size
    expect({ at, values }).toEqual({ at, values: [8, 13, 14, 18, 23].includes(at) ? 1 : at === 19 ? 4 : 16 })
  }
})
