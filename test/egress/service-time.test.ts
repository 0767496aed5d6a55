import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { expect, it } from 'vitest'
import { type ServiceTimeOptions, serviceTime } from '../../src/egress/service-time.js'
import { listen } from '../support/loopback.js'

/** What a service that answers so is asked, and what its clock shows. */
async function asked(answer: RequestListener, options: Partial<ServiceTimeOptions> = {}) {
  const requests: string[] = []
  const server = createServer((request, reply) => {
    requests.push(`${request.method} ${request.url} ${request.headers['user-agent']}`)
    answer(request, reply)
  })
  try {
    const port = await listen(server)
    return { time: await serviceTime(`http://127.0.0.1:${port}/deep/er`, { timeoutMs: 60_000, ...options }), requests }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

it('a service is asked for its time once, without a key, and its date is taken from whatever it replies', async () => {
  const { time, requests } = await asked((_, reply) => {
    reply.writeHead(404, { date: 'Tue, 24 Nov 2026 08:05:00 GMT' }).end()
  })
  expect(time).toBe(Date.UTC(2026, 10, 24, 8, 5))
  expect(requests).toEqual([expect.stringMatching(/^HEAD \/ solveguard\/\d/)])
})

it.each([undefined, '', 'yesterday'])('a service whose date is %j has no time', async (date) => {
  const { time } = await asked((_, reply) => {
    reply.sendDate = false
    reply.writeHead(200, date === undefined ? {} : { date }).end()
  })
  expect(time).toBeUndefined()
})

it('an address that is neither https nor loopback is not asked', async () => {
  await expect(serviceTime('http://solver.example', { timeoutMs: 60_000 })).rejects.toThrow()
})

it('a service is asked by the route of the calls: from the local address', async () => {
  const from: unknown[] = []
  await asked(
    (request, reply) => {
      from.push(request.socket.remoteAddress)
      reply.end()
    },
    { localAddress: '127.0.0.5' },
  )
  expect(from).toEqual(['127.0.0.5'])
})

it('a service is asked by the route of the calls: through the proxy, and not beside one that refuses', async () => {
  const lines: string[] = []
  const proxy = createTcpServer((socket) => {
    socket.once('data', (chunk) => {
      lines.push(String(chunk).split(' ', 1)[0] ?? '')
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    })
  })
  try {
    const port = await listen(proxy)
    const seen: unknown[] = []
    const direct = asked((request) => seen.push(request.url), { proxy: `http://127.0.0.1:${port}` })
    await expect(direct).rejects.toThrow('403')
    expect([lines, seen]).toEqual([['CONNECT'], []])
  } finally {
    proxy.close()
  }
})

it('a service that does not answer is not waited for beyond the time, nor after the caller has given up', async () => {
  await expect(asked(() => {}, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' })
  const given = new AbortController()
  const reason = new Error('It is given up.')
  await expect(asked(() => given.abort(reason), { signal: given.signal })).rejects.toBe(reason)
})
