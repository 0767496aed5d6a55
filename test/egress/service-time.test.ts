import { createServer, type RequestListener } from 'node:http'
import { expect, it } from 'vitest'
import { serviceTime } from '../../src/egress/service-time.js'
import { listen } from '../support/loopback.js'

/** What a service that answers so is asked, and what its clock shows. */
async function asked(answer: RequestListener) {
  const requests: string[] = []
  const server = createServer((request, reply) => {
    requests.push(`${request.method} ${request.url} ${request.headers['user-agent']}`)
    answer(request, reply)
  })
  try {
    const port = await listen(server)
    return { time: await serviceTime(`http://127.0.0.1:${port}/deep/er`, { timeoutMs: 60_000 }), requests }
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
