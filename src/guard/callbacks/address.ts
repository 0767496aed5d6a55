import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/*
 * The last part of a call-back's address, in base64url: which process waits for it, random bytes that cannot be
 * guessed, and a tag by which every process of the guard distinguishes an address of its own from one that was made up,
 * without asking the ledger. It says nothing of the task, the key or the answer.
 */

const OWNER_BYTES = 6
const RANDOM_BYTES = 18
const TAG_BYTES = 12
const LENGTH = ((OWNER_BYTES + RANDOM_BYTES + TAG_BYTES) * 4) / 3

const FORM = new RegExp(`^[A-Za-z0-9_-]{${LENGTH}}$`)

/** The address of one call-back. */
export interface CallbackAddress {
  /** The process that waits for it. */
  readonly owner: string
  /** Random, 144 bits. */
  readonly id: string
}

/** A name for a process that is as long for each of them. */
export function ownerTag(ownerId: string): string {
  return createHash('sha256').update(ownerId).digest().subarray(0, OWNER_BYTES).toString('base64url')
}

/** A new address: its text, and what it consists of. */
export function newAddress(owner: string, key: Buffer): CallbackAddress & { readonly text: string } {
  const id = randomBytes(RANDOM_BYTES).toString('base64url')
  const head = `${owner}${id}`
  return { owner, id, text: `${head}${tagOf(head, key).toString('base64url')}` }
}

/** Whether a text has the form of an address. */
export function hasAddressForm(text: string): boolean {
  return FORM.test(text)
}

/** What an address consists of; undefined for one that no process with the key has made. */
export function readAddress(text: string, key: Buffer): CallbackAddress | undefined {
  if (!FORM.test(text)) return undefined
  const headLength = LENGTH - (TAG_BYTES * 4) / 3
  const head = text.slice(0, headLength)
  if (!timingSafeEqual(Buffer.from(text.slice(headLength), 'base64url'), tagOf(head, key))) return undefined
  const ownerLength = (OWNER_BYTES * 4) / 3
  return { owner: head.slice(0, ownerLength), id: head.slice(ownerLength) }
}

function tagOf(head: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(head).digest().subarray(0, TAG_BYTES)
}
