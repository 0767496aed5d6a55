import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { slackAlerts, webhookAlerts } from '../../src/alerts/index.js'
import { elasticsearchAudit } from '../../src/audit/index.js'
import { systemClock } from '../../src/base/clock.js'
import { checkBaseUrl } from '../../src/base/service-url.js'
import { sendWithToken } from '../../src/egress/bearer.js'
import { createTransport, type TransportOptions } from '../../src/egress/index.js'
import { forwardTo } from '../../src/intercept/forward.js'
import { redisLedger } from '../../src/ledger/index.js'
import { awsSecret, Secret, vaultSecret } from '../../src/secrets/index.js'
import { makeCertificate } from '../support/certificate.js'
import { listen } from '../support/loopback.js'

// Everything in this package that opens a TLS connection, in an environment that switches verification off.

const PASSWORD = 'hunter2-the-password'
const AWS = { AWS_ACCESS_KEY_ID: 'an-id', AWS_SECRET_ACCESS_KEY: PASSWORD, AWS_EC2_METADATA_DISABLED: 'true' }

const cleanUps: (() => unknown)[] = []
beforeEach(() => {
  Object.assign(process.env, { NODE_TLS_REJECT_UNAUTHORIZED: '0', ...AWS })
  cleanUps.push(() => {
    for (const name of ['NODE_TLS_REJECT_UNAUTHORIZED', ...Object.keys(AWS)]) delete process.env[name]
  })
})
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function started(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})))
  const port = await listen(server)
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return port
}

/** A server with a certificate that no authority signed. It keeps what clients send, decrypted, and ends each call. */
async function selfSigned() {
  const certificate = makeCertificate('127.0.0.1', 'localhost')
  const received: Buffer[] = []
  const server = createTlsServer(certificate, (socket) => {
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        received.push(chunk)
        socket.destroy()
      })
  })
  return {
    port: await started(server),
    ca: certificate.cert,
    received: () => Buffer.concat(received).toString('latin1'),
  }
}

/** An HTTP proxy that opens tunnels. */
async function httpProxy(): Promise<string> {
  const server = createHttpServer()
  server.on('connect', ({ url = '' }, socket: Socket) => {
    const target = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(target).pipe(socket)
    })
    for (const [one, other] of [
      [socket, target],
      [target, socket],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
  })
  return `http://127.0.0.1:${await started(server)}`
}

/** A SOCKS5 proxy without a login. */
async function socksProxy(): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]))
      socket.once('data', (request) => {
        const target = connect(request.readUInt16BE(request.length - 2), '127.0.0.1', () => {
          socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]))
          socket.pipe(target).pipe(socket)
        })
        target.on('error', () => socket.destroy()).on('close', () => socket.destroy())
        socket.on('close', () => target.destroy())
      })
    })
  })
  return `socks5://127.0.0.1:${await started(server)}`
}

const CALL = { path: '/in.php', encoding: 'form', keyField: 'key', fields: {} } as const
const ALERT = { id: 'a1', code: 'KEY_DUE', message: 'Rotate it.', guard: 'tests', at: new Date() } as const

async function send(options: TransportOptions): Promise<void> {
  const transport = createTransport(options)
  cleanUps.push(() => transport.close())
  await transport.verify()
  await transport.send(CALL, new Secret(PASSWORD))
}

/** Each client, with the address of a server and what it trusts; rejects when it could not be used. */
const CLIENTS: readonly (readonly [name: string, use: (port: number, ca?: string) => unknown])[] = [
  ['a call to a service', (port, ca) => send({ baseUrl: `https://127.0.0.1:${port}`, ca })],
  [
    'a call through an HTTP proxy',
    async (port, ca) => send({ baseUrl: `https://127.0.0.1:${port}`, ca, proxy: await httpProxy() }),
  ],
  [
    'a call through a SOCKS5 proxy',
    async (port, ca) => send({ baseUrl: `https://127.0.0.1:${port}`, ca, proxy: await socksProxy() }),
  ],
  [
    'a proxy that speaks TLS',
    (port, ca) => send({ baseUrl: 'https://service.example', ca, proxy: `https://me:${PASSWORD}@127.0.0.1:${port}` }),
  ],
  [
    'a guard without a key, to its broker',
    (port, ca) => {
      const bounds = { clock: systemClock, timeoutMs: 5_000, connectWithinMs: 5_000, signal: undefined, ca }
      const call = { method: 'GET', path: '/v1/status', token: new Secret(PASSWORD) } as const
      return sendWithToken(checkBaseUrl(`https://127.0.0.1:${port}`), call, bounds)
    },
  ],
  [
    'a process whose calls are led to a broker',
    (port, ca) => {
      const file = join(mkdtempSync(join(tmpdir(), 'sg-')), 'ca.pem')
      cleanUps.push(() => rmSync(dirname(file), { recursive: true }))
      if (ca !== undefined) {
        writeFileSync(file, ca)
        process.env.SOLVEGUARD_BROKER_CA = file
        cleanUps.push(() => delete process.env.SOLVEGUARD_BROKER_CA)
      }
      const handler = forwardTo({ kind: 'broker', url: `https://127.0.0.1:${port}`, token: PASSWORD })
      return handler({ method: 'POST', url: '/in.php', headers: {}, body: Buffer.from('key=x') })
    },
  ],
  [
    'the check of the egress address',
    (port, ca) => {
      const expect = [{ url: `https://127.0.0.1:${port}/${PASSWORD}`, ranges: ['127.0.0.1'] }]
      return send({ baseUrl: 'https://service.example', ca, expect })
    },
  ],
  [
    'webhookAlerts',
    (port, ca) => {
      const secret = `whsec_${Buffer.from(PASSWORD.repeat(2)).toString('base64')}`
      const channel = webhookAlerts({ url: `https://127.0.0.1:${port}/${PASSWORD}`, secret, ca })
      return channel.deliver(ALERT, { clock: systemClock, signal: new AbortController().signal })
    },
  ],
  [
    'slackAlerts',
    (port, ca) => {
      const channel = slackAlerts({ url: `https://127.0.0.1:${port}/${PASSWORD}`, ca })
      return channel.deliver(ALERT, { clock: systemClock, signal: new AbortController().signal })
    },
  ],
  [
    'vaultSecret',
    (port, ca) =>
      vaultSecret({ address: `https://127.0.0.1:${port}`, path: 'x', auth: { token: PASSWORD }, ca }).fetch(),
  ],
  [
    'vaultSecret through a proxy',
    async (port, ca) => {
      const proxy = await httpProxy()
      return vaultSecret({
        address: `https://127.0.0.1:${port}`,
        path: 'x',
        auth: { token: PASSWORD },
        ca,
        proxy,
      }).fetch()
    },
  ],
  [
    'awsSecret',
    (port, ca) => awsSecret('x', { region: 'eu-central-1', endpoint: `https://127.0.0.1:${port}`, ca }).fetch(),
  ],
  [
    'awsSecret that takes a role',
    (port, ca) => {
      const folder = mkdtempSync(join(tmpdir(), 'solveguard-role-'))
      cleanUps.push(() => rmSync(folder, { recursive: true }))
      writeFileSync(join(folder, 'token'), PASSWORD)
      const role = {
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/tests',
        AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
        AWS_ENDPOINT_URL_STS: `https://127.0.0.1:${port}`,
      }
      for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) delete process.env[name]
      Object.assign(process.env, role)
      cleanUps.push(() => {
        for (const name of Object.keys(role)) delete process.env[name]
      })
      return awsSecret('x', { region: 'eu-central-1', endpoint: 'https://127.0.0.1:1', ca }).fetch()
    },
  ],
  [
    'awsSecret through a proxy',
    async (port, ca) => {
      const proxy = await httpProxy()
      return awsSecret('x', { region: 'eu-central-1', endpoint: `https://127.0.0.1:${port}`, ca, proxy }).fetch()
    },
  ],
  [
    'elasticsearchAudit',
    (port, ca) => {
      const options = { url: `https://127.0.0.1:${port}`, username: 'audit', password: PASSWORD, timeoutMs: 300 }
      return elasticsearchAudit({ ...options, ca }).open('tests', 0)
    },
  ],
  [
    'redisLedger',
    (port, ca) => redisLedger({ url: `rediss://me:${PASSWORD}@127.0.0.1:${port}`, ca, commandTimeoutMs: 300 }).open(),
  ],
  [
    'redisLedger with a client certificate',
    (port, ca) => {
      const { cert, key } = makeCertificate('localhost')
      const url = `rediss://me:${PASSWORD}@127.0.0.1:${port}`
      return redisLedger({ url, ca, tls: { cert, key, servername: 'localhost' }, commandTimeoutMs: 300 }).open()
    },
  ],
]

describe('with NODE_TLS_REJECT_UNAUTHORIZED=0', () => {
  test.each(CLIENTS)('%s sends nothing to a server with a certificate that no authority signed', async (_, use) => {
    const server = await selfSigned()
    const error = await (async () => use(server.port))().catch((thrown: unknown) => thrown)
    expect(server.received()).toBe('')
    expect((error as Error).message).toMatch(/SELF_SIGNED|self-signed|certificate/i)
    expect(inspect(error, { depth: 9 })).not.toContain(PASSWORD)
  })

  test.each(CLIENTS)('%s uses that server where its certificate is trusted', async (_, use) => {
    const server = await selfSigned()
    await (async () => use(server.port, server.ca))().catch(() => {})
    expect(server.received()).not.toBe('')
  })
})
