import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AnyChallenge, Challenge, GridChallenge, ImageChallenge } from '../../../src/base/challenge.js'
import { VARIANTS } from '../../../src/base/challenge.js'
import { SolveguardError } from '../../../src/base/errors.js'
import { checkName } from '../../../src/guard/admission/names.js'
import { parseChallenge } from '../../../src/guard/admission/parse-challenge.js'

const PAGE = 'https://staging.example.com/login'
const WIDGET: Challenge = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: '6LdyC2cU', pageUrl: PAGE }
const GEETEST: Challenge = { ...WIDGET, family: 'geetest', variant: 'v3', challenge: 'one-time_1' }
const AWS: Challenge = { ...WIDGET, family: 'aws-waf', variant: 'widget', sitekey: 'A+b/c=_-' }

/** A picture of so many bytes, by its first ones. */
const picture = (size: number, start: readonly number[] = [0x89, 0x50, 0x4e, 0x47]) => {
  const bytes = new Uint8Array(size)
  bytes.set(start)
  return bytes
}
const IMAGE: ImageChallenge = { family: 'image', variant: 'text', pageUrl: PAGE, image: picture(100) }
const GRID: GridChallenge = {
  family: 'bls',
  variant: 'grid',
  pageUrl: PAGE,
  images: Array.from({ length: 9 }, () => picture(100)),
  instruction: '667',
}

/** What is wrong with a challenge: the field and what was expected. */
function complaint(input: unknown): string {
  try {
    parseChallenge(input as AnyChallenge)
  } catch (error) {
    expect(error).toBeInstanceOf(SolveguardError)
    expect((error as SolveguardError).code).toBe('CHALLENGE_INVALID')
    return (error as Error).message
  }
  throw new Error('the challenge was accepted')
}

/** The fields that are there, without those that are undefined. */
const present = (value: object) => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined))

const WIDGET_FIELDS = [
  'family',
  'variant',
  'sitekey',
  'pageUrl',
  'frameUrl',
  'action',
  'minScore',
  'dataS',
  'cData',
  'pageData',
  'rqdata',
  'blob',
  'challenge',
  'apiHost',
  'scriptUrl',
  'userAgent',
] as const satisfies readonly (keyof Challenge)[]

describe('parseChallenge', () => {
  it('accepts each variant of each family, and only those', () => {
    for (const [family, variants] of Object.entries(VARIANTS)) {
      for (const variant of variants) {
        const whole = { ...GEETEST, ...IMAGE, ...GRID, family, variant }
        expect(parseChallenge(whole as AnyChallenge)).toMatchObject({ family, variant, pageUrl: PAGE })
      }
      expect(complaint({ ...WIDGET, family, variant: 'v9' })).toBe(
        `challenge.variant: expected one of ${variants.join(', ')}.`,
      )
    }
    for (const family of ['constructor', 'toString', '', undefined, 7]) {
      expect(complaint({ ...WIDGET, family })).toBe(
        `challenge.family: expected one of ${Object.keys(VARIANTS).join(', ')}.`,
      )
    }
  })

  it.each([undefined, null, 'recaptcha', 7])('refuses %o, which is no challenge', (input) => {
    expect(complaint(input)).toMatch(/^solve\(\) takes a challenge/)
  })

  it.each([undefined, null, 7, new URL(PAGE)])('refuses %o in place of an address', (pageUrl) => {
    expect(complaint({ ...WIDGET, pageUrl })).toBe("challenge.pageUrl: expected the page's address.")
    expect(complaint({ ...IMAGE, pageUrl })).toBe("challenge.pageUrl: expected the page's address.")
  })

  it('copies the fields that a widget has, and no other', () => {
    const all = {
      ...WIDGET,
      frameUrl: 'https://frame.example/\u00e9',
      action: 'log in',
      minScore: 0.7,
      dataS: 's',
      cData: 'c',
      pageData: 'p',
      rqdata: 'r',
      blob: 'b',
      apiHost: 'www.recaptcha.net:8443',
      scriptUrl: 'https://cdn.example/a.js',
    } as const
    expect(parseChallenge({ ...all, token: 'x', image: picture(100) } as Challenge)).toEqual(all)
    expect(Object.keys(parseChallenge({ ...all, token: 'x' } as Challenge))).toEqual(WIDGET_FIELDS)
    expect(present(parseChallenge(WIDGET))).toEqual(WIDGET)
  })

  it('copies the fields that a picture has, and no other', () => {
    const hints = {
      numeric: 4,
      minLength: 1,
      maxLength: 100,
      phrase: true,
      case: false,
      math: true,
      comment: 'a b',
    } as const
    const image = { ...IMAGE, ...hints, frameUrl: 'https://frame.example/\u00e9' }
    expect(present(parseChallenge({ ...image, sitekey: 'x', images: [] } as never))).toEqual(image)
    expect(present(parseChallenge(IMAGE))).toEqual(IMAGE)
    const grid = { ...GRID, frameUrl: 'https://frame.example/' }
    expect(parseChallenge({ ...grid, ...hints, instruction: ' 667 ' } as never)).toEqual(grid)
  })

  it('never accepts a text with a character that is not printable ASCII, whatever the field', () => {
    const field = fc.constantFrom('sitekey', 'action', 'dataS', 'cData', 'pageData', 'rqdata', 'blob', 'challenge')
    const bad = fc.oneof(fc.integer({ min: 0, max: 31 }), fc.integer({ min: 127, max: 0xd7ff }))
    fc.assert(
      fc.property(field, bad, fc.nat(3), (name, code, at) => {
        const text = ['a', 'b', 'c']
        text.splice(at, 0, String.fromCharCode(code))
        expect(complaint({ ...GEETEST, [name]: text.join('') })).toContain(`challenge.${name}: expected`)
      }),
    )
  })

  it.each<[string, number, Challenge]>([
    ['sitekey', 256, WIDGET],
    ['sitekey', 2_048, AWS],
    ['frameUrl', 2_048, WIDGET],
    ['action', 100, WIDGET],
    ['dataS', 4_096, WIDGET],
    ['cData', 255, WIDGET],
    ['pageData', 4_096, WIDGET],
    ['rqdata', 4_096, WIDGET],
    ['blob', 4_096, WIDGET],
    ['challenge', 256, GEETEST],
  ])('bounds %s to %d characters', (field, max, challenge) => {
    const text = 'a'.repeat(max)
    expect(parseChallenge({ ...challenge, [field]: text })).toHaveProperty(field, text)
    expect(complaint({ ...challenge, [field]: `${text}a` })).toContain(`challenge.${field}: expected`)
    for (const other of [7, null, ['a'], {}]) {
      expect(complaint({ ...challenge, [field]: other })).toContain(`challenge.${field}: expected`)
    }
  })

  it('accepts a sitekey of the characters that its vendor uses', () => {
    const usual = 'aZ09_.:-'
    expect(parseChallenge({ ...WIDGET, sitekey: usual })).toHaveProperty('sitekey', usual)
    const aws = 'aZ09_+/=-'
    expect(parseChallenge({ ...AWS, sitekey: aws })).toHaveProperty('sitekey', aws)
    for (const sitekey of ['', ' a', 'a ', 'a+b', 'a/b', 'a"', '<a']) {
      expect(complaint({ ...WIDGET, sitekey })).toBe(
        'challenge.sitekey: expected 1 to 256 letters, digits and . _ : -.',
      )
    }
    for (const sitekey of ['', ' a', 'a ', 'a.b', 'a:b', 'a"', '<a']) {
      expect(complaint({ ...AWS, sitekey })).toContain("challenge.sitekey: expected AWS's API key")
    }
  })

  it('requires a one-time value of GeeTest v3, and passes it on for no other widget', () => {
    expect(parseChallenge(GEETEST)).toHaveProperty('challenge', 'one-time_1')
    for (const challenge of [undefined, '', 'a b', ' a', 'a!']) {
      expect(complaint({ ...GEETEST, challenge })).toContain('challenge.challenge: expected the one-time value')
    }
    expect(parseChallenge({ ...GEETEST, variant: 'v4' })).toHaveProperty('challenge', undefined)
    expect(parseChallenge({ ...GEETEST, ...WIDGET })).toHaveProperty('challenge', undefined)
    // `v3` of another family.
    expect(parseChallenge({ ...WIDGET, variant: 'v3' })).toHaveProperty('challenge', undefined)
  })

  it('drops a score that no service knows, and a host that is none', () => {
    for (const minScore of [0.3, 0.7, 0.9] as const)
      expect(parseChallenge({ ...WIDGET, minScore })).toHaveProperty('minScore', minScore)
    for (const minScore of [0, 0.5, 1, '0.7', null])
      expect(parseChallenge({ ...WIDGET, minScore } as never)).toHaveProperty('minScore', undefined)
    for (const apiHost of ['a', 'eu.frcapi.com', `${'a'.repeat(253)}:65535`, 'a-1.example:1'])
      expect(parseChallenge({ ...WIDGET, apiHost })).toHaveProperty('apiHost', apiHost)
    for (const apiHost of ['', 'A.example', 'a/b', '@a', 'a.example/', `${'a'.repeat(254)}`, 'a:', 'a:123456', 'a:x'])
      expect(parseChallenge({ ...WIDGET, apiHost })).toHaveProperty('apiHost', undefined)
  })

  it('accepts the address of a script only where it is a web address', () => {
    for (const scriptUrl of ['https://a.example/x.js', 'http://a.example/'])
      expect(parseChallenge({ ...WIDGET, scriptUrl })).toHaveProperty('scriptUrl', scriptUrl)
    const longest = `https://a.example/${'x'.repeat(2_048 - 18)}`
    expect(parseChallenge({ ...WIDGET, scriptUrl: longest })).toHaveProperty('scriptUrl', longest)
    for (const scriptUrl of ['javascript:https:1', 'ftp://a.example/', 'x https://a.example', 'https:', 'https://'])
      expect(complaint({ ...WIDGET, scriptUrl })).toMatch(/^challenge\.scriptUrl: expected an address/)
    expect(complaint({ ...WIDGET, scriptUrl: `${longest}x` })).toBe(
      'challenge.scriptUrl: expected at most 2048 printable characters.',
    )
  })

  it('accepts hints about a text within their bounds', () => {
    for (const numeric of [0, 1, 2, 3, 4] as const)
      expect(parseChallenge({ ...IMAGE, numeric })).toHaveProperty('numeric', numeric)
    for (const numeric of [-1, 5, 1.5, '1', null])
      expect(complaint({ ...IMAGE, numeric })).toBe('challenge.numeric: expected 0, 1, 2, 3 or 4.')
    for (const field of ['minLength', 'maxLength']) {
      for (const length of [1, 100]) expect(parseChallenge({ ...IMAGE, [field]: length })).toHaveProperty(field, length)
      for (const length of [0, 101, 1.5, '5', null, Number.NaN])
        expect(complaint({ ...IMAGE, [field]: length })).toBe(
          `challenge.${field}: expected a whole number from 1 to 100.`,
        )
    }
    expect(parseChallenge({ ...IMAGE, minLength: 5, maxLength: 5 })).toMatchObject({ minLength: 5, maxLength: 5 })
    expect(complaint({ ...IMAGE, minLength: 6, maxLength: 5 })).toBe('challenge.minLength: is above maxLength.')
    for (const field of ['phrase', 'case', 'math']) {
      for (const flag of [true, false]) expect(parseChallenge({ ...IMAGE, [field]: flag })).toHaveProperty(field, flag)
      for (const flag of [0, 'true', null])
        expect(complaint({ ...IMAGE, [field]: flag })).toBe(`challenge.${field}: expected true or false.`)
    }
    expect(parseChallenge({ ...IMAGE, comment: 'x'.repeat(140) })).toHaveProperty('comment', 'x'.repeat(140))
    expect(complaint({ ...IMAGE, comment: 'x'.repeat(141) })).toContain('challenge.comment: expected at most 140')
  })

  it.each<[string, number, (image: unknown) => object]>([
    ['image', 1024 * 1024, (image) => ({ ...IMAGE, image })],
    ['images[8]', 256 * 1024, (image) => ({ ...GRID, images: [...GRID.images.slice(1), image] })],
  ])('accepts %s of 100 to %d bytes, a PNG, JPEG or GIF', (field, max, withPicture) => {
    for (const size of [100, max]) expect(complaintOrNot(withPicture(picture(size)))).toBe('accepted')
    for (const start of [
      [0xff, 0xd8, 0xff],
      [0x47, 0x49, 0x46, 0x38],
    ])
      expect(complaintOrNot(withPicture(picture(100, start)))).toBe('accepted')
    for (const size of [99, max + 1])
      expect(complaint(withPicture(picture(size)))).toBe(
        `challenge.${field}: expected 100 to ${max} bytes, not ${size}.`,
      )
    expect(complaint(withPicture(picture(100, [0x3c])))).toBe(`challenge.${field}: expected a PNG, JPEG or GIF.`)
    for (const other of ['iVBORw0K', undefined, [0x89, 0x50, 0x4e, 0x47], new ArrayBuffer(200)])
      expect(complaint(withPicture(other))).toBe(`challenge.${field}: expected the bytes of a picture.`)
  })

  it('requires nine pictures and an instruction of a grid', () => {
    for (const images of [GRID.images.slice(1), [...GRID.images, picture(100)], [], 'nine', { length: 9 }])
      expect(complaint({ ...GRID, images })).toBe('challenge.images: expected a list of 9 pictures.')
    expect(parseChallenge({ ...GRID, instruction: 'x'.repeat(200) })).toHaveProperty('instruction', 'x'.repeat(200))
    expect(complaint({ ...GRID, instruction: 'x'.repeat(201) })).toContain(
      'challenge.instruction: expected at most 200',
    )
    for (const instruction of [undefined, '', '   '])
      expect(complaint({ ...GRID, instruction })).toContain('challenge.instruction: expected the number')
  })
})

function complaintOrNot(input: object): string {
  parseChallenge(input as AnyChallenge)
  return 'accepted'
}

describe('checkName', () => {
  it('accepts 1 to 64 letters, digits and . _ -, and names the field of anything else', () => {
    for (const name of ['a', 'checkout-tests', 'A.b_c-9', 'x'.repeat(64)]) expect(checkName(name, 'name')).toBe(name)
    for (const name of ['', 'x'.repeat(65), 'a/b', ' a', 'a ', 'a\n', '\u00e9', 'a@b', 7, undefined, ['a']]) {
      expect(() => checkName(name as string, 'options.name')).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^options\.name: expected/) }),
      )
    }
  })
})
