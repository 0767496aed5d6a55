import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { DeniedError } from '../../src/base/errors.js'
import type { SecretProvider } from '../../src/secrets/provider.js'

/** A provider, and the store that it reads. */
export interface ProviderUnderTest {
  /** Writes lines of text to the store, the current key first; undefined empties the store. */
  hold(text: string | undefined): void | Promise<void>
  /** A new provider over the store. */
  provider(): SecretProvider
  cleanUp(): void | Promise<void>
}

export const KEY = '0123456789abcdef0123456789abcdef'
export const NEXT_KEY = 'fedcba9876543210fedcba9876543210'

/** The tests that every secret provider has to pass. */
export function secretProviderContract(name: string, open: () => ProviderUnderTest | Promise<ProviderUnderTest>): void {
  describe(`${name}, as every secret provider`, () => {
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

    test('returns the key with a version', async () => {
      const { current, previous } = await (await holding(KEY)).fetch()
      expect(current.value.reveal()).toBe(KEY)
      expect(current.version).toMatch(/^[\x21-\x7e]{1,100}$/)
      expect(previous).toBeUndefined()
    })

    test('removes one line break at the end of the key', async () => {
      expect((await (await holding(`${KEY}\n`)).fetch()).current.value.reveal()).toBe(KEY)
    })

    test('gives the same key the same version, and another key another version', async () => {
      const first = await (await holding(KEY)).fetch()
      const again = await store?.provider().fetch()
      expect(again?.current.version).toBe(first.current.version)
      await store?.hold(NEXT_KEY)
      const next = await store?.provider().fetch()
      expect(next?.current.version).not.toBe(first.current.version)
      expect(next?.current.value.reveal()).toBe(NEXT_KEY)
    })

    test('returns a new key at the next fetch', async () => {
      const provider = await holding(KEY)
      await provider.fetch()
      await store?.hold(NEXT_KEY)
      expect((await provider.fetch()).current.value.reveal()).toBe(NEXT_KEY)
    })

    test('reports an empty store as SECRET_MISSING, with the place to store the key', async () => {
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
      ['inside JSON', JSON.stringify({ password: 'hunter2-hunter2', apiKey: KEY })],
      ['inside a list of JSON', JSON.stringify([KEY])],
      ['inside JSON, base64', Buffer.from(JSON.stringify({ apiKey: KEY })).toString('base64')],
      ['in quotation marks', `"${KEY}"`],
      ['behind its name', `MY_CAPTCHA_KEY=${KEY}`],
      ['behind its name and export', `export MY_CAPTCHA_KEY=${KEY}`],
      [
        'of another kind, in PEM',
        '-----BEGIN PRIVATE KEY-----MIIEvQIBADANBgkqhkiG9w0BAQEFAASC-----END PRIVATE KEY-----',
      ],
      ['inside XML', `<key>${KEY}</key>`],
    ])('reports a key %s as SECRET_INVALID, without repeating it', async (_, text) => {
      const provider = await holding(text)
      const error = await refusal(provider)
      expect([error.code, error.layer]).toEqual(['SECRET_INVALID', 'secret'])
      expect(error.message).toContain(provider.place)
      expect(inspect(error) + JSON.stringify(error)).not.toContain(text.slice(0, 7))
    })

    test('shows the key in no result and no message', async () => {
      const provider = await holding(KEY)
      const versions = await provider.fetch()
      const shown = [provider, versions, provider.place, provider.kind]
        .map((one) => `${inspect(one, { depth: 9, showHidden: true })} ${JSON.stringify(one)}`)
        .join()
      expect(shown).not.toContain(KEY)
    })
  })
}
