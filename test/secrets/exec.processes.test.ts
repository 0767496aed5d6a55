import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { DeniedError } from '../../src/base/errors.js'
import { type ExecSecretOptions, execSecret, type SecretProvider } from '../../src/secrets/index.js'
import { KEY, NEXT_KEY, secretProviderContract } from './contract.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-exec-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const script = (code: string, options: ExecSecretOptions = {}, ...words: string[]) =>
  execSecret([process.execPath, '-e', code, ...words], options)
const printing = (text: string, options: ExecSecretOptions = {}) =>
  script('process.stdout.write(process.argv[1])', options, text)

async function refusal(provider: SecretProvider, signal?: AbortSignal): Promise<DeniedError> {
  try {
    await provider.fetch(signal)
  } catch (error) {
    return error as DeniedError
  }
  throw new Error('the key was given')
}

secretProviderContract('execSecret', () => {
  const home = mkdtempSync(join(tmpdir(), 'solveguard-exec-'))
  const file = join(home, 'key')
  return {
    hold: (text) => writeFileSync(file, text ?? ''),
    provider: () => execSecret(['cat', file]),
    cleanUp: () => rmSync(home, { recursive: true }),
  }
})

describe("a command's output", () => {
  test('has the previous key in its second line, and no third line', async () => {
    const { current, previous } = await printing(`${NEXT_KEY}\n${KEY}\n`).fetch()
    expect([current.value.reveal(), previous?.value.reveal()]).toEqual([NEXT_KEY, KEY])
    expect((await refusal(printing(`${KEY}\n${NEXT_KEY}\n${KEY}`))).code).toBe('SECRET_INVALID')
  })

  test('is read by its first line only with `firstLine`', async () => {
    const { current, previous } = await printing(`${KEY}\nuser: me\nurl: x\n`, { firstLine: true }).fetch()
    expect([current.value.reveal(), previous]).toEqual([KEY, undefined])
  })

  test('may be JSON, read by the configured paths', async () => {
    const json = { key: 'value', version: 'id', createdAt: 'attributes.created', expiresAt: 'attributes.expires' }
    const attributes = { created: '2026-01-02T03:04:05+00:00', expires: '2031-01-01T00:00:00Z' }
    const printed = JSON.stringify({ value: KEY, id: 'https://v/secrets/captcha/7f', attributes })
    expect((await printing(printed, { json }).fetch()).current).toMatchObject({
      version: 'https://v/secrets/captcha/7f',
      createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
      expiresAt: Date.UTC(2031, 0, 1),
    })
    expect((await printing(JSON.stringify({ value: KEY }), { json }).fetch()).current.createdAt).toBeUndefined()
    const soon = JSON.stringify({ value: KEY, attributes: { created: 'soon' } })
    for (const [text, code] of [
      [soon, 'SECRET_INVALID'],
      ['{}', 'SECRET_MISSING'],
      [KEY, 'SECRET_INVALID'],
    ] as const) {
      expect((await refusal(printing(text, { json }))).code).toBe(code)
    }
    expect((await refusal(printing(printed))).message).toContain('which field')
  })

  test('on standard error is shown nowhere', async () => {
    const code = `process.stderr.write('the key is ${KEY}'); process.exit(3)`
    const error = await refusal(script(code))
    expect([error.code, error.message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('status 3')])
    expect(inspect(error)).not.toContain(KEY)
  })

  test('that is too long ends the command', async () => {
    const error = await refusal(script("setInterval(() => process.stdout.write('x'.repeat(99_999)), 1)"))
    expect([error.code, error.message]).toEqual(['SECRET_INVALID', expect.stringContaining('64 KiB')])
  })
})

describe('a command', () => {
  test('is run without a shell, with its arguments unchanged', async () => {
    const word = `$(echo ${KEY}); \`id\` "x" | cat > y * $HOME`
    const { current } = await script(
      "process.stdout.write(Buffer.from(process.argv[1]).toString('hex'))",
      {},
      word,
    ).fetch()
    expect(Buffer.from(current.value.reveal(), 'hex').toString()).toBe(word)
  })

  test('inherits the few common variables and the given ones only', async () => {
    process.env.SOLVEGUARD_TEST_OTHER_SECRET = KEY
    try {
      const code = 'process.stdout.write(Object.keys(process.env).sort().join())'
      const { current } = await script(code, { env: { GIVEN: 'x', NOT_GIVEN: undefined } }).fetch()
      const names = current.value.reveal().split(',')
      expect(names).toEqual(expect.arrayContaining(['GIVEN', 'PATH']))
      expect(names).not.toContain('SOLVEGUARD_TEST_OTHER_SECRET')
      expect(names).not.toContain('NOT_GIVEN')
    } finally {
      delete process.env.SOLVEGUARD_TEST_OTHER_SECRET
    }
  })

  test('has an empty standard input', async () => {
    const code = `process.stdin.on('data', () => {}).on('end', () => process.stdout.write('${KEY}'))`
    expect((await script(code).fetch()).current.value.reveal()).toBe(KEY)
  })

  test('that is aborted is killed together with the processes that it started', async () => {
    const file = join(folder, 'pids')
    const code = `
      const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
      require('fs').writeFileSync(process.argv[1], process.pid + ' ' + child.pid)
      setInterval(() => {}, 1000)`
    const abort = new AbortController()
    const asked = refusal(script(code, {}, file), abort.signal)
    const pids = await vi.waitFor(
      () => {
        const found = readFileSync(file, 'utf8').split(' ').map(Number)
        expect(found).toHaveLength(2)
        return found
      },
      { timeout: 20_000 },
    )
    abort.abort()
    expect((await asked).code).toBe('SECRET_UNAVAILABLE')
    const alive = (pid: number) => {
      try {
        // A zombie process counts as dead.
        return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
      } catch {
        return false
      }
    }
    if (process.platform === 'linux') await vi.waitFor(() => expect(pids.some(alive)).toBe(false), { timeout: 60_000 })
  })

  test('is killed after the configured time', async () => {
    const error = await refusal(script('setInterval(() => {}, 1000)', { timeout: '100ms' }))
    expect([error.code, error.message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('100 ms')])
  })

  test('fails where it is aborted already, missing, or not executable', async () => {
    expect((await refusal(printing(KEY), AbortSignal.abort())).code).toBe('SECRET_UNAVAILABLE')
    const missing = await refusal(execSecret([join(folder, 'no-such-program')]))
    expect([missing.code, missing.message]).toEqual(['SECRET_UNAVAILABLE', expect.stringContaining('no such program')])
    writeFileSync(join(folder, 'text'), 'x', { mode: 0o600 })
    expect((await refusal(execSecret([join(folder, 'text')]))).message).toContain('EACCES')
    expect((await refusal(printing(KEY, { cwd: join(folder, 'none') }))).code).toBe('SECRET_UNAVAILABLE')
  })

  test('is named in messages without its arguments', () => {
    const provider = execSecret(['/usr/bin/bw', 'get', 'password', 'x', '--session', KEY])
    expect(provider.place).toBe('the command bw')
  })
})

test.each<[string, unknown, object]>([
  ['a text', 'op read x', {}],
  ['no program', [], {}],
  ['an empty program', [''], {}],
  ['an argument with a zero byte', ['op', 'a\0b'], {}],
  ['a time-out that is too long', ['op'], { timeout: '1m' }],
  ['an unknown option', ['op'], { shell: true }],
])('execSecret rejects %s', (_, command, options) => {
  expect(() => execSecret(command as [string], options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
