import { inspect } from 'node:util'
import { expect } from 'vitest'
import { TransportError } from '../../src/egress/index.js'

/** The `TransportError` that a call failed with, which must show none of the given words. */
export async function failureOf(sent: Promise<unknown>, secrets: readonly string[]): Promise<TransportError> {
  const error = await sent.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(TransportError)
  const shown = inspect(error, { depth: 9 }) + JSON.stringify(error)
  for (const word of secrets) expect(shown).not.toContain(word)
  return error as TransportError
}
