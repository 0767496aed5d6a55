// A process of the benchmark of the broker: a broker whose service never answers (`broker`) or answers at once
// (`instant`), or a bare fastify that gives the same reply (`bare`). Prints its address, and the token that it takes.
import fastify from 'fastify'
import { startBroker } from '../src/broker/server.js'
import { memoryLedger } from '../src/ledger/memory.js'
import { benchGuard, instantService, noSink } from './guard.js'

if (process.argv[2] === 'bare') {
  const app = fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.all('/*', (_, reply) => reply.type('text/plain').send('CAPCHA_NOT_READY'))
  console.log(JSON.stringify({ url: await app.listen({ host: '127.0.0.1', port: 0 }), token: 'none' }))
} else {
  const gate = process.argv[2] === 'instant' ? undefined : new Promise<void>(() => {})
  const guard = await benchGuard(memoryLedger(), noSink, instantService(gate))
  const broker = await startBroker({ guard })
  const { token } = await guard.issueToken({}, { ttl: '1d' })
  console.log(JSON.stringify({ url: broker.url, token }))
}
process.stdin.on('end', () => process.exit()).resume()
