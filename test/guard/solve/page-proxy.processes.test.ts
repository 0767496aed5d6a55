import { describe, expect, test } from 'vitest'
import { startTinyproxy } from '../../support/proxies.js'
import { startTap } from '../../support/tap.js'
import { after, challenge, rig } from '../support.js'

const PAGE_PROXY = 'http://browser:pa55-of-the-page@203.0.113.9:3128'

/** A proxy for the guard's own calls, and the bytes that it receives. */
async function egressProxy(login?: { user: string; password: string }) {
  const own = await startTinyproxy(login)
  const tap = await startTap(own.port)
  after(() => Promise.all([own.stop(), tap.close()]))
  return { own, tap }
}

describe('the proxy that pages are browsed through', () => {
  test('is sent to the service only, and the service is sent nothing of the egress proxy', async () => {
    const { own, tap } = await egressProxy({ user: 'egress', password: 'pa55-of-ours' })
    const egress = { proxy: `http://egress:pa55-of-ours@127.0.0.1:${tap.port}` }
    const { guard, service } = await rig({ policy: { pageProxy: PAGE_PROXY, egress } })
    await guard.solve(challenge)
    expect((await guard.status()).egress).toBe(`http://127.0.0.1:${tap.port}`)
    // The egress proxy is asked for connections to the service only.
    expect(tap.sent().match(/CONNECT \S+/g)).toEqual(expect.arrayContaining([`CONNECT ${new URL(service.url).host}`]))
    expect(tap.sent()).not.toContain('CONNECT 203.0.113.9')
    expect(service.tasks[0]?.proxy).toBe(PAGE_PROXY)
    const received = JSON.stringify(service.requests)
    for (const word of ['pa55-of-ours', 'egress', String(own.port), String(tap.port)])
      expect(received).not.toContain(word)
  })

  test('is not sent to the service if there is none, even if the guard uses an egress proxy', async () => {
    const { own } = await egressProxy()
    const { guard, service } = await rig({ policy: { egress: { proxy: own.url } } })
    await guard.solve(challenge)
    expect(service.tasks[0]?.proxy).toBeUndefined()
    expect(JSON.stringify(service.requests)).not.toMatch(/proxy/i)
  })
})
