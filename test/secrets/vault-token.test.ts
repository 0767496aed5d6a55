import { createServer } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { vaultSecret } from '../../src/secrets/index.js'
import { listen } from '../support/loopback.js'

const TOKEN = 'hvs.a-token-of-the-tests'

afterEach(() => {
  delete process.env.VAULT_TOKEN
})

test.each([`${TOKEN}\n`, ` ${TOKEN}\r\n`])('a token in the variable may end with a line break: %j', async (value) => {
  const sent: unknown[] = []
  const server = createServer((request, response) => {
    if (request.method === 'GET') sent.push(request.headers['x-vault-token'])
    const metadata = { version: 1, created_time: '2026-11-24T12:00:00Z' }
    const body = request.url?.includes('/data/') ? { data: { data: { key: '0123456789abcdef' }, metadata } } : {}
    response.end(JSON.stringify(body))
  })
  const port = await listen(server)
  process.env.VAULT_TOKEN = value
  const { current } = await vaultSecret({ address: `http://127.0.0.1:${port}`, path: 'captcha' }).fetch()
  expect(current.value.reveal()).toBe('0123456789abcdef')
  expect(new Set(sent)).toEqual(new Set([TOKEN]))
  await new Promise((resolve) => server.close(resolve).closeAllConnections())
})

test.each(['two words', 'a\nb', 'tökén'])('%j in the variable is refused, and not repeated', (value) => {
  process.env.VAULT_TOKEN = value
  const make = () => vaultSecret({ address: 'https://vault.internal:8200', path: 'captcha' })
  expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining(value) }))
})
