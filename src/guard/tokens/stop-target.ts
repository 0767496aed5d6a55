import { z } from 'zod'
import { printable } from '../../base/errors.js'
import type { FactName } from '../../ledger/ledger.js'
import { check } from '../../policy/schema.js'
import { LINK_ID } from '../../tokens/claims.js'
import { subjectPauseOf, tokenPauseOf } from '../spending/stops.js'
import type { PauseTarget } from '../types.js'

const MAX_REASON_LENGTH = 500

/** A subject or a token to be paused or resumed. */
export interface StopTarget {
  /** The fact that stops it. */
  readonly fact: FactName
  /** The subject. */
  readonly subject?: string | undefined
  /** The token, as the beginning of a sentence; empty for a subject. */
  readonly what: string
}

const EXPECTED_ID = 'expected the id of a link of a token, as issueToken and describeToken return it'
/** The id of a token's link. A token in its place is not repeated in the message. */
export const linkId = z.string({ error: EXPECTED_ID }).regex(LINK_ID, EXPECTED_ID)

const targetShape = z
  .strictObject({ subject: z.string().min(1, 'expected a subject').optional(), token: linkId.optional() })
  .refine(({ subject, token }) => subject === undefined || token === undefined, 'expected a subject or a token')

/**
 * Reads what to pause or resume; undefined for the whole guard.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function stopTarget(guard: string, target: PauseTarget = {}): StopTarget | undefined {
  const { subject, token } = check(targetShape, target, 'target')
  if (subject !== undefined) return { fact: subjectPauseOf(guard, subject), subject, what: '' }
  if (token === undefined) return undefined
  return { fact: tokenPauseOf(guard, token), what: `The link ${token} of tokens. ` }
}

/**
 * The reason for a pause, as a sentence.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function pauseReason(reason: string | undefined): string {
  const text = check(z.string({ error: 'expected a sentence' }).optional(), reason, 'reason')
  return printable(text?.trim() || 'It was paused by hand.', MAX_REASON_LENGTH)
}
