// Ways round the guard, for code that has a key of its own. Each has to be refused, or to be led to the guard.
import dgram from 'node:dgram'
import dns from 'node:dns'
import dnsPromises from 'node:dns/promises'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { promisify } from 'node:util'
import workers from 'node:worker_threads'
import { ProxyAgent, fetch as undiciFetch } from 'undici'

const [proxy] = process.argv.slice(2)
const HOST = 'api.2captcha.com'
const CODE = 'CONNECTION_BYPASSES_GUARD'

const codeOf = (error) => (error?.code === CODE ? 'refused' : `${error?.stack}`)
const asPromise = (run) =>
  new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))))
const ended = (socket, event) =>
  new Promise((resolve, reject) => socket.on('error', reject).on(event, () => resolve(`reached by ${event}`)))
/** Whether the other end is the guard's: no other server has a certificate of its authority. */
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

/** What a proxy is asked, other than for a tunnel. */
const asked = []
/** A proxy that takes any request, opens any tunnel, and cuts it off as soon as it is used. */
const cutting = net.createServer((socket) =>
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      if (String(chunk).startsWith('CONNECT ')) return socket.write('HTTP/1.1 200 OK\r\n\r\n')
      asked.push(String(chunk))
      socket.resetAndDestroy()
    }),
)
await new Promise((resolve) => cutting.listen(0, '127.0.0.1', resolve))
const { port: cuttingPort } = cutting.address()
const tunnelTo = async (host) => {
  const socket = net.connect(cuttingPort, '127.0.0.1')
  socket.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject))
  socket.removeAllListeners('error')
  return socket
}
const lookedUp = (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }])
const lookupDenied = async (worker) => {
  const code = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
  return codeOf({ code })
}
const LOOK_UP = `const { parentPort } = require('worker_threads')
  require('dns').lookup('${HOST}', (error) => parentPort.postMessage(error.code))`

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
        lookup: lookedUp,
      }),
      'connect',
    ),
  'a socket by a list with properties': () =>
    ended(new net.Socket().connect(Object.assign([], { host: HOST, port: silentPort, lookup: lookedUp })), 'connect'),
  'HTTP/2 without TLS': () => ended(http2.connect(`http://${HOST}`), 'connect'),
  'plain HTTP to an address': () =>
    ended(http.get({ host: '127.0.0.1', port: cuttingPort, headers: { host: HOST } }), 'response'),
  'plain HTTP through a proxy': () =>
    ended(http.get({ host: '127.0.0.1', port: cuttingPort, path: `http://${HOST}/in.php?key=k` }), 'response'),
  'HTTPS, named to a proxy': () => {
    const path = `https://${HOST}/createTask`
    const request = http.request({ host: '127.0.0.1', port: cuttingPort, method: 'POST', path })
    request.end('{"clientKey":"k"}')
    return ended(request, 'response')
  },
  "plain HTTP in a proxy's tunnel": async () => {
    const socket = await tunnelTo(`${HOST}:80`)
    return ended(http.get({ host: HOST, createConnection: () => socket }), 'response')
  },
  'plain HTTP of undici through a proxy': () =>
    undiciFetch(`http://${HOST}/in.php?key=k`, {
      dispatcher: new ProxyAgent(`http://127.0.0.1:${cuttingPort}`),
    }).catch(({ cause }) => Promise.reject(cause)),
  'the name in capital letters, with a dot': () => ended(net.connect(443, 'API.2Captcha.COM.'), 'connect'),
  'the name in full-width letters': () => ended(net.connect(443, 'ａｐｉ.2captcha.com'), 'connect'),
  'the name with a soft hyphen': () => ended(net.connect(443, 'a\u00adpi.2captcha.com'), 'connect'),
  'the name with a NUL': () => ended(net.connect(443, `${HOST}\0.example`), 'connect'),
  'the name with a long end after a NUL': () => asPromise((done) => dns.lookup(`${HOST}\0${'x'.repeat(400)}`, done)),
  'the name with four hundred soft hyphens': () =>
    asPromise((done) => dns.lookup(`a${'\u00ad'.repeat(400)}pi.2captcha.com`, done)),
  'the name with an escape, to a name server of its own': async () => {
    const server = dgram.createSocket('udp4').on('message', (query) => asked.push(query.toString('latin1')))
    await new Promise((resolve) => server.bind(0, '127.0.0.1', resolve))
    const resolver = new dns.Resolver({ timeout: 200, tries: 1 })
    resolver.setServers([`127.0.0.1:${server.address().port}`])
    return asPromise((done) => resolver.resolve4('ap\\105.2captcha.com', done)).finally(() => server.close())
  },
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
  'dns.lookup without a callback': () => {
    // What it throws has to be thrown: a promise that it returned would be an error that nothing handles.
    dns.lookup(HOST)
    return 'returned'
  },
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
    return lookupDenied(new Original(LOOK_UP, { eval: true, execArgv: [] }))
  },
  'a worker with an environment of its own': () => lookupDenied(new workers.Worker(LOOK_UP, { eval: true, env: {} })),
  'a worker of a process with options that a worker cannot have': () =>
    lookupDenied(new workers.Worker(LOOK_UP, { eval: true })),
  'other: a worker with options that a worker cannot have': async () => {
    try {
      new workers.Worker('', { eval: true, execArgv: ['--expose-gc'] })
      return 'started'
    } catch ({ code }) {
      return code === 'ERR_WORKER_INVALID_EXEC_ARGV' ? 'as ever' : code
    }
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
  'other: a tunnel that is cut off while its connection is answered': async () => {
    const tunnel = await tunnelTo(`${HOST}:443`)
    const led = tls.connect({ socket: tunnel, servername: HOST })
    await new Promise((resolve, reject) => led.on('error', reject).on('secureConnect', resolve))
    const cut = new Promise((resolve) => tunnel.once('close', resolve))
    tunnel.write('x')
    await cut
    led.write(`GET /res.php?action=getbalance HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`)
    let text = ''
    led.setEncoding('utf8').on('data', (part) => {
      text += part
    })
    await new Promise((resolve, reject) => led.on('error', reject).on('end', resolve))
    return text.startsWith('HTTP/1.1 200 ') ? 'as ever' : text
  },
  'other: tls.connect with the arguments of another': async () => {
    const codes = [[], [{}], [null], [true], [{ port: -1 }]].map((args) => {
      try {
        tls.connect(...args)
        return 'connects'
      } catch ({ code }) {
        return code
      }
    })
    const [missing, invalid] = ['ERR_MISSING_ARGS', 'ERR_INVALID_ARG_TYPE']
    const expected = [missing, missing, invalid, invalid, 'ERR_SOCKET_BAD_PORT']
    return `${codes}` === `${expected}` ? 'as ever' : `${codes}`
  },
  'other: requests that only speak of a service': async () => {
    const server = http.createServer((request, reply) => request.pipe(reply)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const text = `POST https://${HOST}/`
    const url = `http://127.0.0.1:${server.address().port}/?to=https://${HOST}/`
    const reply = await fetch(url, { method: 'POST', body: text, headers: { referer: `https://${HOST}/` } })
    const echoed = await reply.text()
    server.closeAllConnections()
    server.close()
    return echoed === text ? 'as ever' : echoed
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
results['what a proxy and a name server were asked'] = asked.filter((text) => text !== 'x').join() || 'refused'
console.log(JSON.stringify(results))
// A proxy that is silent keeps sockets open.
process.exit()
