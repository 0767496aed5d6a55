import { createHash } from 'node:crypto'
import { isTime } from '../../base/clock.js'
import { type Code, type DeniedError, printable } from '../../base/errors.js'
import { frozenCopy } from '../../base/frozen.js'
import type { FactName, Ledger, PauseReason, ReserveResult } from '../../ledger/ledger.js'
import { denied } from '../errors.js'
import type { HolderPause } from '../types.js'

/*
 * What forbids every solve of one token or one subject: facts of the ledger, which each reserve checks in the same
 * operation as its budgets. So a revocation holds for all processes from the moment at which it is written.
 */

const REVOKED = 'revoked'
const PAUSED = 'paused'

/**
 * The id of the budget of a token's link. It has all links before it: a holder chooses the ids of the links that it
 * adds, and must not draw on the budget of another token. No grant of another kind has it: names have no `~`.
 * @param above the id of the budget above it
 */
export function linkBudgetId(above: string, linkId: string): string {
  return `${above}/~${linkId}`
}

/** Every fact that forbids the solves of a grant with these subjects and links; undefined for a grant with none. */
export function stopsOf(
  guard: string,
  subjects: readonly string[],
  links: readonly { readonly id: string }[],
): readonly FactName[] | undefined {
  if (subjects.length === 0 && links.length === 0) return undefined
  return frozenCopy([
    ...links.flatMap(({ id }) => [revocationOf(guard, id), tokenPauseOf(guard, id)]),
    ...subjects.map((subject) => subjectPauseOf(guard, subject)),
  ])
}

/** All that is stopped under a guard's name now. */
export async function readStops(
  ledger: Pick<Ledger, 'listFacts'>,
  guard: string,
  now: number,
): Promise<{ of(stop: FactName): PauseReason | undefined }> {
  const scopes = [`${REVOKED}/${guard}`, `${PAUSED}/${guard}`]
  const facts = await Promise.all(scopes.map(async (scope) => ledger.listFacts(scope, now)))
  return {
    of({ scope, name }) {
      const fact = facts[scopes.indexOf(scope)]?.find((each) => each.name === name)
      return fact && readStop(fact.value)
    },
  }
}

/** The revocation of a link of tokens, and so of every token that has it. */
export function revocationOf(guard: string, linkId: string): FactName {
  return { scope: `${REVOKED}/${guard}`, name: linkId }
}

/** The pause of a link of tokens. */
export function tokenPauseOf(guard: string, linkId: string): FactName {
  return { scope: `${PAUSED}/${guard}`, name: `token ${linkId}` }
}

/** The pause of a subject. Hashed, because a subject may be longer than the name of a fact. */
export function subjectPauseOf(guard: string, subject: string): FactName {
  const digest = createHash('sha256').update(String(subject)).digest('hex')
  return { scope: `${PAUSED}/${guard}`, name: `subject ${digest.slice(0, 32)}` }
}

/** A reason as the value of such a fact. @param subject the subject that it stops, for the status */
export function stopValue(reason: PauseReason, subject?: string): string {
  const shown = subject === undefined ? [] : [printable(String(subject), 200)]
  return JSON.stringify([reason.code, reason.message.slice(0, 500), reason.at, ...shown])
}

/** The subjects and tokens that are paused under a guard's name, the latest last. */
export async function listPauses(
  ledger: Pick<Ledger, 'listFacts'>,
  guard: string,
  now: number,
): Promise<readonly HolderPause[]> {
  const facts = await ledger.listFacts(`${PAUSED}/${guard}`, now)
  const pauses = facts.map(({ name, value }): HolderPause => {
    const reason = readStop(value)
    return name.startsWith('token ')
      ? { token: name.slice('token '.length), reason }
      : { subject: subjectIn(value), reason }
  })
  return frozenCopy(pauses.sort((a, b) => a.reason.at - b.reason.at))
}

function subjectIn(value: string): string {
  try {
    const [, , , subject] = JSON.parse(value) as unknown[]
    return typeof subject === 'string' ? subject : ''
  } catch {
    return ''
  }
}

/** The reason in such a fact. Other processes wrote it, so it may have any form. */
function readStop(value: string): PauseReason {
  try {
    const [code, message, at] = JSON.parse(value) as unknown[]
    if (typeof code === 'string' && typeof message === 'string' && isTime(at)) return { code, message, at }
  } catch {}
  return { code: 'MANUAL', message: 'no reason was recorded.', at: 0 }
}

/** Stands for the fact that forbids a reservation where the ledger does not name it. */
const UNNAMED = { scope: PAUSED, name: 'token', value: '{}' }

/** The denial for a reservation that a fact forbids. */
export function stopDenial({ fact }: Pick<Extract<ReserveResult, { ok: false }>, 'fact'>): DeniedError {
  const { scope, name, value } = fact ?? UNNAMED
  const { code, message, at } = readStop(value)
  const since = new Date(at).toISOString()
  if (scope.startsWith(`${REVOKED}/`)) {
    return deny('TOKEN_REVOKED', `The token was revoked at ${since}: its link ${name}. Issue a new one.`, {
      link: name,
    })
  }
  const [kind = name, id = ''] = name.split(' ')
  const remedy = `Call guard.resume({ ${kind}: … }) when the cause is fixed.`
  return deny('GUARD_PAUSED', `The ${kind} is paused since ${since}: ${message} ${remedy}`, {
    [kind]: id,
    reason: code,
  })
}

function deny(code: Code, message: string, details: Readonly<Record<string, string>>): DeniedError {
  return denied(code, message, undefined, { details })
}
