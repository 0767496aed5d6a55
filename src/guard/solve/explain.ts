import { type AnyChallenge, isPicture } from '../../base/challenge.js'
import { DeniedError, LAYERS, type Layer, SolveguardError } from '../../base/errors.js'
import type { Ledger, ReserveResult } from '../../ledger/ledger.js'
import { formatMs } from '../../policy/duration.js'
import { formatTime } from '../../policy/format-time.js'
import { originOf } from '../../policy/origin.js'
import type { GrantContext } from '../admission/grant-context.js'
import { parseChallenge } from '../admission/parse-challenge.js'
import { closed, ledgerDown } from '../errors.js'
import type { Recorder } from '../observability/recorder.js'
import type { GuardContext } from '../ports.js'
import type { LayerVerdict, Verdict } from '../types.js'
import { testKeyAnswer } from './free-answer.js'
import { isProofOfWork } from './proof-of-work.js'
import { denialOf, mayWait } from './reserve.js'
import { type AccountPreview, type AccountSelector, noAccountError } from './select-account.js'

/** What an explanation needs from the guard. */
export interface ExplainDeps extends Pick<GuardContext, 'clock' | 'closed'> {
  readonly ledger: Pick<Ledger, 'preview'>
  readonly recorder: Pick<Recorder, 'lastError'>
}

/** What a URL stands for. The sitekey is made up. */
const WIDGET_OF_URL = { family: 'recaptcha', variant: 'v2-checkbox', sitekey: 'any' } as const

/** How long ago a moment may be that still counts as now, in ms. */
const PAST_MS = 1_000

const NO_PAST = 'What counted then is not known: a ledger keeps what counts now.'

/**
 * What each layer would say to a solve, by the same code as the solve, without anything that a solve does.
 * @param at wall-clock ms; undefined: now, however long the ledger takes
 * @param checkPage throws the denial of the page load
 * @throws SolveguardError `CHALLENGE_INVALID`, `GUARD_CLOSED`
 */
export async function explain(
  deps: ExplainDeps,
  selector: Pick<AccountSelector, 'preview'>,
  grant: GrantContext,
  challengeOrUrl: AnyChallenge | string,
  at: number | undefined,
  checkPage: () => void,
): Promise<Verdict> {
  if (deps.closed) throw closed()
  const { challenge, findings, free } = explainFreeLayers(grant, challengeOrUrl, at ?? deps.clock.now(), checkPage)
  if (free !== undefined)
    for (const layer of ['secret', 'network', 'spending'] as const) findings.note(layer, free, true)
  else await explainAccounts(deps, selector, grant, challenge, at, findings)
  const { lastError } = deps.recorder
  if (lastError) findings.deny(new DeniedError('AUDIT_UNAVAILABLE', lastError.message))
  findings.note('audit', 'Whether the record can be written is known when it is written.')
  return findings.verdict()
}

/**
 * What the layers say that need nothing but the policy, and why the challenge costs nothing, if so.
 * @param checkPage throws the denial of the page load
 * @throws SolveguardError `CHALLENGE_INVALID`
 */
export function explainFreeLayers(
  grant: Pick<GrantContext, 'gate' | 'policy'>,
  challengeOrUrl: AnyChallenge | string,
  at: number,
  checkPage: () => void,
) {
  const isUrl = typeof challengeOrUrl === 'string'
  const challenge = parseChallenge(isUrl ? { ...WIDGET_OF_URL, pageUrl: challengeOrUrl } : challengeOrUrl)
  const findings = new Findings()
  const { pageUrl, frameUrl } = challenge
  findings.deny(grant.gate.originDenial('page', pageUrl))
  if (frameUrl !== undefined) findings.deny(grant.gate.originDenial('frame', frameUrl))
  findings.attempt(() => grant.gate.admitTime(at))
  const free = findings.attempt(() => whyFree(grant, challenge))
  // A free answer does not count for its page.
  if (free === undefined) findings.attempt(checkPage)
  return { challenge, findings, free }
}

/** Why a challenge costs nothing, if so: then neither a key nor a budget is asked. */
function whyFree(grant: Pick<GrantContext, 'policy'>, challenge: AnyChallenge): string | undefined {
  if (isPicture(challenge)) return undefined
  if (isProofOfWork(challenge)) return 'Not asked: the browser computes this proof of work at no cost.'
  return testKeyAnswer(grant, challenge) && 'Not asked: the sitekey is a test key, which is answered at no cost.'
}

/** Tries the accounts in their order, as a solve does: where one cannot take the challenge, the next one. */
async function explainAccounts(
  deps: ExplainDeps,
  selector: Pick<AccountSelector, 'preview'>,
  grant: GrantContext,
  challenge: AnyChallenge,
  at: number | undefined,
  findings: Findings,
): Promise<void> {
  const rejected: SolveguardError[] = []
  for (let from = 0; ; ) {
    const moment = at ?? deps.clock.now()
    const preview = findings.attempt(() => selector.preview(grant, challenge, from, rejected, moment))
    if (!preview) {
      if (rejected.length > 0) findings.deny(noAccountError(rejected))
      for (const layer of ['secret', 'network', 'spending'] as const) {
        findings.note(layer, 'Not asked: no account takes this challenge.')
      }
      return
    }
    const denial = await explainBudgets(deps, grant, challenge, preview, at, findings)
    const { account, key, unknown, index } = preview
    const own = account.ownBudgetIds(key)
    if (denial && own.some((id) => id === denial.details?.budgetId)) {
      rejected.push(denial)
      from = index + 1
      continue
    }
    if (unknown.secret !== undefined) findings.note('secret', unknown.secret)
    if (unknown.network !== undefined) findings.note('network', unknown.network)
    findings.deny(denial)
    return
  }
}

/** The denial of the budgets on the path, if they deny it at that time. */
async function explainBudgets(
  { ledger, clock }: ExplainDeps,
  grant: GrantContext,
  challenge: AnyChallenge,
  { account, price, key }: AccountPreview,
  moment: number | undefined,
  findings: Findings,
): Promise<DeniedError | undefined> {
  const page = originOf(challenge.pageUrl)
  if (!page.ok) {
    findings.note('spending', 'Not asked: a page without an origin has no budget.')
    return undefined
  }
  const now = clock.now()
  const at = moment ?? now
  const { amount } = price
  let result: ReserveResult
  try {
    const path = account.path(grant.claims(page.origin, now), key, now)
    result = await ledger.preview({ path, amount, unless: grant.unless }, now)
  } catch (error) {
    return ledgerDown(error)
  }
  if (result.ok) {
    if (at < now - PAST_MS) findings.note('spending', NO_PAST)
    else if (at > now) findings.note('spending', 'If nothing else is spent until then.', true)
    return undefined
  }
  const { reason, retryAt } = result
  const isLater = retryAt !== undefined && at >= retryAt
  const waitMs = grant.policy.budget.waitMs ?? 0
  if (isLater) {
    findings.note('spending', `There is capacity from ${formatTime(retryAt)} on, if nothing else is spent.`, true)
    return undefined
  }
  // An amount above the cap never has capacity. Everything else may have been different at an earlier time.
  if (at < now - PAST_MS && !(reason === 'perDay' && retryAt === undefined)) {
    findings.note('spending', NO_PAST)
    return undefined
  }
  if (result.declaredBy && at >= now + result.declaredBy.endsInMs) {
    findings.note('spending', 'By then a tighter limit, which another process declared, may have ended.')
    return undefined
  }
  const denial = denialOf(result, { amount, account, key }, now)
  if (waitMs > 0 && mayWait(result) && (reason === 'concurrent' || (retryAt ?? at) - at <= waitMs)) {
    const message = `It would wait up to ${formatMs(waitMs)} for capacity: ${denial.message}`
    findings.note('spending', message, reason !== 'concurrent')
    return undefined
  }
  return denial
}

/** What the layers say, collected. The first error is the one that a solve throws. */
class Findings {
  #first: SolveguardError | undefined
  readonly #denials = new Map<Layer, SolveguardError>()
  readonly #notes = new Map<Layer, { readonly message: string; readonly checked: boolean }>()

  deny(error: SolveguardError | undefined): void {
    if (!error) return
    this.#first ??= error
    if (error.layer && !this.#denials.has(error.layer)) this.#denials.set(error.layer, error)
  }

  /** The result of one step of a solve; undefined if it throws, which is a finding. */
  attempt<T>(step: () => T): T | undefined {
    try {
      return step()
    } catch (error) {
      if (!(error instanceof SolveguardError)) throw error
      this.deny(error)
      return undefined
    }
  }

  /** What the answer of a layer depends on. The first note of each counts. */
  note(layer: Layer, message: string, checked = false): void {
    if (!this.#notes.has(layer)) this.#notes.set(layer, { message, checked })
  }

  verdict(): Verdict {
    const first = this.#first
    const layers = LAYERS.map((layer): LayerVerdict => {
      const note = this.#notes.get(layer)
      const denial = this.#denials.get(layer)
      if (!denial) return { layer, ok: true, checked: note?.checked ?? true, ...(note && { message: note.message }) }
      return { layer, ok: false, checked: layer !== 'audit', ...reasonOf(denial) }
    })
    return { allowed: first === undefined, ...(first && reasonOf(first)), layers }
  }
}

function reasonOf({ code, message, retryAt }: SolveguardError): Pick<LayerVerdict, 'code' | 'message' | 'retryAt'> {
  return { code, message, ...(retryAt && { retryAt }) }
}
