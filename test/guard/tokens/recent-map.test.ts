import { expect, it } from 'vitest'
import { RecentMap } from '../../../src/guard/tokens/recent-map.js'

it('a map of recent entries holds so many, and drops the one that was not used for longest', () => {
  const map = new RecentMap<string>(2)
  map.set('a', '1')
  map.set('b', '2')
  expect([map.get('a'), map.get('none')]).toEqual(['1', undefined])
  map.set('c', '3')
  expect(['a', 'b', 'c'].map((key) => map.get(key))).toEqual(['1', undefined, '3'])
  map.set('a', '4')
  map.set('d', '5')
  expect(['a', 'c', 'd'].map((key) => map.get(key))).toEqual(['4', undefined, '5'])
})

it('a map of recent entries has no capacity for what was asked for and is not there', () => {
  const map = new RecentMap<string>(2)
  for (const key of ['a', 'b']) map.set(key, key)
  for (const key of ['none', 'nor this']) expect(map.get(key)).toBeUndefined()
  for (const key of ['c', 'd', 'e']) map.set(key, key)
  expect(['a', 'b', 'c', 'd', 'e'].map((key) => map.get(key))).toEqual([undefined, undefined, undefined, 'd', 'e'])
})
