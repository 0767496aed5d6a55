// A process of the benchmark of the broker: a broker whose service never answers (`broker`) or answers at once
// (`instant`; `budget`: with a token for a hundred solves), a bare fastify that gives the same reply (`bare`), or one
// that asks the address in the next argument and passes on what that replies (`proxy`). Prints its address, and the
// token that it takes.
import fastify from 'fastify'
import { Pool } from 'undici'
import { startBroker } from '../src/broker/server.js'
import { memoryLedger } from '../src/ledger/memory.js'
import { usd } from '../src/policy/money.js'
import { benchGuard, instantService, noSink } from './guard.js'

const [, , kind, service = ''] = process.argv
if (kind === 'bare' || kind === 'proxy') {
  const app = fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  if (kind === 'bare') app.all('/*', (_, reply) => reply.type('text/plain').send('CAPCHA_NOT_READY'))
  else {
    const pool = new Pool(service)
    app.all('/*', async ({ raw, body, headers }, reply) => {
      const to = { path: raw.url ?? '/', headers: { 'content-type': headers['content-type'] }, body: body as Buffer }
      const answer = await pool.request({ method: 'POST', ...to })
      return reply.type('text/plain').send(await answer.body.text())
    })
  }
  console.log(JSON.stringify({ url: await app.listen({ host: '127.0.0.1', port: 0 }), token: 'none' }))
} else {
  const gate = kind === 'instant' || kind === 'budget' ? undefined : new Promise<void>(() => {})
  const guard = await benchGuard(memoryLedger(), noSink, instantService(gate))
  const broker = await startBroker({ guard })
  // A solve counts as a tenth of a cent.
  const policy = kind === 'budget' ? { budget: { perDay: usd(0.1) } } : {}
  const { token } = await guard.issueToken(policy, { ttl: '1d' })
  console.log(JSON.stringify({ url: broker.url, token }))
}
process.stdin.on('end', () => process.exit()).resume()
