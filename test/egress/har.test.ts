import { subscribe } from 'node:diagnostics_channel'
import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Call } from '../../src/base/wire.js'
import { maskReply } from '../../src/egress/har-masks.js'
import type { SendOptions } from '../../src/egress/transport.js'
import { manualClock } from '../../src/testing/clock.js'
import { call, KEY, loggedTransport, secret, serve } from './logged.js'

async function entryOf(answer: RequestListener, sent: Call = call, options?: SendOptions) {
  const { transport, entries, text } = loggedTransport(await serve(answer))
  await transport.send(sent, secret, options).catch(() => {})
  const [entry] = entries()
  if (!entry) throw new Error('expected an entry')
  return { entry, text: text() }
}

describe('an entry', () => {
  it('records the call and the reply in the form of the HAR specification', async () => {
    const { transport, entries } = loggedTransport(
      await serve((_, response) => {
        response.writeHead(200, 'Fine', { 'content-type': 'application/json', 'x-worker': '7' })
        response.end('{"status":1,"request":"4711"}')
      }),
    )
    await transport.send(call, secret, { purpose: 'submit', mayHoldAnswer: () => false })
    const [entry] = entries()
    expect(entry).toMatchObject({
      request: {
        method: 'POST',
        url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/in\.php$/),
        httpVersion: 'HTTP/1.1',
        bodySize: `method=userrecaptcha&json=1&key=${encodeURIComponent(KEY)}`.length,
      },
      response: {
        status: 200,
        statusText: 'Fine',
        content: { size: 29, mimeType: 'application/json', text: '{"status":1,"request":"4711"}' },
      },
      serverIPAddress: '127.0.0.1',
      comment: 'submit: direct',
    })
    expect(entry?.response.headers).toContainEqual({ name: 'x-worker', value: '7' })
    const body = new URLSearchParams(entry?.request.postData?.text)
    expect(Object.fromEntries(body)).toEqual({ method: 'userrecaptcha', json: '1', key: secret.toString() })
  })

  it('has separate times for the connection, the wait and the reply', async () => {
    const clock = manualClock(Date.UTC(2026, 10, 24, 12))
    const headRead = new Promise((resolve) => subscribe('undici:request:headers', resolve))
    let finish = (): void => {}
    const url = await serve((_, response) => {
      finish = () => response.end('OK|1')
      response.flushHeaders()
    })
    const { transport, entries } = loggedTransport(url, { clock })
    const sent = transport.send(call, secret)
    await headRead
    await clock.advance(700)
    finish()
    await sent
    const [entry] = entries()
    expect(entry?.timings).toEqual({ blocked: 0, send: 0, wait: 0, receive: 700 })
    expect(entry?.time).toBe(700)
    expect(entry?.startedDateTime).toBe('2026-11-24T12:00:00.000Z')
  })

  it.each([
    ['cut off', { delivered: 'unknown' }, (_: unknown, response: { destroy(): void }) => response.destroy()],
    [
      'cut off in the middle',
      { delivered: 'unknown' },
      (
        _: unknown,
        response: { writeHead(...args: unknown[]): void; write(text: string, done: () => void): void; destroy(): void },
      ) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('OK|', () => response.destroy())
      },
    ],
  ])('records a call that was %s, with the reason', async (_, __, answer) => {
    const { entry } = await entryOf(answer as RequestListener)
    expect(entry._error).toMatch(/was cut off/)
    expect(entry.response).toMatchObject({ status: 0, content: { text: '' } })
  })

  it('records a call without a connection, and one without a reply in time', async () => {
    const gone = loggedTransport('http://127.0.0.1:9')
    await gone.transport.send(call, secret).catch(() => {})
    expect(gone.entries()[0]?._error).toMatch(/No connection/)
    const clock = manualClock()
    const slow = loggedTransport(await serve(() => {}), { clock })
    const sent = slow.transport.send(call, secret, { timeoutMs: 1_000 }).catch(() => {})
    await clock.advance(1_000)
    await sent
    expect(slow.entries()[0]).toMatchObject({ _error: expect.stringMatching(/within 1 s/), time: 1_000 })
  })

  it('records each check of the address that calls leave from', async () => {
    const url = await serve((request, response) => response.end(request.socket.remoteAddress))
    const { transport, entries } = loggedTransport('https://solver.example', {
      expect: [{ url: `${url}/address?token=4711`, ranges: ['127.0.0.1'] }],
    })
    await transport.verify()
    expect(entries()[0]).toMatchObject({
      request: { method: 'GET', url: `${url}/address` },
      response: { content: { text: '127.0.0.1' } },
    })
  })
})

describe('a log does not contain', () => {
  it.each([
    ['form', call],
    ['json', { ...call, path: '/createTask', encoding: 'json', keyField: 'clientKey' }],
  ] as const)('key: not in a call (%s), not in a reply or a header that repeats it', async (_, sent) => {
    const { text } = await entryOf(
      (_, response) => {
        response.writeHead(200, `Fine ${KEY}`, { 'content-type': `text/plain; key=${KEY}`, 'x-key': KEY })
        response.end(`{"errorId":1,"errorDescription":"no such key ${KEY}","was":${JSON.stringify({ KEY })}}`)
      },
      sent,
      { purpose: 'balance' },
    )
    for (const spelling of [KEY, encodeURIComponent(KEY), KEY.replace('/', '\\/'), KEY.slice(0, 16)]) {
      expect(text).not.toContain(spelling)
    }
    expect(text).toContain('no such key [secret')
  })

  it("the password of a page's proxy, a cookie of the page, the query of its address, or a picture", async () => {
    const task = {
      type: 'ImageToTextTask',
      websiteURL: 'https://staging.example.com/login?session=4711',
      proxyType: 'http',
      proxyAddress: 'proxy.example',
      proxyPort: 3128,
      proxyLogin: 'browser-user',
      proxyPassword: 'sesame',
      cookies: 'sid=sesame',
      body: 'iVBORw0KGgo'.repeat(1_000),
    }
    const json: Call = { path: '/createTask', encoding: 'json', keyField: 'clientKey', fields: { task } }
    const form: Call = {
      ...call,
      fields: {
        proxy: 'browser-user:sesame@proxy.example:3128',
        proxytype: 'HTTP',
        pageurl: task.websiteURL,
        body: task.body,
      },
    }
    for (const fields of [json, form]) {
      const sent: Call = { ...fields, sensitive: [task.proxyPassword] }
      const { text, entry } = await entryOf(
        (_, response) => response.writeHead(200, { 'x-proxy': 'sesame' }).end('{"error":"not with s%65same"}'),
        sent,
        { mayHoldAnswer: () => false },
      )
      for (const word of ['sesame', 's%65same', 'browser-user', '4711']) expect(text).not.toContain(word)
      expect(entry.request.postData?.text.length).toBeLessThan(600)
      expect(decodeURIComponent(text)).toContain('https://staging.example.com/login?…')
      expect(decodeURIComponent(text).replaceAll('+', ' ')).toContain(
        'iVBORw0KGgoiVBORw0KGgoiVBORw0KGg… [11000 characters]',
      )
    }
  })

  it('a cookie that a service sets, or the rest of a reply that is too long', async () => {
    const { entry, text } = await entryOf(
      (_, response) => {
        response.writeHead(200, { 'set-cookie': ['session=sesame', 'b=sesame'] })
        response.end('<'.repeat(200_000))
      },
      call,
      { purpose: 'report' },
    )
    expect(text).not.toContain('sesame')
    expect(entry.response.headers.filter(({ name }) => name === 'set-cookie')).toHaveLength(2)
    expect(entry.response.content.text?.length).toBeLessThan(70_000)
    expect(entry.response.content.size).toBe(200_000)
  })

  it('an answer, in any format of a service', () => {
    for (const [reply, shown] of [
      ['OK|03AGdBq', 'OK|[masked]'],
      ['OK|OK', 'OK|[masked]'],
      ['03AGdBq|CAPCHA_NOT_READY|ERROR_CAPTCHA_UNSOLVABLE', '[masked]|CAPCHA_NOT_READY|ERROR_CAPTCHA_UNSOLVABLE'],
      ['{"status":1,"request":"03AGdBq","price":"0.003"}', '{"status":1,"request":"[masked]","price":"0.003"}'],
      ['{"status":1,"request":[1,4,7]}', '{"status":1,"request":["[masked]","[masked]","[masked]"]}'],
      [
        '{"errorId":0,"status":"ready","solution":{"status":"x","objects":[7],"text":"CAPCHA_X"},"cost":"0.1"}',
        '{"errorId":0,"status":"ready","solution":{"status":"[masked]","objects":["[masked]"],"text":"[masked]"},"cost":"0.1"}',
      ],
      [
        '{"errorId":0,"solution":"7xk2p","status":{"a":"7xk2p"}}',
        '{"errorId":0,"solution":"[masked]","status":{"a":"[masked]"}}',
      ],
      ['half of a {"reply', '[masked]'],
      ['<html>Sorry</html>', '<html>Sorry</html>'],
    ]) {
      expect(maskReply(reply as string)).toBe(shown)
    }
    expect(maskReply(`${'['.repeat(100_000)}"7xk2p"${']'.repeat(100_000)}`)).not.toContain('7xk2p')
  })
})
