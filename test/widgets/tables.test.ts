import { expect, test } from 'vitest'
import * as families from '../../src/widgets/page/families.js'
import { signs } from '../../src/widgets/page/signs.js'
import { UNKNOWN_VENDORS } from '../../src/widgets/page/unknown.js'
import { watches } from '../../src/widgets/page/watches.js'
import { WIDGETS } from '../../src/widgets/table.js'

test('each row of the table of widgets names its own family', () => {
  expect(Object.entries(WIDGETS).filter(([name, { family }]) => name !== family)).toEqual([])
})

test('the table of page code lists the families of the table of widgets, and no other', () => {
  expect(Object.keys(families).toSorted()).toEqual(Object.keys(WIDGETS).toSorted())
})

test('each family has its signs, and only those', () => {
  expect(Object.keys(signs).toSorted()).toEqual(Object.keys(WIDGETS).toSorted())
})

test('each watch is of a family of the table, and no family has two', () => {
  const names = watches.map(({ name }) => name)
  expect(names.filter((name) => !Object.hasOwn(WIDGETS, name))).toEqual([])
  expect(new Set(names).size).toBe(names.length)
})

test('no vendor of a family is still listed among the unknown ones', () => {
  const names = UNKNOWN_VENDORS.map(({ vendor }) => vendor)
  expect(names.filter((vendor) => Object.hasOwn(WIDGETS, vendor))).toEqual([])
})
