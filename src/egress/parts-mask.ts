/** A part of a value is masked from this length on, in characters: a power of 2. Shorter parts occur in any text. */
const PART_LENGTH = 8
/** The same for a part of digits alone: the id of a task may have as many digits as a key by chance. */
const DIGITS_LENGTH = 16

/** How a character may be encoded: in JSON and JavaScript, in forms and URLs (also twice), in HTML. */
const ENCODED =
  /\\u([0-9a-f]{4})|\\u\{([0-9a-f]{1,6})\}|\\x([0-9a-f]{2})|\\[bfnrtv0]|%(?:25)*([0-9a-f]{2})|&#x([0-9a-f]{1,6});?|&#(\d{1,7});?|&(amp|lt|gt|quot|apos|nbsp|shy|zwn?j);?/iy
const MAY_BE_ENCODED = /[\\%&]/
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * By code: the code in small letters, or 0 for a character that is ignored: all but printable ASCII, a backslash, which
 * may escape any character, and a plus sign, which is a space in forms.
 */
const SIGNIFICANT = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const character = String.fromCharCode(code)
  return /[!-~]/.test(character) && !/[\\+]/.test(character) ? character.toLowerCase().charCodeAt(0) : 0
})

/**
 * Masks a value in a text, whole or a part of it: in capitals, cut off, with white space, invisible characters or
 * others outside printable ASCII in it, and in common encodings. Takes time in proportion to the text.
 *
 * @param value printable ASCII
 * @returns undefined for a value that is too short
 */
export function partsMask(value: string, mask: string): ((text: string) => string) | undefined {
  // A text may have the value as it is, although a part of the value may look like an encoding itself.
  const readings = [withoutIgnored(value), decoded(value)].filter(({ length }) => length >= PART_LENGTH)
  if (readings.length === 0) return undefined
  const parts = new Set(readings.flatMap(partsOf))
  const hashes = new Uint8Array(HASHES)
  for (const part of parts) hashes[hashOf(part) & (HASHES - 1)] = 1
  const minDigits = Math.min(DIGITS_LENGTH, ...readings.map(({ length }) => length))
  const candidates = candidatesFor(readings.join(''))

  return (text) => {
    const mayBeEncoded = MAY_BE_ENCODED.test(text)
    if (!mayBeEncoded && !hasCandidates(text, candidates)) return text
    // Both: what looks like an encoding may be a part of the value and the character before it.
    const found = partsIn(text, parts, hashes, false)
    if (mayBeEncoded) found.push(...partsIn(text, parts, hashes, true))
    return replaced(
      text,
      found.filter(({ hasLetter, length }) => hasLetter || length >= minDigits),
      mask,
    )
  }
}

/** Where a text has parts of the value without a gap between them. */
interface FoundPart {
  readonly from: number
  to: number
  /** In characters that are not ignored. */
  length: number
  hasLetter: boolean
}

function replaced(text: string, found: readonly FoundPart[], mask: string): string {
  let masked = ''
  let copied = 0
  for (const { from, to } of found.toSorted((a, b) => a.from - b.from)) {
    if (from >= copied) masked += text.slice(copied, from) + mask
    copied = Math.max(copied, to)
  }
  return masked + text.slice(copied)
}

/** @param decode whether encodings of characters are read as those characters */
function partsIn(text: string, parts: ReadonlySet<string>, hashes: Uint8Array, decode: boolean): FoundPart[] {
  const found: FoundPart[] = []
  let last: FoundPart | undefined
  // The last characters that were read, where each begins in the text, and a hash of them.
  const codes = new Uint8Array(PART_LENGTH)
  const starts = new Float64Array(PART_LENGTH)
  let hash = 0
  let count = 0
  let lastCount = 0
  for (let at = 0; at < text.length; ) {
    const start = at
    let code = text.charCodeAt(at++)
    if (decode && (code === 0x5c || code === 0x25 || code === 0x26)) {
      ENCODED.lastIndex = start
      const encoded = ENCODED.exec(text)
      if (encoded) {
        at = ENCODED.lastIndex
        code = codeOf(encoded)
      }
    }
    code = SIGNIFICANT[code] ?? 0
    if (code === 0) continue
    const place = count++ & (PART_LENGTH - 1)
    hash = (Math.imul(hash, BASE) + code - Math.imul(codes[place] ?? 0, BASE_POWER)) | 0
    codes[place] = code
    starts[place] = start
    if (hashes[hash & (HASHES - 1)] === 0) continue
    const first = count & (PART_LENGTH - 1)
    const part = String.fromCharCode(...codes.subarray(first), ...codes.subarray(0, first))
    if (!parts.has(part)) continue
    const from = starts[first] ?? 0
    if (last === undefined || from >= last.to) {
      last = { from, to: at, length: PART_LENGTH, hasLetter: false }
      found.push(last)
    } else {
      last.length += count - lastCount
      last.to = at
    }
    lastCount = count
    last.hasLetter ||= /\D/.test(part)
  }
  return found
}

function codeOf([, unit, point, hex, percent, entityHex, entity, name]: readonly string[]): number {
  const digits = unit ?? point ?? hex ?? percent ?? entityHex
  if (digits !== undefined) return Number.parseInt(digits, 16)
  if (entity !== undefined) return Number(entity)
  return name === undefined ? 0 : (NAMED[name.toLowerCase()] ?? '\0').charCodeAt(0)
}

function withoutIgnored(value: string): string {
  return String.fromCharCode(...[...value].flatMap((one) => SIGNIFICANT[one.charCodeAt(0)] || []))
}

function decoded(value: string): string {
  const everywhere = new RegExp(ENCODED.source, 'gi')
  return withoutIgnored(value.replace(everywhere, (...found) => String.fromCharCode(codeOf(found))))
}

function partsOf(reading: string): string[] {
  return Array.from({ length: reading.length - PART_LENGTH + 1 }, (_, at) => reading.slice(at, at + PART_LENGTH))
}

/** By code: 1 for the characters of the value, and for those that are ignored. */
function candidatesFor(readings: string): Uint8Array {
  return Uint8Array.from(SIGNIFICANT, (code) => (code === 0 || readings.includes(String.fromCharCode(code)) ? 1 : 0))
}

/** Whether a text has enough candidates in a row, which most texts have not. Looks at few of its characters. */
function hasCandidates(text: string, candidates: Uint8Array): boolean {
  for (let end = PART_LENGTH - 1; end < text.length; ) {
    let run = 0
    while (run < PART_LENGTH && (candidates[text.charCodeAt(end - run)] ?? 1) === 1) run++
    if (run === PART_LENGTH) return true
    end += PART_LENGTH - run
  }
  return false
}

const BASE = 0x01000193
/** `BASE` to the power of the length of a part. */
const BASE_POWER = Array.from({ length: PART_LENGTH }).reduce<number>((power) => Math.imul(power, BASE), 1)

/** How many hashes are distinguished: a power of 2. */
const HASHES = 4096

/** A hash that can be updated at each character. */
function hashOf(part: string): number {
  return [...part].reduce((hash, one) => (Math.imul(hash, BASE) + one.charCodeAt(0)) | 0, 0)
}
