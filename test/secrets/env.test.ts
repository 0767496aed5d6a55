import { afterEach, describe, expect, test } from 'vitest'
import { noteTakenKey, TAKEN_NOTE } from '../../src/secrets/env.js'
import { envSecret } from '../../src/secrets/index.js'
import { parseKey } from '../../src/secrets/parse.js'
import { KEY, NEXT_KEY, secretProviderContract } from './contract.js'

// Each test has its own variable, because removed values are remembered by name.
let count = 0
const names: string[] = []
const newName = () => {
  const name = `SOLVEGUARD_TEST_KEY_${process.pid}_${count++}`
  names.push(name)
  return name
}
afterEach(() => {
  for (const name of names.splice(0)) delete process.env[name]
})

secretProviderContract('envSecret', () => {
  const name = newName()
  return {
    hold(text) {
      if (text !== undefined) process.env[name] = text
    },
    provider: () => envSecret(name),
    cleanUp() {},
  }
})

secretProviderContract('envSecret that keeps its variable', () => {
  const name = newName()
  return {
    hold(text) {
      if (text !== undefined) process.env[name] = text
    },
    provider: () => envSecret(name, { keep: true }),
    cleanUp() {},
  }
})

describe('envSecret', () => {
  test('of a whole JSON secret says where to name the field', () => {
    const name = newName()
    process.env[name] = JSON.stringify({ password: NEXT_KEY, apiKey: KEY })
    expect(() => envSecret(name).fetch()).toThrow(
      expect.objectContaining({
        code: 'SECRET_INVALID',
        message: expect.stringContaining('valueFrom: <ARN>:<field>::'),
      }),
    )
  })

  test('removes the variable from the environment at once', () => {
    const name = newName()
    process.env[name] = KEY
    envSecret(name)
    expect(process.env).not.toHaveProperty(name)
  })

  test('takes the note in place of a taken key for no key, in this process and in one that inherits it', async () => {
    const name = newName()
    process.env[name] = KEY
    const provider = envSecret(name)
    noteTakenKey(name)
    expect(process.env[name]).toBe(TAKEN_NOTE)
    const { current } = await provider.fetch()
    expect(current).toEqual((await envSecret(name).fetch()).current)

    process.env[name] = NEXT_KEY
    expect((await provider.fetch()).current.version).not.toBe(current.version)
    expect(process.env[name]).toBe(TAKEN_NOTE)

    // As in a child process: the note, and no key that was taken.
    const inherited = newName()
    process.env[inherited] = TAKEN_NOTE
    expect(() => envSecret(inherited).fetch()).toThrow(
      expect.objectContaining({ code: 'SECRET_MISSING', message: expect.stringContaining('taken it out') }),
    )
    // As for any reader that does not know the note.
    expect(() => parseKey(TAKEN_NOTE, 'a variable')).toThrow(expect.objectContaining({ code: 'SECRET_INVALID' }))
  })

  test('leaves no note where there was no key, nor over a value', () => {
    const [none, kept] = [newName(), newName()]
    envSecret(none)
    noteTakenKey(none)
    expect(process.env).not.toHaveProperty(none)
    process.env[kept] = KEY
    envSecret(kept, { keep: true })
    noteTakenKey(kept)
    expect(process.env[kept]).toBe(KEY)
  })

  test('leaves the variable where `keep` is set', async () => {
    const name = newName()
    process.env[name] = KEY
    const provider = envSecret(name, { keep: true })
    await provider.fetch()
    expect(process.env[name]).toBe(KEY)
  })

  test('provides one variable to several guards of a process', async () => {
    const name = newName()
    process.env[name] = KEY
    const [first, second] = [envSecret(name), envSecret(name)]
    expect((await first.fetch()).current.value.reveal()).toBe(KEY)
    expect((await second.fetch()).current.value.reveal()).toBe(KEY)
  })

  test('is synchronous', () => {
    const name = newName()
    process.env[name] = KEY
    expect(envSecret(name).fetch()).toHaveProperty('current')
  })

  test('reads a value that is set later, and returns the earlier one as previous', async () => {
    const name = newName()
    process.env[name] = KEY
    const provider = envSecret(name)
    await provider.fetch()
    process.env[name] = NEXT_KEY
    const { current, previous } = await provider.fetch()
    expect([current.value.reveal(), previous?.value.reveal()]).toEqual([NEXT_KEY, KEY])
    expect(process.env).not.toHaveProperty(name)
  })

  test('reads a first value that is set after the provider was created', async () => {
    const name = newName()
    const provider = envSecret(name)
    process.env[name] = KEY
    expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
  })

  test('does not return the old key when the new one is not valid', async () => {
    const name = newName()
    process.env[name] = KEY
    const provider = envSecret(name)
    await provider.fetch()
    process.env[name] = 'oops'
    expect(() => provider.fetch()).toThrow(expect.objectContaining({ code: 'SECRET_INVALID' }))
    expect(() => provider.fetch()).toThrow(expect.objectContaining({ code: 'SECRET_INVALID' }))
    process.env[name] = NEXT_KEY
    expect((await provider.fetch()).current.value.reveal()).toBe(NEXT_KEY)
  })

  test('reads SOLVEGUARD_KEY by default, and treats an empty variable as missing', () => {
    expect(envSecret().place).toBe('SOLVEGUARD_KEY')
    expect(() => envSecret().fetch()).toThrow(/SOLVEGUARD_KEY is not set/)
  })

  test.each(['', 'A B', 'A=B', '1A', '__proto__\n', 'é'])('rejects %j as the name of a variable', (name) => {
    expect(() => envSecret(name)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  test('reads a variable of any valid name', () => {
    expect(() => envSecret('__proto__').fetch()).toThrow(/is not set/)
    expect(() => envSecret('constructor').fetch()).toThrow(/is not set/)
  })
})
