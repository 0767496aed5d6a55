import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { DeniedError } from '../../src/base/errors.js'
import type { SecretProvider } from '../../src/secrets/provider.js'

/** A provider over a store that the contract can write to. */
export interface ProviderUnderTest {
  /** Makes the store hold these lines of text, the key in use first; undefined: nothing at all. */
  hold(text: string | undefined): void | Promise<void>
  /** A new provider over the store. */
  provider(): SecretProvider
  cleanUp(): void | Promise<void>
}

export const KEY = '0123456789abcdef0123456789abcdef'
export const NEXT_KEY = 'fedcba9876543210fedcba9876543210'

/** What every secret provider promises. */
export function secretProviderContract(name: string, open: () => ProviderUnderTest | Promise<ProviderUnderTest>): void {
  describe(`${name} keeps a provider's promises:`, () => {
    let store: ProviderUnderTest | undefined
    afterEach(() => store?.cleanUp())

    const holding = async (text: string | undefined) => {
      store = await open()
      await store.hold(text)
      return store.provider()
    }
    const refusal = async (provider: SecretProvider): Promise<DeniedError> => {
      try {
        await provider.fetch()
      } catch (error) {
        expect(error).toBeInstanceOf(DeniedError)
        return error as DeniedError
      }
      throw new Error('the key was not refused')
    }

    test('it gives the key, under a version', async () => {
      const { current, previous } = await (await holding(KEY)).fetch()
      expect(current.value.reveal()).toBe(KEY)
      expect(current.version).toMatch(/^[\x21-\x7e]{1,100}$/)
      expect(previous).toBeUndefined()
    })

    test('one newline at the end is not part of the key', async () => {
      expect((await (await holding(`${KEY}\n`)).fetch()).current.value.reveal()).toBe(KEY)
    })

    test('the same key has the same version, another key another', async () => {
      const first = await (await holding(KEY)).fetch()
      const again = await store?.provider().fetch()
      expect(again?.current.version).toBe(first.current.version)
      await store?.hold(NEXT_KEY)
      const next = await store?.provider().fetch()
      expect(next?.current.version).not.toBe(first.current.version)
      expect(next?.current.value.reveal()).toBe(NEXT_KEY)
    })

    test('a new key is given at the next fetch of the same provider', async () => {
      const provider = await holding(KEY)
      await provider.fetch()
      await store?.hold(NEXT_KEY)
      expect((await provider.fetch()).current.value.reveal()).toBe(NEXT_KEY)
    })

    test('a store that holds nothing is SECRET_MISSING, and the message says where to put the key', async () => {
      const provider = await holding(undefined)
      const error = await refusal(provider)
      expect([error.code, error.layer]).toEqual(['SECRET_MISSING', 'secret'])
      expect(error.message).toContain(provider.place)
    })

    test.each([
      ['too short', 'k3y-7ch'],
      ['too long', `${KEY}${'x'.repeat(500)}`],
      ['with a space', `${KEY} ${KEY}`],
      ['with a tab', `${KEY}\t${KEY}`],
      ['with letters outside ASCII', `${KEY}ü`],
      ['with an escape sequence', `${KEY}\u001b[31m`],
    ])('a key %s is SECRET_INVALID, and is not repeated', async (_, text) => {
      const provider = await holding(text)
      const error = await refusal(provider)
      expect([error.code, error.layer]).toEqual(['SECRET_INVALID', 'secret'])
      expect(error.message).toContain(provider.place)
      expect(inspect(error) + JSON.stringify(error)).not.toContain(text.slice(0, 7))
    })

    test('nothing that it gives or says shows the key', async () => {
      const provider = await holding(KEY)
      const versions = await provider.fetch()
      const shown = [provider, versions, provider.place, provider.kind]
        .map((one) => `${inspect(one, { depth: 9, showHidden: true })} ${JSON.stringify(one)}`)
        .join()
      expect(shown).not.toContain(KEY)
    })
  })
}
