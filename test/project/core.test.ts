import { execFileSync, fork, spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { commandAlerts } from '../../src/alerts/index.js'
import { execSecret } from '../../src/secrets/index.js'
import { ALERT, deliver } from '../alerts/contract.js'

const REFUSED = /A core test starts no process, but called \w+\(/

it('a test of the core project cannot start a process, and so no browser', () => {
  expect(() => spawn(process.execPath)).toThrow(REFUSED)
  expect(() => execFileSync(process.execPath)).toThrow(REFUSED)
  expect(() => fork('x.js')).toThrow(REFUSED)
})

it('a test of the core project cannot have solveguard start a process', async () => {
  await expect(Promise.resolve(execSecret(['cat', 'x']).fetch())).rejects.toThrow(REFUSED)
  await expect(deliver(commandAlerts({ command: ['true'] }), ALERT)).rejects.toThrow(REFUSED)
})
