import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, test } from 'vitest'
import { type CommandAlertsOptions, commandAlerts } from '../../src/alerts/index.js'
import { ALERT, channelContract, deliver } from './contract.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-alerts-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const script = (code: string, options: Partial<CommandAlertsOptions> = {}, ...words: string[]) =>
  commandAlerts({ command: [process.execPath, '-e', code, ...words], cwd: folder, ...options })

it('reads one line of JSON on its standard input, and is run without a shell', async () => {
  const word = '$(id) `id` > x; *'
  const code = `require('fs').writeFileSync('told', JSON.stringify([require('fs').readFileSync(0, 'utf8'), process.argv[1]]))`
  await deliver(script(code, {}, word))
  const [told, heard] = JSON.parse(readFileSync(join(folder, 'told'), 'utf8'))
  expect(heard).toBe(word)
  expect(told.endsWith('}\n')).toBe(true)
  expect(JSON.parse(told)).toMatchObject({ type: 'solveguard.alert', data: { id: ALERT.id, message: ALERT.message } })
})

it('may leave what it is told unread', async () => {
  await deliver(script(''), { ...ALERT, message: 'x'.repeat(1_000_000) })
})

it('inherits no more than any command needs, and what it is given', async () => {
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
  ['ends badly', () => script('process.exit(3)'), 'status 3'],
  ['takes too long', () => script('setInterval(() => {}, 1000)', { timeout: '100ms' }), '100 ms'],
  ['is not there', () => commandAlerts({ command: [join(folder, 'nowhere')] }), 'no such program'],
])('that %s has failed, and is not run again', async (_, channel, says) => {
  await expect(deliver(channel())).rejects.toMatchObject({ retryable: false, message: expect.stringContaining(says) })
})

test.each<[string, unknown]>([
  ['a line of text', 'notify me'],
  ['nothing', []],
  ['an empty program', ['']],
  ['a word with a zero byte', ['x', 'a\0b']],
])('commandAlerts does not take %s', (_, command) => {
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
    const told = readFileSync(0, 'utf8')
    if (readFileSync(how, 'utf8') === 'refuse') process.exit(7)
    if (readFileSync(how, 'utf8') === 'hang') setInterval(() => {}, 1000)
    else appendFileSync(file, told)`
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
