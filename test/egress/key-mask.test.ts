import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyMask, maskKeyInReply } from '../../src/egress/key-mask.js'
import { Secret } from '../../src/secrets/secret.js'
import { leaks, MIN_PART } from '../support/key-leaks.js'

/** A shorter part of digits alone may be the id of a task. */
const MIN_DIGITS = 16

/** Keys as services make them, and any other that is accepted. */
const key = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{32}$/),
  fc.stringMatching(/^CAP-[0-9A-F]{32}$/),
  fc.stringMatching(/^[0-9]{8,40}$/),
  fc.stringMatching(/^[A-Za-z0-9_-]{8,64}$/),
  // Without the signs that begin an encoding.
  fc.stringMatching(/^[!-$'-Z^-~]{8,512}$/).filter((text) => text.replace(/[+]/g, '').length >= MIN_PART),
  fc.uint8Array({ minLength: 16, maxLength: 48 }).map((bytes) => Buffer.from(bytes).toString('base64')),
)

/** What may be between two characters of a key: white space, and what is not seen. */
const GAPS = [...' \t\n\u00a0\u200b\u200c\u200d\u2060\ufeff\u00ad\u0301\u{e0001}', '\r\n', '+']
const ENCODED_GAPS = ['\\n', '\\u200b', '%20', '%0A', '%E2%80%8B', '&nbsp;', '&#8203;', '&#x200b;', '&zwnj;']

const hex = (character: string, length: number) => character.charCodeAt(0).toString(16).padStart(length, '0')
/** One character of a key, as a service may write it. */
const SPELLINGS: readonly ((character: string) => string)[] = [
  (one) => one,
  (one) => one.toUpperCase(),
  (one) => one.toLowerCase(),
  (one) => encodeURIComponent(one),
  (one) => `%${hex(one, 2)}`,
  (one) => `%25${hex(one, 2).toUpperCase()}`,
  (one) => `\\u${hex(one, 4)}`,
  (one) => `\\x${hex(one, 2)}`,
  (one) => `&#${one.charCodeAt(0)};`,
  (one) => `&#x${hex(one, 2)};`,
  (one) => JSON.stringify(one).slice(1, -1),
  (one) =>
    one.replace(
      /[&<>"']/,
      (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' })[sign] ?? sign,
    ),
]

const ANY = [SPELLINGS, [...GAPS, ...ENCODED_GAPS]] as const
const NOT_ENCODED = [SPELLINGS.slice(0, 3), GAPS] as const

/** A part of a key that is long enough, with its characters spelled in any way and with anything between them. */
function written(whole: string, [spellingsOf, gaps]: readonly [typeof SPELLINGS, readonly string[]]) {
  const spelled = fc
    .tuple(fc.nat(whole.length - MIN_PART), fc.nat(whole.length), fc.boolean())
    .map(([from, more, all]) => (all ? whole : whole.slice(from, from + MIN_PART + more)))
    .filter((part) => {
      const { length } = part.replace(/[\\+]/g, '')
      return part === whole || length >= MIN_DIGITS || (length >= MIN_PART && /[^\d\\+]/.test(part))
    })
  return spelled.chain((part) =>
    fc
      .record({
        spellings: fc.oneof(
          fc.nat(spellingsOf.length - 1).map((one) => [one]),
          fc.array(fc.nat(spellingsOf.length - 1), { minLength: 1, maxLength: 16 }),
        ),
        gapsAt: fc.array(fc.tuple(fc.nat(part.length), fc.constantFrom(...gaps)), { maxLength: 12 }),
      })
      .map(({ spellings, gapsAt }) => {
        const pieces = [...part].map((one, at) => spellingsOf[spellings[at % spellings.length] ?? 0]?.(one) ?? one)
        for (const [at, text] of gapsAt) pieces[at] = `${text}${pieces[at] ?? ''}`
        return pieces.join('')
      }),
  )
}

const around = fc.oneof(
  fc.constantFrom('', 'ERROR ', '{"request":"', '<p>', '|', '%', '\\', '&#'),
  fc.string({ maxLength: 20 }),
)
/** The same without the beginning of an encoding, which the first characters of an encoded key would continue. */
const closed = around.map((text) => text.replace(/[%\\&]/g, '-'))

describe('the mask of a key', () => {
  const holdsFor = (whole: string, before: string, text: string, after: string): void => {
    const secret = new Secret(whole)
    const masked = keyMask(secret)(before + text + after)
    expect(masked).toContain(secret.toString())
    // What the test itself put around it does not count.
    fc.pre(leaks(whole, `${before}\n${after}`).length === 0)
    expect(leaks(whole, masked.replaceAll(secret.toString(), '|'))).toEqual([])
  }

  it('leaves no part of a key in any text, however the key is written in it', () => {
    const texts = key.chain((whole) => fc.tuple(fc.constant(whole), closed, written(whole, ANY), around))
    fc.assert(
      fc.property(texts, (text) => holdsFor(...text)),
      { numRuns: 1_500 },
    )
  })

  it('leaves no part of a key behind what looks like the beginning of an encoding', () => {
    const texts = key.chain((whole) => fc.tuple(fc.constant(whole), around, written(whole, NOT_ENCODED), around))
    fc.assert(
      fc.property(texts, (text) => holdsFor(...text)),
      { numRuns: 500 },
    )
  })

  it('masks a key that looks like an encoding itself, as it is and encoded', () => {
    for (const whole of ['ab%41cd\\nef&amp;gh', 'p%2520q\\u0041r&#65;stuv']) {
      const secret = new Secret(whole)
      const mask = keyMask(secret)
      for (const text of [whole, encodeURIComponent(whole), JSON.stringify(whole).slice(1, -1), whole.toUpperCase()]) {
        expect(mask(`ERROR ${text}.`)).toBe(`ERROR ${secret}.`)
      }
    }
  })

  it('masks a key in the Base64 of a text that holds it, wherever it begins', () => {
    const secret = new Secret('0123456789abcdef0123456789ABCDEF')
    for (const login of ['', 'u:', 'us:', 'user:', 'user-1:']) {
      for (const end of ['', ':', ':x', ':xy']) {
        const text = Buffer.from(`${login}${secret.reveal()}${end}`).toString('base64')
        const masked = keyMask(secret)(`Basic ${text}.`)
        expect(masked).toContain(`${secret}`)
        // At each end, the bits of one character are left at most.
        expect(Buffer.from(masked, 'base64').toString('latin1')).not.toMatch(/12345|abcde|ABCDE/i)
        expect(masked.length).toBeLessThan(`Basic ${secret}`.length + login.length * 2 + end.length * 2 + 10)
      }
    }
  })

  it('leaves other texts as they are', () => {
    const word = fc.stringMatching(/^[a-z]{1,7}$/)
    const text = fc.oneof(
      fc.array(word, { maxLength: 30 }).map((words) => words.join('. ')),
      fc.json(),
      fc.uuid(),
      fc.webUrl({ withQueryParameters: true }),
      fc.stringMatching(/^OK\|[0-9]{6,15}$/),
      fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
    )
    fc.assert(
      fc.property(fc.stringMatching(/^(CAP-)?[0-9a-f]{32}$/), text, (whole, other) => {
        expect(keyMask(new Secret(whole))(other)).toBe(other)
      }),
      { numRuns: 300 },
    )
  })

  it('leaves the id of a task that has digits of the key, and masks more of them', () => {
    const mask = keyMask(new Secret('12345678901234567890abcdefabcdef'))
    expect(mask('OK|12345678901')).toBe('OK|12345678901')
    expect(mask('OK|123456789012345')).toBe('OK|123456789012345')
    expect(mask('OK|1234567890123456')).toMatch(/^OK\|\[secret/)
    expect(mask('OK|4567890abcd')).toMatch(/^OK\|\[secret/)
  })

  it('masks each of several places, and nothing between them', () => {
    const secret = new Secret('0123456789abcdef0123456789ABCDEF')
    const text = '1: 0123456789abcdef0123456789abcdef, 2: 0123 4567 89AB CDEF, 3: 0123456 (7)'
    expect(keyMask(secret)(text)).toBe(`1: ${secret}, 2: ${secret}, 3: 0123456 (7)`)
  })

  it('masks other sensitive values too, short ones only as they are', () => {
    const mask = keyMask(new Secret('0123456789abcdef'), ['in', 'Hunter2-the-password'])
    expect(mask('i n HUNTER2-THE-PASSWORD, in')).toBe('i n [masked], [masked]')
  })

  it('reads a reply of the largest size, whatever it is made of', () => {
    const secret = new Secret('0123456789abcdef0123456789abcdef')
    const unit = ['x', '0', '0 ', '\\', '%', '&#', '\u200b', '0123456789abcde ', '%25%25', '\\u00']
    for (const each of unit) {
      const body = `${each.repeat((1024 * 1024) / each.length)}0123456789abcdef`
      const masked = maskKeyInReply({ status: 200, contentType: '', body }, secret).body
      expect(leaks('0123456789abcdef', masked.slice(-100).replaceAll(secret.toString(), '|'))).toEqual([])
    }
  })
})
