import { z } from 'zod'
import type { DenialLog } from '../../audit/denials.js'
import { type Code, DeniedError } from '../../base/errors.js'
import { MissLimit } from '../../base/miss-limit.js'
import type { NewFact, PauseReason } from '../../ledger/ledger.js'
import { durationMs } from '../../policy/duration.js'
import { check, type NarrowingInput } from '../../policy/schema.js'
import { duration } from '../../policy/shapes.js'
import { subjectShape, type TokenLink, wireShape } from '../../tokens/claims.js'
import { handleName, isHandle, newHandle, openToken, sealToken } from '../../tokens/handle.js'
import { signNewToken } from '../../tokens/issue.js'
import type { SigningKeys } from '../../tokens/keys.js'
import { tokenPolicy } from '../../tokens/policy.js'
import { checkTimes, type VerifiedToken, verifyToken } from '../../tokens/verify.js'
import { asLedgerError } from '../errors.js'
import type { Recorder } from '../observability/recorder.js'
import type { GuardContext, KeyClock } from '../ports.js'
import { linkBudgetId, revocationOf, stopValue } from '../spending/stops.js'
import type { IssuedToken, TokenOptions } from '../types.js'
import { RedactedToken } from './issued-token.js'
import { RecentMap } from './recent-map.js'
import { type RevocationCheck, Revocations } from './revocations.js'
import { linkId, type StopTarget } from './stop-target.js'

const DEFAULT_TTL_MS = durationMs('15m')
const MAX_TTL_MS = durationMs('30d')
/**
 * How long a revocation is kept: longer than any token is valid, by as much as the clocks of two machines may differ.
 */
const REVOKED_MS = MAX_TTL_MS + durationMs('1d')
/** How long a pause of a subject or a token is kept: ten years. A fact of a ledger has an end. */
const PAUSED_MS = 10 * 365 * durationMs('1d')
/** For how many handles a process remembers the token. */
const MAX_HANDLES = 1_000
/** How many unknown handles the ledger is asked for in a second: any client can make them up. */
const MAX_UNKNOWN_HANDLES = 100
/** For how long after its expiry a token still fetches what it has submitted: longer than any task is kept. */
const FETCH_AFTER_EXPIRY_MS = durationMs('3h')
/** How old the knowledge of revocations may be for a poll, in ms: polls are most of the traffic of a broker. */
const POLL_AGE_MS = 100

/**
 * What a token is verified for. `spend`: a reservation, which looks for revocations itself; `read`: to read
 * something; `fetch`: to get what the token has paid for; `poll`: the same, while there is probably nothing to get yet;
 * `describe`: to show its state, whether it is revoked or not.
 */
export type TokenPurpose = 'spend' | 'read' | 'fetch' | 'poll' | 'describe'

interface PurposeRules extends RevocationCheck {
  /** For how long after its expiry a token is accepted, in ms. */
  readonly afterExpiryMs: number
}

const PURPOSES: Readonly<Record<Exclude<TokenPurpose, 'describe'>, PurposeRules>> = {
  spend: { afterExpiryMs: 0, maxAgeMs: Number.POSITIVE_INFINITY, staleOk: true },
  read: { afterExpiryMs: 0, maxAgeMs: 0, staleOk: false },
  fetch: { afterExpiryMs: FETCH_AFTER_EXPIRY_MS, maxAgeMs: 0, staleOk: true },
  poll: { afterExpiryMs: FETCH_AFTER_EXPIRY_MS, maxAgeMs: POLL_AGE_MS, staleOk: true },
}

/** The options of `issueToken`. */
export const tokenOptionsShape = z.strictObject({
  ttl: duration.refine((ms) => ms >= 1000 && ms <= MAX_TTL_MS, 'expected 1s to 30d').optional(),
  subject: subjectShape.optional(),
  wire: wireShape.optional(),
  handle: z.boolean({ error: 'expected true or false' }).optional(),
})

/** What tokens need from the guard. */
export interface GuardTokensDeps extends Pick<GuardContext, 'name' | 'clock' | 'ledger'>, KeyClock {
  readonly recorder: Pick<Recorder, 'writeOrDeny' | 'write'>
  readonly denials: Pick<DenialLog, 'add'>
  /** How many calls were denied, by code. */
  readonly denialCounts: Map<Code, number>
}

/** The budgets of a token's links, widest first. */
function pathOf(guard: string, links: readonly TokenLink[]): readonly string[] {
  const path = [guard]
  for (const { id } of links) path.push(linkBudgetId(path.at(-1) ?? guard, id))
  return path
}

/** The tokens of a guard: what is signed, and what the ledger keeps of them. */
export class GuardTokens {
  readonly #deps: GuardTokensDeps
  readonly #keys: SigningKeys
  /** The time zone of calendar days, where a policy names none. */
  readonly #zone: string
  /** The tokens of handles. What is revoked is in the ledger, so a token may be remembered. */
  readonly #byHandle = new RecentMap<string>(MAX_HANDLES)
  readonly #revocations: Revocations
  /** Handles that are not known. */
  readonly #unknown: MissLimit

  constructor(deps: GuardTokensDeps, keys: SigningKeys, zone: string) {
    this.#deps = deps
    this.#revocations = new Revocations(deps)
    this.#unknown = new MissLimit(deps.clock, MAX_UNKNOWN_HANDLES)
    this.#keys = keys
    this.#zone = zone
  }

  /**
   * @param tryGrant makes the grant that the token would stand for, so that a policy that this guard cannot have is
   *   refused now
   */
  async issue(
    policy: NarrowingInput,
    options: TokenOptions = {},
    tryGrant: (link: TokenLink, expiresAt: number) => unknown,
  ): Promise<IssuedToken> {
    const checked = check(tokenOptionsShape, options, 'issueToken')
    const { ttl: ttlMs = DEFAULT_TTL_MS, subject, wire, handle: hasHandle } = checked
    const { name, clock, recorder } = this.#deps
    const { input, policy: narrowing } = tokenPolicy(policy, 'issuer', this.#zone)
    const now = clock.now()
    const key = await this.#keys.current()
    const { token, id, expiresAt } = signNewToken({ audience: name, subject, wire, now, ttlMs, policy: input }, key)
    tryGrant({ id, subject, wire, expiresAt, policy: narrowing }, expiresAt)
    const handle = hasHandle ? newHandle() : undefined
    const sealed = handle && sealToken(token, handle, name)
    const message = `Valid until ${new Date(expiresAt).toISOString()}.`
    await recorder.writeOrDeny({
      action: 'issued',
      at: now,
      guard: name,
      path: [name, linkBudgetId(name, id)],
      subject,
      message,
    })
    if (handle !== undefined && sealed !== undefined) await this.#keepHandle(handle, token, sealed, expiresAt - now)
    return new RedactedToken(token, handle, id, expiresAt)
  }

  /** Makes a handle for a token that there is. */
  async issueHandle(token: string): Promise<IssuedToken> {
    const { name, clock, recorder } = this.#deps
    const { links, expiresAt } = await this.verify(token, 'read')
    const now = clock.now()
    const { id, subject } = links.at(-1) ?? links[0]
    const handle = newHandle()
    const sealed = sealToken(token, handle, name)
    await recorder.writeOrDeny({
      action: 'issued',
      at: now,
      guard: name,
      path: pathOf(name, links),
      subject,
      message: `A handle, valid until ${new Date(expiresAt).toISOString()}.`,
    })
    await this.#keepHandle(handle, token, sealed, expiresAt - now)
    return new RedactedToken(token, handle, id, expiresAt)
  }

  async #keepHandle(handle: string, token: string, sealed: string, ttlMs: number): Promise<void> {
    await this.#setFact({ ...this.#handleFact(handle), value: sealed, ttlMs })
    this.#byHandle.set(handle, token)
  }

  /**
   * The token that a text stands for.
   * @throws DeniedError `HANDLE_UNKNOWN`, `LEDGER_UNAVAILABLE`; `RATE_EXCEEDED` while too many unknown ones are tried
   */
  async resolve(text: string): Promise<string> {
    // Verifying says what is wrong with it.
    if (typeof text !== 'string') return text
    const known = this.tokenOf(text)
    if (known !== undefined) return known
    const { name, clock, ledger } = this.#deps
    const { scope } = this.#handleFact(text)
    const token = await this.#unknown.ask(
      async () => {
        const [fact] = await this.#ask(() => ledger.listFacts(scope, clock.now()))
        return fact && openToken(fact.value, text, name)
      },
      () => {
        const message = `${MAX_UNKNOWN_HANDLES} handles that are not known were tried within a second: try again.`
        throw new DeniedError('RATE_EXCEEDED', message, { retryAt: new Date(clock.now() + 1_000) })
      },
    )
    if (token === undefined) {
      throw new DeniedError(
        'HANDLE_UNKNOWN',
        `The ledger ${ledger.place ?? ledger.kind} has no token for this handle: it has expired, was never issued, or ` +
          'belongs to a guard of another name or ledger. Have a new one issued.',
      )
    }
    this.#byHandle.set(text, token)
    return token
  }

  /**
   * @param known the same token, as it was verified before: its signature need not be checked again
   * @throws as `Guard.verifyToken`
   */
  async verify(token: string, purpose: TokenPurpose, known?: VerifiedToken): Promise<VerifiedToken> {
    const verified = known ?? (await verifyToken(token, this.#deps.name, this.#keys))
    // A key that was taken out of the store since ends its tokens.
    if (known !== undefined) await this.#keys.find(known.kid)
    this.#checkTimes(verified, purpose)
    if (purpose === 'describe') return verified
    await this.#ask(() => this.#revocations.check(verified.links, PURPOSES[purpose]))
    return verified
  }

  /**
   * The same, for a token that was verified before, where nothing has to be waited for: submits and polls are most of
   * the traffic of a broker.
   *
   * @returns false where the store of the keys, or the ledger, has to be asked
   * @throws as `Guard.verifyToken`
   */
  isGoodNow(verified: VerifiedToken, purpose: TokenPurpose): boolean {
    if (purpose === 'describe' || !this.#keys.isFresh(verified.kid)) return false
    const { staleOk, maxAgeMs } = PURPOSES[purpose]
    if (!staleOk || !this.#revocations.isKnown(maxAgeMs)) return false
    this.#checkTimes(verified, purpose)
    this.#revocations.checkKnown(verified.links)
    return true
  }

  /** The token that a text stands for, where this process knows it. */
  tokenOf(text: string): string | undefined {
    return isHandle(text) ? this.#byHandle.get(text) : text
  }

  #checkTimes(verified: VerifiedToken, purpose: TokenPurpose): void {
    const { afterExpiryMs } = PURPOSES[purpose === 'describe' ? 'spend' : purpose]
    checkTimes(verified, { now: this.#deps.clock.now(), keyTime: this.#deps.keyTime() - afterExpiryMs })
  }

  /** Counts a denial of `verifyToken`, and records it: the first of its kind at once, others like it together. */
  denied({ code, layer, message, retryAt }: DeniedError): void {
    const { name, clock, denials, denialCounts } = this.#deps
    denialCounts.set(code, (denialCounts.get(code) ?? 0) + 1)
    denials.add({ action: 'denied', at: clock.now(), guard: name, code, layer, message, retryAt: retryAt?.getTime() })
  }

  /** Takes effect before it is recorded: a record that cannot be written must not keep a stolen token alive. */
  async revoke(id: string): Promise<void> {
    const { name, clock, recorder } = this.#deps
    const link = check(linkId, id, 'id')
    const at = clock.now()
    const reason = { code: 'TOKEN_REVOKED', message: 'The token was revoked.', at }
    const fact = { ...revocationOf(name, link), value: stopValue(reason), ttlMs: REVOKED_MS, ifAbsent: true }
    this.#revocations.add(link, await this.#setFact(fact))
    const message = `Revoked: the link ${link}, and every token that has it.`
    recorder.write({ action: 'revoked', at, guard: name, code: reason.code, message })
  }

  async pause(message: string, { fact, subject, what }: StopTarget): Promise<void> {
    const { name, clock, recorder } = this.#deps
    const reason: PauseReason = { code: 'MANUAL', message, at: clock.now() }
    const value = stopValue(reason, subject)
    // The first reason is kept, as with a guard's own pause.
    const kept = await this.#setFact({ ...fact, value, ttlMs: PAUSED_MS, ifAbsent: true })
    if (kept !== value) return
    recorder.write({
      action: 'paused',
      at: reason.at,
      guard: name,
      subject,
      code: reason.code,
      message: what + message,
    })
  }

  async resume({ fact, subject, what }: StopTarget): Promise<void> {
    const { name, clock, recorder } = this.#deps
    await recorder.writeOrDeny({ action: 'resumed', at: clock.now(), guard: name, subject, message: what || undefined })
    await this.#setFact({ ...fact, value: '', ttlMs: 0 })
  }

  open(): void {
    this.#keys.open()
  }

  close(): void {
    this.#keys.close()
  }

  /** A scope for each handle: listing a scope lists all that is in it. */
  #handleFact(handle: string): { readonly scope: string; readonly name: string } {
    return { scope: `handle/${this.#deps.name}/${handleName(handle)}`, name: 'token' }
  }

  #setFact(fact: NewFact): Promise<string> {
    const { ledger, clock } = this.#deps
    return this.#ask(() => ledger.setFact(fact, clock.now()))
  }

  async #ask<T>(call: () => T | Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw asLedgerError(error)
    }
  }
}
