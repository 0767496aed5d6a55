import { expect, test } from 'vitest'
import { Mutex } from '../../../src/adapters/webdriver/mutex.js'

const soon = () => new Promise((resolve) => setImmediate(resolve))

test('runs one function at a time, in the order of the calls', async () => {
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

test('runs the next function after one that rejects', async () => {
  const turns = new Mutex()
  const failed = turns.runExclusive(() => Promise.reject(new Error('no')))
  const next = turns.runExclusive(async () => 'next')
  await expect(failed).rejects.toThrow('no')
  expect(await next).toBe('next')
})

test('runs a nested call without waiting for the outer one, and nested calls one at a time', async () => {
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

test('queues a call that a function makes after it has ended', async () => {
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
