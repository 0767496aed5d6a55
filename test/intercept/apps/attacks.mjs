// Ways round the guard, for code that has a key of its own. Each has to be refused, or to be led to the guard.
import dns from 'node:dns'
import dnsPromises from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { promisify } from 'node:util'
import workers from 'node:worker_threads'

const [proxy] = process.argv.slice(2)
const HOST = 'api.2captcha.com'
const CODE = 'CONNECTION_BYPASSES_GUARD'

const codeOf = (error) => (error?.code === CODE ? 'refused' : `${error?.stack}`)
const asPromise = (run) =>
  new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))))
const ended = (socket, event) =>
  new Promise((resolve, reject) => socket.on('error', reject).on(event, () => resolve(`reached by ${event}`)))
/** Whether the other end is the guard's: its authority is no one else's. */
const isLed = (socket) =>
  new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('secureConnect', () => {
      const { issuer } = socket.getPeerCertificate()
      socket.destroy()
      resolve(issuer.CN === 'solveguard in this process' ? 'refused' : `led to ${issuer.CN}`)
    })
  })
const silentPort = Number(new URL(proxy).port)
/** A socket that is connected already: to nothing that speaks TLS, but tests have no service. */
const connected = async () => {
  const socket = net.connect(silentPort, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

const attacks = {
  'plain HTTP': () => ended(http.get(`http://${HOST}/in.php`), 'response'),
  'a socket by port and host': () => ended(net.connect(443, HOST), 'connect'),
  'a socket by options': () => ended(net.connect({ host: HOST, port: 443 }), 'connect'),
  'a socket of new Socket': () => ended(new net.Socket().connect(443, HOST), 'connect'),
  'a socket with its own lookup': () =>
    ended(
      net.connect({
        host: HOST,
        port: silentPort,
        lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
      }),
      'connect',
    ),
  'the name in capital letters, with a dot': () => ended(net.connect(443, 'API.2Captcha.COM.'), 'connect'),
  'the name in full-width letters': () => ended(net.connect(443, 'ａｐｉ.2captcha.com'), 'connect'),
  'the name with a soft hyphen': () => ended(net.connect(443, 'a\u00adpi.2captcha.com'), 'connect'),
  'the name with a NUL': () => ended(net.connect(443, `${HOST}\0.example`), 'connect'),
  'a host that changes when it is read again': () => {
    let reads = 0
    const to = {
      port: 443,
      get host() {
        return reads++ % 2 === 0 ? 'localhost.invalid' : HOST
      },
    }
    return ended(net.connect(to), 'connect')
  },
  'tls.connect whose host changes when it is read again': () => {
    let reads = 0
    return isLed(
      tls.connect({
        port: 443,
        get host() {
          return reads++ === 0 ? HOST : '127.0.0.1'
        },
      }),
    )
  },
  'a TLSSocket of its own over a connected socket': async () => {
    const socket = new tls.TLSSocket(await connected(), { rejectUnauthorized: false })
    socket.on('error', () => {})
    socket.setServername(HOST)
    return 'named'
  },
  'a TLSSocket of its own with the mark of a connection that was led': async () => {
    const led = tls.connect({ host: HOST, port: 443 })
    const own = new tls.TLSSocket(await connected(), { rejectUnauthorized: false })
    own.on('error', () => {})
    for (const symbol of Object.getOwnPropertySymbols(led)) {
      if (symbol.description === 'connect-options') own[symbol] = led[symbol]
    }
    own._parent = led._parent
    led.on('error', () => {}).destroy()
    own.setServername(HOST)
    return 'named'
  },
  'tls.connect over a connected socket': async () =>
    isLed(tls.connect({ socket: await connected(), servername: HOST })),
  'tls.connect to an address, with the name of a service': () =>
    isLed(tls.connect({ host: '127.0.0.1', port: silentPort, servername: HOST })),
  'tls.connect with its own trust': () =>
    isLed(tls.connect({ host: HOST, port: 443, ca: [], rejectUnauthorized: false })),
  'tls.connect with its own context': () =>
    isLed(tls.connect({ host: HOST, port: 443, secureContext: tls.createSecureContext() })),
  'TLSSocket.prototype.connect': () => ended(new tls.TLSSocket().connect(443, HOST), 'connect'),
  'dns.lookup': () => asPromise((done) => dns.lookup(HOST, done)),
  'dns.resolve4': () => asPromise((done) => dns.resolve4(HOST, done)),
  'dns.resolveAny': () => asPromise((done) => dns.resolveAny(HOST, done)),
  'a Resolver': () => asPromise((done) => new dns.Resolver().resolve4(HOST, done)),
  'dns.promises.lookup': () => dns.promises.lookup(HOST),
  'dns/promises': () => dnsPromises.resolve(HOST),
  'a Resolver of promises': () => new dns.promises.Resolver().resolve6(HOST),
  'promisified lookup': () => promisify(dns.lookup)(HOST),
  'built-ins replaced': async () => {
    const saved = [WeakSet.prototype.has, Map.prototype.get, Function.prototype.call, String.prototype.toLowerCase]
    WeakSet.prototype.has = () => true
    Map.prototype.get = () => undefined
    String.prototype.toLowerCase = () => 'example.com'
    try {
      return await isLed(tls.connect({ host: HOST, port: 443 }))
    } finally {
      const [has, get, , toLowerCase] = saved
      WeakSet.prototype.has = has
      Map.prototype.get = get
      String.prototype.toLowerCase = toLowerCase
    }
  },
  'the Worker that was replaced': async () => {
    const { constructor: Original } = workers.Worker.prototype
    const script = `require('dns').lookup('${HOST}', (error) => require('worker_threads').parentPort.postMessage(error.code))`
    const worker = new Original(script, { eval: true, execArgv: [] })
    const code = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
    return codeOf({ code })
  },
  'other: a plain request': async () => {
    const server = http.createServer((_, reply) => reply.end('as ever')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const text = await (await fetch(`http://127.0.0.1:${server.address().port}/`)).text()
    server.closeAllConnections()
    server.close()
    return text
  },
  'other: lookup, promisified': async () => {
    const { address, family } = await promisify(dns.lookup)('localhost')
    return net.isIP(address) === family ? 'as ever' : `${address}`
  },
  'other: TLS to a host that is not there': async () => {
    const failed = https.get(`https://127.0.0.1:${silentPort}/`)
    setTimeout(() => failed.destroy(Object.assign(new Error('silent'), { code: 'as ever' })), 50)
    return ended(failed, 'response').catch(({ code }) => (code === CODE ? 'refused' : 'as ever'))
  },
  'other: a name that only ends like a service': () =>
    asPromise((done) => dns.lookup(`not-${HOST}.invalid`, done)).catch(({ code }) =>
      code === CODE ? 'refused' : 'as ever',
    ),
}

const results = {}
for (const [name, attack] of Object.entries(attacks)) {
  // A thrown error counts as well as a rejected one.
  results[name] = await (async () => attack())().catch(codeOf)
}
console.log(JSON.stringify(results))
// A proxy that is silent keeps sockets open.
process.exit()
