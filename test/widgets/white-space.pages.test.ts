import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { WidgetFamily } from '../../src/base/challenge.js'
import { startCaptchafox } from '../../src/testing/vendors/captchafox/index.js'
import { startFriendly } from '../../src/testing/vendors/friendly/index.js'
import { startHcaptcha } from '../../src/testing/vendors/hcaptcha/index.js'
import { startMtcaptcha } from '../../src/testing/vendors/mtcaptcha/index.js'
import { startRecaptcha } from '../../src/testing/vendors/recaptcha/index.js'
import { startTurnstile } from '../../src/testing/vendors/turnstile/index.js'
import { startYandex } from '../../src/testing/vendors/yandex/index.js'
import type { Vendor } from '../support/stage.js'
import { stage } from './stage.js'

/** Templates leave white space around values. Vendors' scripts trim sitekeys, actions and names of callbacks. */

const FAMILIES: readonly [WidgetFamily, (options: object) => Promise<Vendor>, RegExp | undefined, string[]][] = [
  ['recaptcha', startRecaptcha, /\/anchor\?/, ['/login', '/named', '/dotted', '/explicit', '/enterprise']],
  ['hcaptcha', startHcaptcha, /frame=checkbox/, ['/hcaptcha/named', '/hcaptcha/explicit']],
  ['turnstile', startTurnstile, /\/turnstile\/f\//, ['/turnstile/named', '/turnstile/explicit']],
  ['friendly', startFriendly, undefined, ['/friendly/v1/named', '/friendly/field', '/friendly/made']],
  ['mtcaptcha', startMtcaptcha, /mtcaptcha/, ['/mtcaptcha/named']],
  ['captchafox', startCaptchafox, undefined, ['/captchafox/named', '/captchafox/explicit']],
  ['yandex', startYandex, /checkbox/, ['/yandex/named', '/yandex/explicit']],
]

/** A page with white space around each value of a widget, in attributes and in arguments. */
const spaced = (html: string) =>
  html
    .replace(/( data-(?:sitekey|action|callback)=")([^"]+)"/g, '$1\n  $2\t"')
    .replace(/\b((?:sitekey|action)\s*:\s*)(["'])(.+?)\2/g, '$1$2 $3\\n$2')

/** A server in front of the site that spaces its pages. (What a tool itself answers may not load from loopback.) */
async function startSpacing(site: string) {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const { method = 'GET', url = '', headers } = request
    const type = headers['content-type']
    const reply = await fetch(site + url, {
      method,
      ...(type && { headers: { 'content-type': type } }),
      ...(method !== 'GET' && { body: Buffer.concat(chunks) }),
    })
    response.writeHead(reply.status, { 'content-type': reply.headers.get('content-type') ?? 'text/plain' })
    response.end(spaced(await reply.text()))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

describe.each(FAMILIES)('a %s with white space around its values is solved:', (family, start, frames, paths) => {
  const at = stage(family, start as Parameters<typeof stage>[1], frames)

  test.each(paths)('%s', async (path) => {
    await using spacing = await startSpacing(at.site.url)
    await at.guard()
    await at.newPage()
    await at.page.goto(spacing.url + path)
    expect(await at.page.content()).toMatch(/sitekey[^"]*"\s+\S/)
    await at.rendered()
    if (!frames) await at.page.waitForFunction(`document.querySelector('.frc-container, .cf-captcha, iframe')`)
    await at.due()
    const found = await at.find()
    expect(found).toMatchObject([{ sitekey: at.sitekey, due: true }])
    expect(found[0]?.action ?? '').not.toMatch(/\s/)
    const { solved } = await at.captcha.solve(at.page)
    expect(solved).toHaveLength(1)
    await at.page.click('#login button[type=submit]')
    await at.welcomed()
  })
})
