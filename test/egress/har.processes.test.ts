import { expect, it } from 'vitest'
import { startTinyproxy } from '../support/proxies.js'
import { after, call, loggedTransport, secret, serve } from './logged.js'

it("an entry names the proxy without its password, and not as the service's address", async () => {
  const proxy = await startTinyproxy({ user: 'egress', password: 'sesame-open' })
  after(() => proxy.stop())
  const { transport, entries, text } = loggedTransport(await serve((_, response) => response.end('OK|1')), {
    proxy: proxy.url.replace('://', '://egress:sesame-open@'),
  })
  await transport.send(call, secret, { purpose: 'poll' })
  expect(entries()[0]?.comment).toBe(`poll: by ${proxy.url}`)
  expect(entries()[0]?.serverIPAddress).toBeUndefined()
  expect(text()).not.toContain('sesame')
})
