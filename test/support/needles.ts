/**
 * Search texts that find a leaked secret: three pieces of it, so that a part is found too, each in every encoding
 * of bytes as text.
 */
export function needles(secret: string): Buffer[] {
  const piece = Math.min(14, secret.length)
  const middle = Math.floor((secret.length - piece) / 2)
  const pieces = [0, middle, secret.length - piece].map((at) => secret.slice(at, at + piece))
  return [...new Set(pieces)].flatMap(spellings)
}

/** The distinct encodings of a text in files, addresses, JSON, dumps and base encodings. */
function spellings(text: string): Buffer[] {
  const bytes = Buffer.from(text)
  const hex = bytes.toString('hex')
  const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const unicode = [...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
  const utf16 = Buffer.from(text, 'utf16le')
  const texts = [
    text,
    encodeURIComponent(text),
    encodeURIComponent(encodeURIComponent(text)),
    new URLSearchParams({ '': text }).toString().slice(1),
    JSON.stringify(text).slice(1, -1),
    text.replaceAll('/', '\\/'),
    ...[hex, percent, unicode].flatMap((one) => [one, one.toUpperCase()]),
    ...base64(bytes),
    ...base64(utf16),
  ]
  return [...new Set(texts)].map((one) => Buffer.from(one)).concat(utf16, Buffer.from(utf16).swap16())
}

/** The middle of the base64 of some bytes, for each of the three offsets at which they may begin. */
function base64(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    // The first and the last characters depend on the neighboring bytes.
    const inner = text.slice(before === 0 ? 0 : before + 1, text.length - ((before + bytes.length) % 3 === 0 ? 0 : 1))
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
  })
}
