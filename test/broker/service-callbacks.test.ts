import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startBroker } from '../../src/broker/server.js'
import { addressOf, callbackRig } from '../guard/callbacks/support.js'
import { after, challenge } from '../guard/support.js'
import { eventually } from '../support/wait.js'

/** A broker over a guard that asks for call-backs. The service sends none: the test does. */
async function brokerWithCallbacks() {
  const callbacks = { url: 'http://127.0.0.1:9/hooks', files: { '/2captcha.txt': 'a-code-of-2captcha' } }
  const made = await callbackRig({
    callback: { never: true },
    serviceOptions: { solveMs: 20 },
    guardOptions: { callbacks },
  })
  const broker = await startBroker({ guard: made.guard })
  after(() => broker.close())
  return { ...made, broker, hookOf: (at?: number) => `${broker.url}${new URL(addressOf(made, at)).pathname}` }
}

describe('a broker over a guard with call-backs', () => {
  it('takes them on its own listener, with the file that proves the domain', async () => {
    const made = await brokerWithCallbacks()
    const solving = made.guard.solve(challenge)
    await eventually(() => made.service.tasks[0]?.state === 'ready')
    const reply = await fetch(made.hookOf(), { method: 'POST', body: 'id=1&code=FORGED' })
    expect([reply.status, await reply.text()]).toEqual([200, 'ok'])
    expect((await solving).token).toBe(made.service.tasks[0]?.answer)
    expect(made.polls()).toBe(1)
    expect(await (await fetch(`${made.broker.url}/2captcha.txt`)).text()).toBe('a-code-of-2captcha')
    const unknown = `${made.broker.url}/hooks/${'A'.repeat(48)}`
    expect([(await fetch(unknown)).status, (await fetch(`${made.broker.url}/hooks/x`)).status]).toEqual([200, 404])
  })

  it('answers before the body has arrived, and cuts off one without end', async () => {
    const made = await brokerWithCallbacks()
    const solving = made.guard.solve(challenge)
    await eventually(() => made.service.tasks[0]?.state === 'ready')
    const socket = connect(Number(new URL(made.broker.url).port), '127.0.0.1')
    after(async () => socket.destroy())
    socket.on('error', () => {})
    const { pathname } = new URL(made.hookOf())
    socket.write(`POST ${pathname} HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000000\r\n\r\nid=1`)
    const [reply] = await once(socket, 'data')
    expect(String(reply)).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect((await solving).token).toBe(made.service.tasks[0]?.answer)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const more = (): void => {
      while (!socket.destroyed && socket.write('x'.repeat(65_536)));
    }
    socket.on('drain', more)
    more()
    await closed
    expect(socket.bytesWritten).toBeLessThan(100_000_000)
  })
})
