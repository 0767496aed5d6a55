/** A shorter part of a key occurs in any text. */
export const MIN_PART = 8

/** Every encoding that the tests write, read back: what a person could read in a text. */
function readBack(text: string): string {
  return text
    .replace(/%(?:25)*([0-9a-f]{2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|&#x([0-9a-f]+);/gi, (_, a, b, c) =>
      String.fromCharCode(Number.parseInt(a ?? b ?? c, 16)),
    )
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replace(/&(nbsp|zwnj);|\\n/g, '')
    .replace(/&amp;/g, '&')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&apos;/g, "'")
    .replace(/[^!-~]|[\\+]/g, '')
    .toLowerCase()
}

/** The parts of a key that no text may show. */
export function leaks(whole: string, text: string): string[] {
  const secret = whole.replace(/[\\+]/g, '').toLowerCase()
  const length = Math.min(MIN_PART, secret.length)
  const shown = readBack(text)
  const parts = Array.from({ length: secret.length - length + 1 }, (_, at) => secret.slice(at, at + length))
  return parts.filter((part) => /\D/.test(part) && shown.includes(part))
}
