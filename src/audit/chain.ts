import { hash as digest } from 'node:crypto'

/*
 * How the lines of a file are linked. A line ends in
 *
 *   …,"chain":{"prev":"<hash of the line before>","hash":"<hash of this line>"}}
 *
 * and its hash is the SHA-256 of every byte of the line before `,"hash":"`: the whole record with its number
 * (`event.sequence`) and the hash of the line before. The rest of the line is always the same, except for the hash
 * itself. So no byte can change unnoticed, and a changed line is detected by itself, not only by the line that follows
 * it. A line can be checked with a shell: head -c -77 | sha256sum (77: the bytes from `,"hash":"` on, with the
 * newline).
 *
 * The hash has no key: a process that may write the file can hash all lines anew. The heads in the ledger detect that.
 */

/** The hash before a file's first record. */
export const NOTHING_BEFORE = '0'.repeat(64)

const BEFORE_HASH = ',"hash":"'
const AFTER_HASH = '"}}'
const HASH_LENGTH = 64
const SEAL_LENGTH = BEFORE_HASH.length + HASH_LENGTH + AFTER_HASH.length

/** A record (one JSON object, as text) as a line that follows the line with the hash `prev`. */
export function sealRecord(json: string, prev: string): { readonly line: string; readonly hash: string } {
  const body = `${json.slice(0, -1)},"chain":{"prev":"${prev}"`
  const hash = digest('sha256', body, 'hex')
  return { line: `${body}${BEFORE_HASH}${hash}${AFTER_HASH}\n`, hash }
}

/** The hash that stands in a line of this process's own. */
export function hashIn(line: Buffer): string {
  return line.toString('latin1', line.length - AFTER_HASH.length - HASH_LENGTH, line.length - AFTER_HASH.length)
}

/** The hash of a line (without its newline), or undefined where the line does not match its hash. */
export function sealOf(line: Buffer): string | undefined {
  const bodyEnd = line.length - SEAL_LENGTH
  if (bodyEnd < 0) return undefined
  const hash = digest('sha256', line.subarray(0, bodyEnd), 'hex')
  return line.toString('latin1', bodyEnd) === BEFORE_HASH + hash + AFTER_HASH ? hash : undefined
}
