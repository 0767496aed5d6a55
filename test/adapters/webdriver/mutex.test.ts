import { expect, test } from 'vitest'
import { Mutex } from '../../../src/adapters/webdriver/mutex.js'

const soon = () => new Promise((resolve) => setImmediate(resolve))

test('turns are taken one at a time, in the order in which they were asked for', async () => {
  const turns = new Mutex()
  const seen: string[] = []
  const run = (name: string) => async () => {
    seen.push(`${name} begins`)
    await soon()
    seen.push(`${name} ends`)
    return name
  }
  expect(await Promise.all([turns.runExclusive(run('a')), turns.runExclusive(run('b'))])).toEqual(['a', 'b'])
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
})

test('one that fails does not stop the others', async () => {
  const turns = new Mutex()
  const failed = turns.runExclusive(() => Promise.reject(new Error('no')))
  const next = turns.runExclusive(async () => 'next')
  await expect(failed).rejects.toThrow('no')
  expect(await next).toBe('next')
})

test('a turn within a turn needs not wait for the one around it, and those within take turns too', async () => {
  const turns = new Mutex()
  const seen: string[] = []
  const within = (name: string) =>
    turns.runExclusive(async () => {
      seen.push(name)
      await soon()
      seen.push(name)
    })
  await Promise.all([turns.runExclusive(() => Promise.all([within('a'), within('b')])), within('c')])
  expect(seen.join('')).toBe('aabbcc')
})

test('what a turn leaves running waits for a turn of its own', async () => {
  const turns = new Mutex()
  const seen: string[] = []
  let late: Promise<void> | undefined
  await turns.runExclusive(async () => {
    late = soon().then(() => turns.runExclusive(async () => void seen.push('late')))
  })
  const long = turns.runExclusive(async () => {
    for (let count = 0; count < 5; count++) await soon()
    seen.push('long')
  })
  await Promise.all([late, long])
  expect(seen).toEqual(['long', 'late'])
})
