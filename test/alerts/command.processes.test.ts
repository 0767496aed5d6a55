import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { type CommandAlertsOptions, commandAlerts } from '../../src/alerts/index.js'
import { ALERT, channelContract, deliver } from './contract.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-alerts-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const script = (code: string, options: Partial<CommandAlertsOptions> = {}, ...args: string[]) =>
  commandAlerts({ command: [process.execPath, '-e', code, ...args], cwd: folder, ...options })

describe('commandAlerts', () => {
  it('writes one line of JSON to the standard input of the command, which is run without a shell', async () => {
    const word = '$(id) `id` > x; *'
    const code = `
      const { readFileSync, writeFileSync } = require('fs')
      writeFileSync('input', JSON.stringify([readFileSync(0, 'utf8'), process.argv[1]]))`
    await deliver(script(code, {}, word))
    const [input, argument] = JSON.parse(readFileSync(join(folder, 'input'), 'utf8'))
    expect(argument).toBe(word)
    expect(input.endsWith('}\n')).toBe(true)
    expect(JSON.parse(input)).toMatchObject({
      type: 'solveguard.alert',
      data: { id: ALERT.id, message: ALERT.message },
    })
  })

  it('accepts a command that does not read its input', async () => {
    await deliver(script(''), { ...ALERT, message: 'x'.repeat(1_000_000) })
  })

  it('gives the command the few common variables and the configured ones only', async () => {
    process.env.SOLVEGUARD_TEST_OTHER_SECRET = 'x'
    try {
      await deliver(
        script(`require('fs').writeFileSync('env', Object.keys(process.env).join())`, { env: { GIVEN: '1' } }),
      )
    } finally {
      delete process.env.SOLVEGUARD_TEST_OTHER_SECRET
    }
    const names = readFileSync(join(folder, 'env'), 'utf8').split(',')
    expect(names).toEqual(expect.arrayContaining(['PATH', 'GIVEN']))
    expect(names).not.toContain('SOLVEGUARD_TEST_OTHER_SECRET')
  })

  test.each<[string, () => ReturnType<typeof commandAlerts>, string]>([
    ['exits with an error', () => script('process.exit(3)'), 'status 3'],
    ['takes too long', () => script('setInterval(() => {}, 1000)', { timeout: '100ms' }), '100 ms'],
    ['does not exist', () => commandAlerts({ command: [join(folder, 'nowhere')] }), 'no such program'],
  ])('fails for a command that %s, and does not retry', async (_, channel, text) => {
    await expect(deliver(channel())).rejects.toMatchObject({ retryable: false, message: expect.stringContaining(text) })
  })

  test.each<[string, unknown]>([
    ['a text', 'notify me'],
    ['an empty list', []],
    ['an empty program', ['']],
    ['an argument with a zero byte', ['x', 'a\0b']],
  ])('rejects %s', (_, command) => {
    expect(() => commandAlerts({ command: command as [string] })).toThrow('commandAlerts.command')
  })

  channelContract('commandAlerts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'solveguard-alerts-'))
    const [file, how] = [join(folder, 'arrived'), join(folder, 'how')]
    writeFileSync(file, '')
    writeFileSync(how, '')
    const code = `
    const { appendFileSync, readFileSync } = require('fs')
    const [file, how] = ['arrived', 'how']
    const input = readFileSync(0, 'utf8')
    if (readFileSync(how, 'utf8') === 'refuse') process.exit(7)
    if (readFileSync(how, 'utf8') === 'hang') setInterval(() => {}, 1000)
    else appendFileSync(file, input)`
    const token = 'a-token-of-the-users-own'
    const make = () => commandAlerts({ command: [process.execPath, '-e', code, token], cwd: folder })
    return {
      channel: make(),
      again: make,
      arrived: async () => readFileSync(file, 'utf8').split('\n').filter(Boolean),
      misbehave: async (as) => writeFileSync(how, as ?? ''),
      secrets: [token],
      dispose: async () => rmSync(folder, { recursive: true }),
    }
  })
})
