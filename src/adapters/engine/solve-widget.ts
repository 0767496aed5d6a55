import type { Challenge } from '../../base/challenge.js'
import { DeniedError, SolveguardError } from '../../base/errors.js'
import type { Solution } from '../../guard/types.js'
import type { Policy } from '../../policy/schema.js'
import { injectCall, isSameDocumentCall, notifyPageCall, releaseCall } from '../../widgets/calls.js'
import { parseResult } from '../../widgets/parse.js'
import { WIDGETS } from '../../widgets/table.js'
import { isBlockingTestKey } from '../../widgets/test-keys.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import { watchDocument } from './document-watcher.js'
import type { Place } from './finder.js'
import { ownerOf } from './frame-url.js'
import { pageGone, widgetGone } from './page-errors.js'
import { ownWork } from './proof-of-work.js'
import type { Outcome, SkipReason } from './result.js'
import { evaluateWithin, sleep } from './timeouts.js'
import type { SolveTools } from './tools.js'

const DEFAULT_GRACE_MS = 3_000

/**
 * Why a widget that was found is none to be solved now; undefined if it is.
 * @param renewed how often it was solved anew because its token had expired
 */
export function whyNot(
  challenge: FoundChallenge,
  { recaptchaV3, testKeys, renewals = 0 }: Pick<Policy, 'recaptchaV3' | 'testKeys' | 'renewals'>,
  renewed: number,
): SkipReason | undefined {
  if (challenge.answered) return 'answered'
  if (testKeys === 'answer' && isBlockingTestKey(challenge)) return 'blocking-test-key'
  const interaction = WIDGETS[challenge.family].interaction(challenge)
  if (interaction === 'passive') return recaptchaV3 === 'solve' && challenge.due ? undefined : 'passive'
  if (challenge.due) return challenge.expired && renewed >= renewals ? 'expired' : undefined
  if (interaction === 'proof-of-work') return challenge.visible ? 'passive' : 'hidden'
  return interaction === 'may-pass' && !challenge.executed ? 'not-executed' : 'hidden'
}

/**
 * Sees one widget through: the grace if it may yet pass by itself, the solve, the solution into the page. Settles with an
 * outcome; rejects only with errors that are not of our family.
 *
 * @param onlyIfDue false where the caller asked for this very widget, whatever its state
 * @param signal aborts; what was already submitted the core follows to its end
 */
export async function solveWidget(
  tools: SolveTools,
  place: Place,
  onlyIfDue: boolean,
  signal: AbortSignal,
): Promise<Outcome> {
  const { challenge } = place
  const gone = watchDocument(tools, place)
  let solution: Solution | undefined
  try {
    if (onlyIfDue) {
      const reason = await waitOutGrace(tools, place, AbortSignal.any([signal, gone.signal]))
      if (reason) return { kind: 'skipped', challenge, reason }
    }
    const standing = await tools.finder.again(place)
    if (!standing) throw await missing(tools, place)
    if (onlyIfDue && standing.answered) return { kind: 'skipped', challenge, reason: 'answered' }

    const abort = AbortSignal.any([signal, gone.signal])
    if (WIDGETS[challenge.family].interaction(challenge) === 'proof-of-work') {
      const work = (until: AbortSignal) => ownWork(tools, place, until)
      solution = await tools.grant.solve(challengeOf(challenge), { signal: abort, work, pageLoad: place.load })
      return { kind: 'solved', challenge, solution }
    }
    const fresh = await tools.freshen(challenge, place.page, abort)
    solution = await tools.grant.solve(challengeOf(fresh), { signal: abort, pageLoad: place.load })
    await inject(tools, place, solution, !standing.answered)
    tools.grant.injected(solution, { ok: true })
    return { kind: 'solved', challenge, solution }
  } catch (thrown) {
    await release(tools, place)
    if (!(thrown instanceof SolveguardError)) throw thrown
    const error = gone.signal.aborted && thrown.code === 'SOLVE_ABORTED' ? pageGone() : thrown
    if (solution) tools.grant.injected(solution, { ok: false, error })
    return error instanceof DeniedError
      ? { kind: 'denied', challenge, error }
      : { kind: 'failed', challenge, error, solution }
  } finally {
    gone.stop()
  }
}

/** Gives a widget that may pass by itself the time to do so. Says why there is nothing left to solve. */
async function waitOutGrace(tools: SolveTools, place: Place, signal: AbortSignal): Promise<SkipReason | undefined> {
  const { challenge } = place
  const graceMs = tools.grant.policy.graceMs ?? DEFAULT_GRACE_MS
  if (WIDGETS[challenge.family].interaction(challenge) !== 'may-pass' || graceMs === 0) return undefined
  await sleep(tools.clock, graceMs, signal)
  const now = signal.aborted ? undefined : await tools.finder.again(place)
  if (!now) return 'removed'
  if (now.answered) return 'auto-passed'
  return now.due ? undefined : 'auto-passed'
}

/** Puts a solution into the page, and then tells the page. */
async function inject(tools: SolveTools, place: Place, solution: Solution, unlessAnswered: boolean): Promise<void> {
  const { frame, page, id, challenge, owner } = place
  if (page.isClosed() || frame.isDetached() || ownerOf(frame) !== owner) throw pageGone()
  const leftMs = solution.expiresAt.getTime() - tools.clock.now()
  const livesMs = Math.max(0, Math.min(WIDGETS[challenge.family].tokenLifetimeMs, leftMs))
  const { token, fields = {} } = solution
  const addresses = [frame.url(), challenge.frameUrl ?? challenge.pageUrl]
  const call = injectCall(addresses, id, { token, fields, livesMs, unlessAnswered })
  const reply = await evaluateWithin(tools.clock, frame, call, tools.evaluateMs)
  if (!reply.ok && reply.why === 'timeout') {
    throw new SolveguardError('PAGE_UNRESPONSIVE', 'The page did not take the solution in time; it was paid for.')
  }
  if (!reply.ok || reply.value === null) throw pageGone()
  const result = parseResult(reply.value)
  if (result === 'page-gone') throw pageGone()
  if (result === 'answered') {
    throw new SolveguardError(
      'WIDGET_GONE',
      'The widget was answered by somebody else meanwhile; it was left as it is.',
    )
  }
  if (result !== 'ok') throw widgetGone()
  // From here on the solution is in the page. Its callback may well submit the form and so end the document, or take
  // its time: neither takes anything back.
  await evaluateWithin(tools.clock, frame, notifyPageCall(id), tools.evaluateMs)
}

/** Lets go on what is held in the page for a solution that will not come. */
async function release(tools: SolveTools, { frame, page, id, challenge }: Place): Promise<void> {
  if (WIDGETS[challenge.family].interaction(challenge) !== 'passive') return
  if (page.isClosed() || frame.isDetached()) return
  await evaluateWithin(tools.clock, frame, releaseCall(id), tools.evaluateMs)
}

async function missing(tools: SolveTools, { page, frame, id }: Place): Promise<SolveguardError> {
  if (page.isClosed() || frame.isDetached()) return pageGone()
  const reply = await evaluateWithin(tools.clock, frame, isSameDocumentCall(id), tools.evaluateMs)
  if (!reply.ok && reply.why === 'timeout') {
    return new SolveguardError('PAGE_UNRESPONSIVE', 'The page does not answer; nothing was spent on it.')
  }
  return reply.ok && parseResult(reply.value) === 'ok' ? widgetGone() : pageGone()
}

/** Only what a solver has to know. */
function challengeOf({ id, visible, answered, executed, due, expired, ...challenge }: FoundChallenge): Challenge {
  return challenge
}
