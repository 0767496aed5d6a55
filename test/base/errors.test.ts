import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CODES,
  type Code,
  type CodeInfo,
  DeniedError,
  messageOf,
  printable,
  SolveguardError,
} from '../../src/base/errors.js'

const codes = Object.keys(CODES) as Code[]
const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')

/** The page's third-level sections: the heading and the text below it. */
const sections = page
  .split(/^#{1,2} .*$/m)
  .flatMap((part) => part.split(/^### /m).slice(1))
  .map((section) => {
    const [heading = '', ...text] = section.split('\n')
    // The page's lines may break anywhere.
    return { heading, text: text.join(' ').replace(/\s+/g, ' ') }
  })

describe('docs/errors.md', () => {
  it('has a section for each code, in the order of the table, and no other', () => {
    expect(sections.map((section) => section.heading)).toEqual(codes)
  })

  it.each(codes)('has the meaning and the remedy of %s, and more', (code) => {
    const text = sections.find((section) => section.heading === code)?.text ?? ''
    const info: CodeInfo = CODES[code]
    expect(text).toContain(info.meaning)
    expect(text).toContain(`**What to do:** ${info.remedy}`)
    expect(/\*Layer: (\w+)\.\*/.exec(text)?.[1]).toBe(info.layer)
    const help = text.slice(text.indexOf(info.remedy) + info.remedy.length).trim()
    expect(help.length).toBeGreaterThan(40)
  })

  it('links only to existing sections', () => {
    const anchors = new Set(codes.map((code) => code.toLowerCase()))
    const links = [...page.matchAll(/\]\(#([^)]*)\)/g)].map((match) => match[1] ?? '')
    expect(links.length).toBeGreaterThan(0)
    for (const link of links) expect(anchors).toContain(link)
  })

  it('is the page that an error links to', () => {
    for (const code of codes) {
      const { docs } = new SolveguardError(code, 'message')
      expect(docs).toMatch(/^https:\/\/\S+\/docs\/errors\.md#[a-z_]+$/)
      expect(docs.split('#')[1]?.toUpperCase()).toBe(code)
    }
  })
})

describe('the table of codes', () => {
  it.each(codes)('describes %s in whole sentences', (code) => {
    const { meaning, remedy }: CodeInfo = CODES[code]
    for (const sentence of [meaning, remedy]) expect(sentence).toMatch(/^[A-Z].*\.$/)
  })
})

describe('SolveguardError', () => {
  it('carries code, message, retryAt, details and cause', () => {
    const cause = new Error('underneath')
    const retryAt = new Date(0)
    const error = new SolveguardError('SOLVER_BUSY', 'Later.', { cause, retryAt, details: { slots: 3 } })
    expect(error).toMatchObject({ code: 'SOLVER_BUSY', message: 'Later.', retryAt, cause, details: { slots: 3 } })
    expect(error.name).toBe('SolveguardError')
    expect(String(error)).toBe('SolveguardError: Later.')
    expect(inspect(error).split('\n')[0]).toBe('SolveguardError [SOLVER_BUSY]: Later.')
    expect(error.layer).toBeUndefined()
  })

  it('has no cause by default', () => {
    expect('cause' in new SolveguardError('SOLVER_BUSY', 'Later.')).toBe(false)
  })

  it('is printed with its code first, with the fields that have a value, and with the page that explains it', () => {
    const plain = new SolveguardError('SOLVER_BUSY', 'Later.')
    expect(Object.keys(plain).sort()).toEqual(['code', 'docs'])
    const printed = inspect(plain)
    expect(printed).toMatch(/^SolveguardError \[SOLVER_BUSY\]: Later\.\n {4}at /)
    expect(printed).toContain(`docs: '${plain.docs}'`)
    expect(printed).not.toContain('undefined')
    const more = { retryAt: new Date(0), details: { limit: 3 } }
    expect(Object.keys(new DeniedError('RATE_EXCEEDED', 'No.', more)).sort()).toEqual([
      'code',
      'details',
      'docs',
      'layer',
      'retryAt',
    ])
  })

  it('has its code in the first line of its stack too, which is what most tools print; its name stays', () => {
    function inTheCode(): SolveguardError {
      return new DeniedError('RATE_EXCEEDED', 'Too\nfast.')
    }
    const error = inTheCode()
    expect(error.stack).toMatch(/^DeniedError \[RATE_EXCEEDED\]: Too\nfast\.\n {4}at inTheCode \(.*errors\.test\.ts/)
    expect([error.name, error.message, String(error)]).toEqual(['DeniedError', 'Too\nfast.', 'DeniedError: Too\nfast.'])
    expect(new Error('another').stack).toContain('errors.test.ts')
    // Tools make objects that inherit from an error, and replace a stack.
    expect(Object.create(error).stack).toBe(error.stack)
    error.stack = 'their own'
    expect(Object.create(error).stack).toBe('their own')
    expect([error.stack, Object.keys(error)]).toEqual(['their own', ['code', 'layer', 'docs']])
    expect(structuredClone(error).message).toBe('Too\nfast.')
  })

  it('has the number of frames that the process has set', () => {
    const before = Error.stackTraceLimit
    Error.stackTraceLimit = 1
    try {
      expect(new SolveguardError('SOLVER_BUSY', 'Later.').stack?.split('\n')).toHaveLength(2)
      expect(Error.stackTraceLimit).toBe(1)
    } finally {
      Error.stackTraceLimit = before
    }
  })

  it('is JSON without its cause and its stack', () => {
    const error = new DeniedError('RATE_EXCEEDED', 'Too fast.', {
      retryAt: new Date(1000),
      cause: new Error('hunter2'),
      details: { limit: 20 },
    })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'DeniedError',
      code: 'RATE_EXCEEDED',
      layer: 'spending',
      retryAt: '1970-01-01T00:00:01.000Z',
      message: 'Too fast.',
      details: { limit: 20 },
      docs: error.docs,
    })
  })
})

describe('DeniedError', () => {
  it('is a SolveguardError and an Error, while a SolveguardError is not a DeniedError', () => {
    const denied = new DeniedError('ORIGIN_NOT_NAMED', 'No.')
    expect(denied).toBeInstanceOf(DeniedError)
    expect(denied).toBeInstanceOf(SolveguardError)
    expect(denied).toBeInstanceOf(Error)
    expect(denied.name).toBe('DeniedError')
    expect(inspect(denied)).toMatch(/^DeniedError \[ORIGIN_NOT_NAMED\]: No\.\n/)
    expect(new SolveguardError('SOLVER_BUSY', 'Later.')).not.toBeInstanceOf(DeniedError)
  })

  it('has the layer of its code', () => {
    for (const code of codes) {
      const { layer }: CodeInfo = CODES[code]
      expect(new DeniedError(code, 'No.').layer).toBe(layer)
    }
  })
})

describe('printable', () => {
  it('does not change ordinary text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x20-\x7eÀ-ÿ一-龠]{0,200}$/), (text) => {
        expect(printable(text)).toBe(text)
      }),
    )
  })

  it('removes control characters, line separators and bidirectional marks, and is bounded', () => {
    const nasty = fc.constantFrom(
      '\u0000',
      '\n',
      '\r',
      '\u001b',
      '\u009b',
      '\u2028',
      '\u202e',
      '\u2066',
      '\u200f',
      '\u061c',
      'a',
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(nasty).map((all) => all.join('')),
    )
    fc.assert(
      fc.property(text, fc.nat({ max: 100 }), (given, max) => {
        const clean = printable(given, max)
        expect(clean).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u)
        expect(clean.length).toBeLessThanOrEqual(max + 1)
      }),
    )
  })

  it('marks clipped text with an ellipsis', () => {
    expect(printable('abcdef', 3)).toBe('abc…')
    expect(printable('abc', 3)).toBe('abc')
  })

  it('does not split a surrogate pair', () => {
    expect(printable('ab😀cd', 3)).toBe('ab…')
  })
})

describe('messageOf', () => {
  it.each([
    [new Error('lost\nconnection'), 'lost·connection'],
    ['thrown text', 'thrown text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [['a', 1], 'a,1'],
  ])('returns the message of %o', (thrown, message) => {
    expect(messageOf(thrown)).toBe(message)
  })

  it('returns a message for a value that cannot be converted to text', () => {
    const refuse = (): never => {
      throw new Error('no')
    }
    const rude: unknown = { toString: refuse }
    expect(messageOf(rude)).toBe('unknown error')
    expect(messageOf(Object.create(null))).toBe('unknown error')
    expect(messageOf(Symbol('s'))).toBe('Symbol(s)')
  })
})
