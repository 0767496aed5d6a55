import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createTransport, type Transport } from '../../src/egress/index.js'
import { listen } from '../support/loopback.js'
import { type RunningProxy, startDante, startTinyproxy } from '../support/proxies.js'

let asked: string[]
let server: Server
let url: string
let tinyproxy: RunningProxy
let dante: RunningProxy
let transport: Transport | undefined

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end(`${request.socket.remoteAddress}\n`)
  })
  url = `http://127.0.0.1:${await listen(server)}/address`
  ;[tinyproxy, dante] = await Promise.all([startTinyproxy(), startDante()])
})
afterAll(async () => {
  await Promise.all([tinyproxy?.stop(), dante?.stop()])
  await new Promise((resolve) => server.close(resolve).closeAllConnections())
})
afterEach(() => transport?.close())

it.each([
  ['an HTTP proxy', () => tinyproxy.url],
  ['a SOCKS5 proxy', () => `socks5://127.0.0.1:${dante.port}`],
])('the address is checked through %s, by the route of the calls', async (_, proxy) => {
  asked = []
  const expected = [{ url, ranges: ['127.0.0.0/29'] }]
  transport = createTransport({ baseUrl: 'https://solver.example', expect: expected, proxy: proxy() })
  await transport.verify()
  expect(asked).toEqual(['GET /address'])
  expect(transport.address).toBe('127.0.0.1')
})
