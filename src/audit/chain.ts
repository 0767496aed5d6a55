import { hash as digest } from 'node:crypto'

/*
 * How the lines of a file hang together. A line ends in
 *
 *   …,"chain":{"prev":"<hash of the line before>","hash":"<hash of this line>"}}
 *
 * and its hash is the SHA-256 of every byte of the line that stands before `,"hash":"`: the whole record with its number
 * (`event.sequence`) and the hash of the line before. The rest of the line is always the same but for the hash itself, so that
 * not one byte can change unnoticed, and a changed line is known by itself, not only by the one that follows it. Anyone can
 * check a line with a shell: head -c -77 | sha256sum (77: the bytes from `,"hash":"` on, newline included).
 *
 * There is no key in it: who may write the file can hash it all anew. That is what the heads in the ledger are for.
 */

/** What a file's first record follows. */
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

/** The hash of a line (without its newline), or undefined where the line is not what its hash says. */
export function sealOf(line: Buffer): string | undefined {
  const bodyEnd = line.length - SEAL_LENGTH
  if (bodyEnd < 0) return undefined
  const hash = digest('sha256', line.subarray(0, bodyEnd), 'hex')
  return line.toString('latin1', bodyEnd) === BEFORE_HASH + hash + AFTER_HASH ? hash : undefined
}
