import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { envSecret } from '../../src/secrets/index.js'
import { KEY } from './contract.js'

it('envSecret removes the variable from the environment, so that no child process inherits it', () => {
  const name = `SOLVEGUARD_TEST_KEY_${process.pid}`
  process.env[name] = KEY
  envSecret(name)
  expect(execFileSync('env', { encoding: 'utf8' })).not.toContain(KEY)
})
