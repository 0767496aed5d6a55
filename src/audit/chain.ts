import { hash as digest } from 'node:crypto'
import type { Secret } from '../secrets/secret.js'

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
 * That hash has no key: a process that may write the file can hash all lines anew, and the heads in the ledger detect
 * that. With a key the last field is `hmac` in place of `hash`, and is the HMAC-SHA256 of the same bytes.
 */

/** The hash before a file's first record. */
export const NOTHING_BEFORE = '0'.repeat(64)

const SEAL = /^,"(hash|hmac)":"([0-9a-f]{64})"\}\}$/
const AFTER_HASH = '"}}'
const HASH_LENGTH = 64
const SEAL_LENGTH = ',"hash":"'.length + HASH_LENGTH + AFTER_HASH.length

/** A record (one JSON object, as text) as a line that follows the line with the hash `prev`. */
export function sealRecord(json: string, prev: string, key?: Secret): { readonly line: string; readonly hash: string } {
  const body = `${json.slice(0, -1)},"chain":{"prev":"${prev}"`
  const hash = key ? key.hmac(body) : digest('sha256', body, 'hex')
  return { line: `${body},"${key ? 'hmac' : 'hash'}":"${hash}${AFTER_HASH}\n`, hash }
}

/** The hash in a line that this process wrote. */
export function hashIn(line: Buffer): string {
  return line.toString('latin1', line.length - AFTER_HASH.length - HASH_LENGTH, line.length - AFTER_HASH.length)
}

/** How a line ends. */
export interface Seal {
  readonly hash: string
  /** Whether the hash has a key. */
  readonly keyed: boolean
}

/** The seal of a line (without its newline), or undefined where it has none. */
export function sealOf(line: Buffer): Seal | undefined {
  if (line.length < SEAL_LENGTH) return undefined
  const [, name, hash] = SEAL.exec(line.toString('latin1', line.length - SEAL_LENGTH)) ?? []
  return hash === undefined ? undefined : { hash, keyed: name === 'hmac' }
}

/** Whether a line that has a seal matches it. */
export function matchesSeal(line: Buffer, hash: string, key?: Secret): boolean {
  const body = line.subarray(0, line.length - SEAL_LENGTH)
  return hash === (key ? key.hmac(body) : digest('sha256', body, 'hex'))
}
