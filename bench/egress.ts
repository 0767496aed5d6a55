import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool, request } from 'undici'
import type { Call } from '../src/base/wire.js'
import { createTransport } from '../src/egress/index.js'
import { Secret } from '../src/secrets/secret.js'
import { median } from './median.js'
import type { BenchRow } from './row.js'

const ROUNDS = 30
const CALLS = 100

/** The time of a call through the transport, against a bare one. */
export async function egressBench(): Promise<BenchRow[]> {
  return [await callRow()]
}

async function callRow(): Promise<BenchRow> {
  const server = createServer((message, response) => {
    message.resume()
    response.end('{"status":1,"request":"7400000000"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const secret = new Secret('0123456789abcdef0123456789abcdef')
  const call: Call = {
    path: '/res.php',
    encoding: 'form',
    keyField: 'key',
    fields: { action: 'get', id: '7400000000' },
  }
  const transport = createTransport({ baseUrl: url })
  const pool = new Pool(url)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = 'action=get&id=7400000000&key=0123456789abcdef0123456789abcdef'
  const ours = () => transport.send(call, secret)
  const bare = async () => {
    const reply = await request(`${url}/res.php`, { method: 'POST', dispatcher: pool, headers, body })
    return reply.body.text()
  }
  const times: { ours: number[]; bare: number[] } = { ours: [], bare: [] }
  // In turn, so that both see the machine in the same state. The first rounds are warm-up.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, once] of [
      ['ours', ours],
      ['bare', bare],
    ] as const) {
      const start = performance.now()
      for (let i = 0; i < CALLS; i++) await once()
      if (round >= 5) times[name].push(((performance.now() - start) * 1000) / CALLS)
    }
  }
  await transport.close()
  await pool.destroy()
  await new Promise((resolve) => server.close(resolve).closeAllConnections())
  const [value, baseline] = [median(times.ours), median(times.bare)]
  const ratio = value / baseline
  return {
    name: 'a call through the transport',
    value,
    unit: 'µs',
    against: 'a bare undici request',
    baseline,
    ratio,
    target: '≤ 1.3 ×',
    ok: ratio <= 1.3,
  }
}
