import { execFile } from 'node:child_process'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { listen } from '../support/loopback.js'

/*
 * A reply of a little less than 1 MiB, in chunks of one byte. As a list of chunks it would take 155 MiB.
 */

const SIZE = 1024 * 1024 - 1
const HEAP_MIB = 64

const root = join(import.meta.dirname, '../..')
const program = join(root, `node_modules/.cache/solveguard/reader-${process.pid}.mjs`)
const sockets = new Set<Socket>()
let server: Server
let url = ''

beforeAll(async () => {
  await bundleForNode('test/base/children/reader.ts', program)
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
  const body = Buffer.from(`${'1\r\nx\r\n'.repeat(SIZE)}0\r\n\r\n`)
  server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.once('data', () => {
      socket.write(head)
      socket.end(body)
    })
  })
  url = `http://127.0.0.1:${await listen(server)}`
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

it.each([
  ['service', `ok ${SIZE}`],
  ['address check', 'answered with no address'],
  ['webhook', 'ok '],
  ['vault', 'cannot be read'],
  ['aws', 'captcha in AWS Secrets Manager'],
  ['elasticsearch', 'the reply is not that of the bulk API'],
  ['command of a secret', 'has more than 512 characters'],
  ['command of an alert', 'ok '],
  ['request of a broker', `${SIZE + 1} bytes`],
  ['reply of a broker to a process that is led to it', `ok ${SIZE}`],
  ['request of a process that is led to its own guard', 'ok '],
  ['line of the command solve', 'ok '],
])(
  'the reader %s takes little memory for many small chunks: several replies fit into a small heap',
  async (reader, outcome) => {
    const { stdout } = await promisify(execFile)(process.execPath, [`--max-old-space-size=${HEAP_MIB}`, program], {
      env: {
        PATH: process.env.PATH,
        URL: url,
        READER: reader,
        // AWS is asked twice each time.
        READS: reader === 'aws' ? '1' : '3',
        AWS_ACCESS_KEY_ID: 'an-id',
        AWS_SECRET_ACCESS_KEY: 'a-secret-for-tests',
      },
    })
    const outcomes: string[] = JSON.parse(stdout)
    expect(outcomes.length).toBeGreaterThan(0)
    for (const one of outcomes) expect(one).toContain(outcome)
  },
)
