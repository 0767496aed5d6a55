import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cellsAnswer, textAnswer, tokenAnswer } from '../../src/solvers/answers.js'

describe('a token', () => {
  test('has 1 to 65,536 printable characters, and no spaces', () => {
    for (const token of ['!', '~', 'a-token_1.2', 'x'.repeat(65_536)]) expect(tokenAnswer(token)).toEqual({ token })
    for (const token of ['', ' ', 'a b', ' a', 'a ', 'a\n', '\u007f', '\u00e9', 'x'.repeat(65_537), 7, null, ['a'], {}])
      expect(tokenAnswer(token)).toBeUndefined()
  })

  test('has the browser and the second key that come with it, each where it can be read', () => {
    const userAgent = `A/1 (${'x'.repeat(506)})`
    expect(tokenAnswer('t', { userAgent, respKey: 'k' })).toStrictEqual({
      token: 't',
      fields: { userAgent, respKey: 'k' },
    })
    expect(tokenAnswer('t', { userAgent: '~ !' })).toStrictEqual({ token: 't', fields: { userAgent: '~ !' } })
    expect(tokenAnswer('t', { respKey: 'k' })).toStrictEqual({ token: 't', fields: { respKey: 'k' } })
    for (const bad of [undefined, null, 7, '', 'a\n', '\u00e9', 'a\u007f', '\u001fa', `${userAgent}xx`, ['a']])
      expect(tokenAnswer('t', { userAgent: bad })).toStrictEqual({ token: 't' })
    for (const bad of [undefined, 7, '', 'a b'])
      expect(tokenAnswer('t', { respKey: bad })).toStrictEqual({ token: 't' })
    expect(tokenAnswer('', { userAgent, respKey: 'k' })).toBeUndefined()
  })
})

describe('the text of a picture', () => {
  test('has 1 to 256 characters of any script, and at least one that is not blank', () => {
    for (const token of ['a', ' a b ', '日本', 'x'.repeat(256), '😀'.repeat(256)])
      expect(textAnswer(token)).toEqual({ token })
    for (const text of [
      '',
      ' ',
      '\u00a0',
      'x'.repeat(257),
      'a\nb',
      '\na',
      'a\u2028',
      '\u2029a',
      '\u202ea',
      7,
      null,
      ['a'],
    ])
      expect(textAnswer(text)).toBeUndefined()
  })
})

describe('the cells of a grid', () => {
  test('are 1 to 9 different ones, as a list or as its text', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }), (cells) => {
        const token = `[${cells.join(',')}]`
        expect(cellsAnswer(cells)).toEqual({ token })
        expect(cellsAnswer(token)).toEqual({ token })
        expect(cellsAnswer(` [ ${cells.join(' ,\t')}\n]`)).toEqual({ token })
      }),
    )
  })

  test.each([
    [[]],
    [[0]],
    [[10]],
    [[1, 1]],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]],
    [['1']],
    [[1, '2']],
    [[[1]]],
    [[1.5]],
    [{ length: 1, 0: 1 }],
    ['[]'],
    ['[0]'],
    ['[1,1]'],
    ['[1,2,3,4,5,6,7,8,9,1]'],
    ['[1,]'],
    ['[,1]'],
    ['1'],
    ['1,2'],
    ['x[1]'],
    ['[1]x'],
    ['[12]'],
    ['["1"]'],
    [`[1${' '.repeat(98)}]`],
    [7],
    [null],
    [undefined],
  ])('are not in %j', (value) => {
    expect(cellsAnswer(value)).toBeUndefined()
  })

  test('may have spaces up to 100 characters', () => {
    expect(cellsAnswer(`[1${' '.repeat(97)}]`)).toEqual({ token: '[1]' })
  })
})
