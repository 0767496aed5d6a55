import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { listen } from '../support/loopback.js'
import { type ByteFault, startByteProxy } from './byte-proxy.js'

const server = createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', (data) => socket.end(data.toString().toUpperCase()))
})
let port: number
beforeAll(async () => {
  port = await listen(server)
})
afterAll(() => void server.close())

/** Sends `hello` through a proxy with the fault. Returns what came back, and how the connection ended. */
async function sent(fault?: ByteFault, times = 1) {
  const proxy = await startByteProxy(port, fault)
  onTestFinished(() => proxy.close())
  const ends: string[] = []
  for (let i = 0; i < times; i++) {
    const socket = connect(proxy.port, '127.0.0.1')
    let got = ''
    let error = ''
    socket.on('data', (data) => {
      got += data
    })
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
      error = code
    })
    socket.write('hello')
    if (fault?.what === 'stall') {
      await expect.poll(() => proxy.reached).toBe(true)
      await expect.poll(() => got.length).toBe(fault.direction === 'down' ? fault.bytes : 0)
      ends.push(`${got} open ${!socket.readableEnded}`)
      socket.destroy()
    } else {
      await new Promise((resolve) => socket.on('close', resolve))
      ends.push(`${got} ${error}`.trim())
    }
  }
  return { ends, passed: proxy.passed, reached: proxy.reached }
}

it('passes everything without a fault', async () => {
  expect(await sent()).toEqual({ ends: ['HELLO'], passed: { up: 5, down: 5 }, reached: false })
})

it.each([0, 1, 4])('cuts a reply after exactly %i bytes', async (bytes) => {
  const { ends, passed } = await sent({ direction: 'down', bytes, what: 'cut', scope: 'once' })
  expect(ends).toEqual(['HELLO'.slice(0, bytes)])
  expect(passed).toEqual({ up: 5, down: bytes })
})

it('cuts a request, which the server then has in part', async () => {
  const { passed, reached } = await sent({ direction: 'up', bytes: 3, what: 'cut', scope: 'once' })
  expect(passed.up).toBe(3)
  expect(reached).toBe(true)
})

it('does not reach a byte that is never sent', async () => {
  expect(await sent({ direction: 'down', bytes: 5, what: 'cut', scope: 'once' })).toMatchObject({ reached: false })
})

it('resets, once or for good', async () => {
  const reset = { direction: 'down', bytes: 0, what: 'reset' } as const
  expect((await sent({ ...reset, scope: 'once' }, 2)).ends).toEqual(['ECONNRESET', 'HELLO'])
  expect((await sent({ ...reset, scope: 'always' }, 2)).ends).toEqual(['ECONNRESET', 'ECONNRESET'])
})

it('stalls with the connection open', async () => {
  const { ends } = await sent({ direction: 'down', bytes: 2, what: 'stall', scope: 'once' })
  expect(ends).toEqual(['HE open true'])
})

it('repeats what was received with a byte', async () => {
  expect((await sent({ direction: 'down', bytes: 0, what: 'repeat', scope: 'once' })).ends).toEqual(['HELLOHELLO'])
})
