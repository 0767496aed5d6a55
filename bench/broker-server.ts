// A process of the benchmark of the broker: a broker, or a bare fastify that gives the same reply. Prints its address,
// and the token that it takes.
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
  // The service never answers, so that tasks stay under way.
  const guard = await benchGuard(memoryLedger(), noSink, instantService(new Promise(() => {})))
  const broker = await startBroker({ guard })
  const { token } = await guard.issueToken({}, { ttl: '1d' })
  console.log(JSON.stringify({ url: broker.url, token }))
}
process.stdin.on('end', () => process.exit()).resume()
