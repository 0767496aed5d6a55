import { describe, expect, test } from 'vitest'
import { startTinyproxy } from '../../support/proxies.js'
import { startTap } from '../../support/tap.js'
import { after, challenge, rig } from '../support.js'

const PAGE_PROXY = 'http://browser:pa55-of-the-page@203.0.113.9:3128'

/** A proxy that is our own way out, and what it is sent. */
async function proxyOfOurs(login?: { user: string; password: string }) {
  const own = await startTinyproxy(login)
  const tap = await startTap(own.port)
  after(() => Promise.all([own.stop(), tap.close()]))
  return { own, tap }
}

describe('the proxy that pages are browsed through', () => {
  test('is nobody’s business but the service’s: our own proxy hears nothing of it, and the service nothing of ours', async () => {
    const { own, tap } = await proxyOfOurs({ user: 'egress', password: 'pa55-of-ours' })
    const egress = { proxy: `http://egress:pa55-of-ours@127.0.0.1:${tap.port}` }
    const { guard, service } = await rig({ policy: { pageProxy: PAGE_PROXY, egress } })
    await guard.solve(challenge)
    expect((await guard.status()).egress).toBe(`http://127.0.0.1:${tap.port}`)
    // What our proxy is asked for is the service, and only that.
    expect(tap.sent().match(/CONNECT \S+/g)).toEqual(expect.arrayContaining([`CONNECT ${new URL(service.url).host}`]))
    expect(tap.sent()).not.toContain('CONNECT 203.0.113.9')
    expect(service.tasks[0]?.proxy).toBe(PAGE_PROXY)
    const heard = JSON.stringify(service.requests)
    for (const word of ['pa55-of-ours', 'egress', String(own.port), String(tap.port)]) expect(heard).not.toContain(word)
  })

  test('without one the service is told of none, though we leave through a proxy of ours', async () => {
    const { own } = await proxyOfOurs()
    const { guard, service } = await rig({ policy: { egress: { proxy: own.url } } })
    await guard.solve(challenge)
    expect(service.tasks[0]?.proxy).toBeUndefined()
    expect(JSON.stringify(service.requests)).not.toMatch(/proxy/i)
  })
})
