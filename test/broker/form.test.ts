import { describe, expect, it } from 'vitest'
import { brokerRig, OTHER_TOKEN, PAGE, SITEKEY, send, TOKEN, untilDone } from './support.js'

const RECAPTCHA = { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE }

describe('the form wire of a broker', () => {
  it('solves for a client that has a token in place of a key, and the service gets the key', async () => {
    const { form, service, tasks } = await brokerRig()
    const submitted = await form('/in.php', RECAPTCHA)
    expect(submitted).toMatch(/^OK\|[1-9]\d{0,9}$/)
    const id = submitted.slice(3)
    expect(Number(id)).toBeLessThan(2 ** 31)
    const polled = await untilDone(
      () => form('/res.php', { action: 'get', id }),
      (reply) => reply === 'CAPCHA_NOT_READY',
    )
    expect(polled).toBe(`OK|${service.tasks[0]?.answer}`)
    expect(service.requests.every(({ keyOk, keyInUrl }) => keyOk && !keyInUrl)).toBe(true)
    expect(tasks.counts).toMatchObject({ submitted: 1, solved: 1, fetched: 1 })
  })

  it('takes a GET with everything in its query, urlencoded without a content type, multipart and JSON', async () => {
    const { handler } = await brokerRig()
    const fields = { key: TOKEN, json: '1', ...RECAPTCHA }
    const query = new URLSearchParams(fields).toString()
    const boundary = 'x7Qf'
    const multipart = `${Object.entries(fields)
      .map(([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
      .join('')}--${boundary}--\r\n`
    const replies = [
      await send(handler, 'GET', `/in.php?${query}`),
      await send(handler, 'POST', '/in.php', query),
      await send(handler, 'POST', '/in.php', query, { 'content-type': 'text/plain' }),
      await send(handler, 'POST', '/in.php', JSON.stringify(fields), { 'content-type': 'application/json' }),
      await send(handler, 'POST', '/in.php', multipart, {
        'content-type': `multipart/form-data; boundary=${boundary}`,
      }),
      await send(handler, 'POST', `/in.php?${query}`),
    ]
    for (const { status, headers, body } of replies) {
      expect({ status, type: headers['content-type'] }).toEqual({
        status: 200,
        type: 'application/json; charset=utf-8',
      })
      expect(JSON.parse(String(body))).toEqual({ status: 1, request: expect.stringMatching(/^\d+$/) })
    }
  })

  it('takes a picture as a file, and its page is the only one that the token allows', async () => {
    const { handler, form, service } = await brokerRig({ serviceOptions: { as: 'twocaptcha', answer: () => 'w4x7' } })
    const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(200, 7)])
    const part = (name: string, more: string, value: Buffer | string) =>
      Buffer.concat([
        Buffer.from(`--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`),
        Buffer.from(value),
        Buffer.from('\r\n'),
      ])
    const body = Buffer.concat([
      part('key', '', TOKEN),
      part('method', '', 'post'),
      part('file', '; filename="c.png"\r\nContent-Type: image/png', png),
      Buffer.from('--b--\r\n'),
    ])
    const reply = await send(handler, 'POST', '/in.php', body, { 'content-type': 'multipart/form-data; boundary="b"' })
    const id = String(reply.body).slice(3)
    const poll = () => form('/res.php', { action: 'get', id })
    expect(await untilDone(poll, (text) => text === 'CAPCHA_NOT_READY')).toBe('OK|w4x7')
    expect(service.tasks[0]?.pictures).toEqual([png.toString('base64')])
  })

  it('answers get2 with the price, ids in order, the balance, the threads and a report', async () => {
    const { form, service } = await brokerRig({ policy: { budget: { perDay: 0.5e6 as never, concurrent: 7 } } })
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push((await form('/in.php', RECAPTCHA)).slice(3))
    const all = await untilDone(
      () => form('/res.php', { action: 'get', ids: ids.join(',') }),
      (text) => text.includes('CAPCHA_NOT_READY'),
    )
    expect(all.split('|')).toEqual(ids.map((_, i) => service.tasks[i]?.answer))
    const [id = ''] = ids
    expect(await form('/res.php', { action: 'get2', id })).toBe(`OK|${service.tasks[0]?.answer}|0.001000`)
    expect(await form('/res.php', { action: 'getbalance' })).toBe('0.497')
    expect(JSON.parse(await form('/res.php', { action: 'threadsinfo', json: '1' }))).toEqual({
      threads: 7,
      working_threads: 0,
    })
    expect(await form('/res.php', { action: 'reportbad', id })).toBe('OK_REPORT_RECORDED')
    expect(await form('/res.php', { action: 'reportgood', id })).toBe('ERROR_DUPLICATE_REPORT')
    await expect.poll(() => service.tasks[0]?.report).toBe('bad')
  })

  it('keeps the task of one token from another', async () => {
    const { form } = await brokerRig()
    const id = (await form('/in.php', RECAPTCHA)).slice(3)
    expect(await form('/res.php', { action: 'get', id }, { token: OTHER_TOKEN })).toBe('ERROR_WRONG_CAPTCHA_ID')
    expect(await form('/res.php', { action: 'reportgood', id }, { token: OTHER_TOKEN })).toBe('ERROR_WRONG_CAPTCHA_ID')
    expect(await form('/res.php', { action: 'get', id: '12345' })).toBe('ERROR_WRONG_CAPTCHA_ID')
    for (const odd of ['', '0', '-1', '1e3', 'x', '99999999999', '../1']) {
      expect(await form('/res.php', { action: 'get', id: odd })).toBe('ERROR_WRONG_CAPTCHA_ID')
    }
  })
})
