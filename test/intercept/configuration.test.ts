import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SolveguardError } from '../../src/base/errors.js'
import { findConfiguration, guardOptions } from '../../src/intercept/configuration.js'
import { lazyHandler } from '../../src/intercept/handler.js'
import type { OwnSockets } from '../../src/net/own-sockets.js'
import { usd } from '../../src/policy/money.js'
import { listen } from '../support/loopback.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-register-'))
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const origins = ['https://staging.example.com']

function file(config: object) {
  const path = join(folder, 'solveguard.config.json')
  writeFileSync(path, JSON.stringify(config))
  return { kind: 'file', path } as const
}

it('register reads the configuration that the commands read: plain data, and the profile that holds', async () => {
  vi.stubEnv('SOLVEGUARD_PROFILE', 'ci')
  const config = {
    solver: 'twocaptcha',
    policy: { origins },
    profiles: { ci: { policy: { budget: { perDay: '$2' } } } },
  }
  const { policy, solver } = await guardOptions(file(config))
  expect(policy).toEqual({ origins, budget: { perDay: usd(2) } })
  expect(solver?.name).toBe('twocaptcha')
})

it('register refuses a key in the configuration, and does not print it', async () => {
  const key = '0123456789abcdef0123456789abcdef'
  const refused = guardOptions(file({ secret: key, policy: { origins } }))
  await expect(refused).rejects.toThrow('secret (solveguard.config.json): is a key')
  await expect(refused).rejects.not.toThrow(key)
})

it('register names the file of SOLVEGUARD_CONFIG that is not there', () => {
  const path = join(folder, 'none.mjs')
  const read = () => findConfiguration({ SOLVEGUARD_CONFIG: path })
  expect(read).toThrow(`SOLVEGUARD_CONFIG names ${path}, and there is no such file`)
  expect(read).toThrow(SolveguardError)
})

describe('a broker elsewhere', () => {
  const sockets: OwnSockets = {
    connect: () => expect.unreachable(),
    secure: () => expect.unreachable(),
  }
  const request = { method: 'GET', url: '/res.php', headers: {}, body: Buffer.alloc(0), host: '2captcha.com' }

  it.each(['http://broker.internal', 'http://10.0.0.5:8080', 'ftp://127.0.0.1', 'https://u:hunter2@broker.internal'])(
    'is not sent the token at %s',
    async (broker) => {
      vi.stubEnv('SOLVEGUARD_BROKER', broker)
      vi.stubEnv('SOLVEGUARD_TOKEN', 'the-token')
      const { status, body } = await lazyHandler(sockets)(request)
      expect({ status, body }).toEqual({
        status: 503,
        body: expect.stringMatching(/^solveguard: SOLVEGUARD_BROKER must/),
      })
      expect(body).not.toContain('hunter2')
    },
  )

  it('is asked over the same connections after a request that has failed', async () => {
    const tokens: unknown[] = []
    const broker = createServer(({ headers, socket }, reply) => {
      tokens.push(headers['x-solveguard-token'])
      if (tokens.length === 1) socket.destroy()
      else reply.end('answered')
    })
    vi.stubEnv('SOLVEGUARD_BROKER', `http://127.0.0.1:${await listen(broker)}`)
    vi.stubEnv('SOLVEGUARD_TOKEN', 'the-token')
    const handler = lazyHandler(sockets)
    try {
      const failed = await handler(request)
      expect(failed).toMatchObject({ status: 503, body: expect.stringMatching(/does not answer: .+\. Start it, or/) })
      expect(failed.body).toContain(process.env.SOLVEGUARD_BROKER)
      // Were they made anew, they would have this one.
      vi.stubEnv('SOLVEGUARD_TOKEN', 'another-token')
      expect(await handler(request)).toMatchObject({ status: 200, body: 'answered' })
      expect(tokens).toEqual(['the-token', 'the-token'])
    } finally {
      broker.closeAllConnections()
      await new Promise((resolve) => broker.close(resolve))
    }
  })
})
