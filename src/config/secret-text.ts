/** What a key or a token looks like: 32 characters of hexadecimal, CapSolver's, a signed token, PEM, a header. */
const LOOKS_SECRET = [
  /^[0-9a-f]{32}$/i,
  /^CAP-[\w-]{16,}$/i,
  /^[\w-]{16,}\.[\w-]{16,}\.[\w.-]{16,}$/,
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
  /^(?:Bearer|Basic)\s+\S{8,}/i,
]

/** Whether a text has the form of a key or a token. */
export function looksSecret(text: string): boolean {
  return LOOKS_SECRET.some((pattern) => pattern.test(text))
}

/** Whether an address has a password. */
export function hasPassword(text: string): boolean {
  return text.includes('://') && URL.canParse(text) && new URL(text).password !== ''
}

/** A text for the screen, in which whatever looks like a key, a token or the password of an address is hidden. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/[\w.-]{24,}/g, (word) => (looksSecret(word) ? '[hidden]' : word))
    .replace(/(\b[a-z][a-z\d+.-]*:\/\/[^\s/:@]*):[^\s/@]+@/gi, '$1:[hidden]@')
}
