import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maskFields, maskHeader, maskReply, truncate } from '../../src/egress/har-masks.js'

const MASK = '[masked]'
/** `value` inside so many objects. */
const nested = (depth: number, value: unknown): unknown => (depth === 0 ? value : { a: nested(depth - 1, value) })

describe('the fields of a call in a wire log', () => {
  it('are masked where their name says that they hold a secret, at any depth and in any case', () => {
    const names = ['proxy', 'PROXY', 'proxyPassword', 'passwd', 'proxyLogin', 'a_secret_b', 'cookies', 'Cookie']
    for (const name of names) {
      for (const value of ['x', 7, null, { user: 'u' }, ['x']]) {
        expect(maskFields({ [name]: value, task: { [name]: value } })).toEqual({ [name]: MASK, task: { [name]: MASK } })
      }
      expect(maskFields({ [name]: undefined })).toEqual({ [name]: undefined })
    }
    for (const name of ['pingback', 'callbackUrl', 'CALLBACKURL'])
      expect(maskFields({ [name]: 'x' })).toEqual({ [name]: MASK })
    const others = ['proxyType', 'proxies', 'a proxy', 'pass', 'key', 'a pingback', 'pingbacks', 'a callbackUrl']
    for (const name of [...others, 'callbackUrls']) expect(maskFields({ [name]: 'x' })).toEqual({ [name]: 'x' })
  })

  it('keep numbers, flags and short texts, and lists of them', () => {
    const fields = { a: 1, b: true, c: null, d: undefined, e: ['x', 2, { f: 'y' }], g: '' }
    expect(maskFields(fields)).toEqual(fields)
  })

  it('are shown without the query of an address, and cut off where they are long', () => {
    expect(
      maskFields({ a: 'https://a.example/b?token=1\n#2', b: 'HTTP://a?b', c: 'x https://a?b', d: 'https://a' }),
    ).toEqual({
      a: 'https://a.example/b?…',
      b: 'HTTP://a?…',
      c: 'x https://a?b',
      d: 'https://a',
    })
    expect(maskFields({ a: 'x'.repeat(128) })).toEqual({ a: 'x'.repeat(128) })
    expect(maskFields({ a: 'x'.repeat(129) })).toEqual({ a: `${'x'.repeat(32)}… [129 characters]` })
  })

  it('are not followed deeper than twelve levels', () => {
    for (const [value, shown] of [
      ['x', 'x'],
      [{}, MASK],
    ]) {
      expect(maskFields({ a: nested(12, value) })).toEqual({ a: nested(12, shown) })
      expect(maskFields({ a: [nested(11, value)] })).toEqual({ a: [nested(11, shown)] })
    }
  })
})

describe('a header in a wire log', () => {
  it('is masked where it holds a credential, and otherwise bounded', () => {
    for (const name of ['cookie', 'Set-Cookie', 'authorization', 'Proxy-Authorize', 'x-token-id'])
      expect(maskHeader(name, 'x')).toBe(MASK)
    expect(maskHeader('location', 'https://a.example/b?token=1\n2')).toBe('https://a.example/b?…')
    expect(maskHeader('x-url', 'https://a.example/b?c=1')).toBe('https://a.example/b?c=1')
    expect(maskHeader('x', 'x'.repeat(1_000))).toBe('x'.repeat(1_000))
    expect(maskHeader('x', 'x'.repeat(1_001))).toBe(`${'x'.repeat(1_000)}… [1001 characters]`)
  })

  it('is cut off with its length', () => {
    expect([truncate('abc', 3), truncate('abcd', 3)]).toEqual(['abc', 'abc… [4 characters]'])
  })
})

describe('a reply in a wire log', () => {
  it('keeps its structure and what is harmless, and nothing else', () => {
    const reply = {
      status: 'ready',
      errorId: 0,
      taskId: 7,
      cost: '0.001',
      ip: '1.2.3.4',
      request: 'a-token',
      errorCode: 'ERROR_X',
      note: 'ERROR_CAPTCHA_UNSOLVABLE',
      other: 'error_x',
      flag: true,
      none: null,
      number: 7,
      list: ['a-token', 'CAPCHA_NOT_READY'],
      balance: { a: 1 },
      solution: { token: 'a-token', status: 'ready', code: 'ERROR_X', list: [1, 'ERROR_Y'] },
      Answers: { status: 'x' },
    }
    expect(JSON.parse(maskReply(JSON.stringify(reply)))).toEqual({
      status: 'ready',
      errorId: 0,
      taskId: 7,
      cost: '0.001',
      ip: '1.2.3.4',
      request: MASK,
      errorCode: 'ERROR_X',
      note: 'ERROR_CAPTCHA_UNSOLVABLE',
      other: MASK,
      flag: true,
      none: null,
      number: MASK,
      list: [MASK, 'CAPCHA_NOT_READY'],
      balance: { a: MASK },
      solution: { token: MASK, status: MASK, code: MASK, list: [MASK, MASK] },
      Answers: { status: MASK },
    })
    for (const name of [
      'errorDescription',
      'error',
      'error_text',
      'price',
      'createTime',
      'endTime',
      'solveCount',
      'balance',
    ])
      expect(JSON.parse(maskReply(`{"${name}":"x"}`))).toEqual({ [name]: 'x' })
    for (const name of ['solution', 'answer', 'ANSWERS'])
      expect(JSON.parse(maskReply(`{"${name}":{"status":"x"}}`))).toEqual({ [name]: { status: MASK } })
    for (const name of ['resolution', 'answers2']) {
      expect(JSON.parse(maskReply(`{"${name}":{"status":"x"}}`))).toEqual({ [name]: { status: 'x' } })
    }
  })

  it('is masked as text where it is no JSON object, except for the services’ codes', () => {
    expect(maskReply('OK|a-token')).toBe(`OK|${MASK}`)
    expect(maskReply('OK|a|OK||ERROR_X| CAPCHA_NOT_READY ')).toBe(`OK|${MASK}|${MASK}||ERROR_X| CAPCHA_NOT_READY `)
    for (const code of ['ERROR_X', 'ERR_X', 'WRONG_X', 'CAPTCHA_X', 'CAPCHA_X', 'IP_BANNED', 'MAX_USER_TURN', 'TOO_X9'])
      expect(maskReply(code)).toBe(code)
    for (const text of [
      'a-token',
      'xERROR_X',
      'ERROR_x',
      'ERROR_',
      'ERROR',
      `ERROR_${'X'.repeat(61)}`,
      '"a"',
      '7',
      '{',
    ])
      expect(maskReply(text)).toBe(MASK)
    expect(maskReply(`ERROR_${'X'.repeat(60)}`)).toBe(`ERROR_${'X'.repeat(60)}`)
    expect(maskReply('')).toBe('')
    expect(maskReply('["a-token"]')).toBe(`["${MASK}"]`)
  })

  it('is kept where it is a web page', () => {
    expect(maskReply(' \n<html>a page')).toBe(' \n<html>a page')
    expect(maskReply('a <b> page')).toBe(MASK)
  })

  it('shows no text of an answer, wherever it is', () => {
    const secret = 'a-token-of-the-service'
    const place = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constant(secret),
        fc.array(tie('value'), { minLength: 1, maxLength: 3 }),
        fc.dictionary(fc.constantFrom('request', 'solution', 'a', 'result', 'answers'), tie('value'), { minKeys: 1 }),
      ),
    })).value
    fc.assert(
      fc.property(place, (value) => {
        expect(maskReply(JSON.stringify(value))).not.toContain(secret)
      }),
    )
  })
})
