import { expect, it } from 'vitest'
import { duplexPair } from '../../src/intercept/duplex-pair.js'

it('delivers in order, never while the other end is still writing, and then the end', async () => {
  const [near, far] = duplexPair()
  const seen: string[] = []
  let isWriting = false
  // A reply that arrived within `write` would make a client of HTTP begin its body within its head.
  near.on('data', (part) => seen.push(`${isWriting ? 'at once' : 'later'} ${part}`))
  far.on('data', (part) => {
    seen.push(`${isWriting ? 'at once' : 'later'} ${part}`)
    far.write(`reply to ${part}`)
  })
  // Both ends flow from the next turn on.
  await new Promise((resolve) => setImmediate(resolve))
  const ended = new Promise((resolve) => far.once('end', resolve))
  for (const text of ['a', 'b']) {
    isWriting = true
    near.write(text)
    isWriting = false
  }
  near.end()
  await ended
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen.filter((line) => !line.startsWith('later'))).toEqual([])
  expect(seen.filter((line) => !line.includes('reply'))).toEqual(['later a', 'later b'])
  expect(seen).toContain('later reply to a')
  near.destroy()
})
