import type { Challenge } from '../../base/challenge.js'
import { DeniedError, SolveguardError } from '../../base/errors.js'
import { sleep } from '../../base/timeout.js'
import type { Solution } from '../../guard/types.js'
import type { Policy } from '../../policy/schema.js'
import { injectCall, isSameDocumentCall, notifyPageCall, padCall, releaseCall } from '../../widgets/calls.js'
import { type NotifyFailure, notifyFailureOf } from '../../widgets/notify-failure.js'
import { parseNotified, parsePad, parseResult } from '../../widgets/parse.js'
import { type Pad, seal, sealedLength } from '../../widgets/seal.js'
import { WIDGETS } from '../../widgets/table.js'
import { isBlockingTestKey } from '../../widgets/test-keys.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import { watchDocument } from './document-watcher.js'
import type { WidgetLocation } from './finder.js'
import { documentOriginOf } from './frame-url.js'
import { pageGone, pageUnresponsive, widgetGone } from './page-errors.js'
import { runProofOfWork } from './proof-of-work.js'
import type { Outcome, SkipReason } from './result.js'
import type { SolveTools } from './tools.js'
import { keepNotified } from './widget-details.js'

const DEFAULT_GRACE_MS = 3_000
/** Longer than the vendors' usual solutions. A longer one gets a pad of its own. */
const PAD_LENGTH = 4_096

/**
 * Why a widget that was found is not to be solved now; undefined if it is.
 * @param renewed how often it was solved again because its token had expired
 */
export function skipReason(
  challenge: FoundChallenge,
  { recaptchaV3, testKeys, renewals = 0 }: Pick<Policy, 'recaptchaV3' | 'testKeys' | 'renewals'>,
  renewed: number,
): SkipReason | undefined {
  if (challenge.copy) return 'copy'
  if (challenge.answered) return 'answered'
  if (challenge.blocked) return 'script-blocked'
  if (testKeys === 'answer' && isBlockingTestKey(challenge)) return 'blocking-test-key'
  const interaction = WIDGETS[challenge.family].interaction(challenge)
  if (interaction === 'passive') {
    if (recaptchaV3 !== 'solve') return 'passive'
    return challenge.due ? undefined : challenge.unheld ? 'not-held' : 'passive'
  }
  if (challenge.due) return challenge.expired && renewed >= renewals ? 'expired' : undefined
  if (interaction === 'proof-of-work') return challenge.visible ? 'passive' : 'hidden'
  return interaction === 'may-pass' && !challenge.executed ? 'not-executed' : 'hidden'
}

/**
 * Solves one widget: waits for the grace if the widget may still pass by itself, solves it, and injects the solution.
 * Resolves to an outcome; rejects only with errors that are no `SolveguardError`.
 *
 * @param onlyIfDue false if the caller asked for this widget, whatever its state
 * @param signal aborts the solve; the guard still follows a submitted task to its end
 */
export async function solveWidget(
  tools: SolveTools,
  widget: WidgetLocation,
  onlyIfDue: boolean,
  signal: AbortSignal,
): Promise<Outcome> {
  const { challenge } = widget
  const gone = watchDocument(tools, widget)
  let solution: Solution | undefined
  try {
    if (onlyIfDue) {
      const reason = await waitForGrace(tools, widget, AbortSignal.any([signal, gone.signal]))
      if (reason) return { kind: 'skipped', challenge, reason }
    }
    const [current, pad] = await Promise.all([tools.finder.rescan(widget), requestPad(tools, widget, PAD_LENGTH)])
    if (!current) throw await missingError(tools, widget)
    if (onlyIfDue && current.answered) return { kind: 'skipped', challenge, reason: 'answered' }

    const abort = AbortSignal.any([signal, gone.signal])
    if (WIDGETS[challenge.family].interaction(challenge) === 'proof-of-work') {
      solution = await tools.grant.solve(toChallenge(challenge), {
        signal: abort,
        runProofOfWork: (until) => runProofOfWork(tools, widget, until),
        pageLoad: widget.pageLoad,
      })
      return { kind: 'solved', challenge, solution, told: true }
    }
    if (!pad) throw await missingError(tools, widget)
    const fresh = await tools.refreshChallenge(challenge, widget.page, abort)
    solution = await tools.grant.solve(toChallenge(fresh), { signal: abort, pageLoad: widget.pageLoad })
    const notifyFailure = await inject(tools, widget, solution, pad, !current.answered)
    tools.grant.injected(solution, { ok: true, notifyFailure })
    return { kind: 'solved', challenge, solution, told: notifyFailure === undefined, notifyFailure }
  } catch (thrown) {
    await releaseHold(tools, widget)
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

/** Waits while a widget may pass by itself. Returns why nothing is left to solve, if so. */
async function waitForGrace(
  tools: SolveTools,
  widget: WidgetLocation,
  signal: AbortSignal,
): Promise<SkipReason | undefined> {
  const { challenge } = widget
  const graceMs = tools.grant.policy.graceMs ?? DEFAULT_GRACE_MS
  if (WIDGETS[challenge.family].interaction(challenge) !== 'may-pass' || graceMs === 0) return undefined
  await sleep(tools.clock, graceMs, signal)
  const now = signal.aborted ? undefined : await tools.finder.rescan(widget)
  if (!now) return 'removed'
  if (now.answered) return 'auto-passed'
  return now.due ? undefined : 'auto-passed'
}

/**
 * Draws a one-time pad in a widget's document. It is drawn before the solution is bought: then nothing is bought for a
 * page that does not reply, and a solution is in the page one call after it is there.
 *
 * @returns undefined if the document is gone: another one may have replied in its place
 */
async function requestPad(
  tools: SolveTools,
  { frame, page, documentSecret }: WidgetLocation,
  length: number,
): Promise<Pad | undefined> {
  if (page.isClosed() || frame.isDetached()) return undefined
  const reply = await tools.frames.evaluate(page, frame, padCall(length))
  return reply.ok ? parsePad(reply.value, documentSecret, length) : undefined
}

/**
 * Puts a solution into the page, then notifies the page. The solution is sealed: between any check and the call,
 * another document may take the place of the widget's, and read all that is evaluated in it.
 *
 * @returns why the page's own code does not know of it, if so
 */
async function inject(
  tools: SolveTools,
  widget: WidgetLocation,
  solution: Solution,
  firstPad: Pad,
  unlessAnswered: boolean,
): Promise<NotifyFailure | undefined> {
  const { frame, page, id, challenge, documentOrigin } = widget
  if (page.isClosed() || frame.isDetached() || documentOriginOf(frame) !== documentOrigin) throw pageGone()
  const leftMs = solution.expiresAt.getTime() - tools.clock.now()
  const lifetimeMs = Math.max(0, Math.min(WIDGETS[challenge.family].tokenLifetimeMs, leftMs))
  const { token, fields = {} } = solution
  const length = sealedLength({ token, fields })
  const pad = length <= firstPad.numbers.length ? firstPad : await requestPad(tools, widget, length)
  if (!pad) throw pageGone()
  const call = injectCall(id, seal({ token, fields, lifetimeMs, unlessAnswered }, pad))
  // Both are sent at once: the second runs as soon as the first has replied, earlier than a task of the page's own, for
  // which the page may draw first. Without a solution in the page it does nothing.
  const injecting = tools.frames.evaluate(page, frame, call)
  const notifying = tools.frames.evaluate(page, frame, notifyPageCall(id))
  const reply = await injecting
  if (!reply.ok && reply.reason === 'timeout') {
    throw new SolveguardError(
      'PAGE_UNRESPONSIVE',
      'The page did not reply to the solution in time; the solution was paid for.',
    )
  }
  if (!reply.ok || reply.value === null) throw pageGone()
  const result = parseResult(reply.value)
  if (result === 'page-gone') throw pageGone()
  if (result === 'answered') {
    throw new SolveguardError('WIDGET_GONE', 'The widget was answered during the solve; that answer stays.')
  }
  if (result !== 'ok') throw widgetGone()
  // The solution is in the page now, and its callback has been called by the time that this call replies. The callback
  // may submit the form and so end the document, or take long: neither is a failure.
  let notified = await notifying
  if (notified.ok && parseResult(notified.value) === 'page-gone') {
    // A tool may have run the two in the other order.
    notified = await tools.frames.evaluate(page, frame, notifyPageCall(id))
  }
  const outcome = notified.ok ? parseNotified(notified.value) : undefined
  keepNotified(solution, outcome)
  return notifyFailureOf(outcome)
}

/** Lets a held `execute` of the page continue without a solution. */
async function releaseHold(tools: SolveTools, { frame, page, id, challenge }: WidgetLocation): Promise<void> {
  if (WIDGETS[challenge.family].interaction(challenge) !== 'passive') return
  if (page.isClosed() || frame.isDetached()) return
  await tools.frames.evaluate(page, frame, releaseCall(id))
}

async function missingError(tools: SolveTools, { page, frame, id }: WidgetLocation): Promise<SolveguardError> {
  if (page.isClosed() || frame.isDetached()) return pageGone()
  const reply = await tools.frames.evaluate(page, frame, isSameDocumentCall(id))
  if (!reply.ok && reply.reason === 'timeout') {
    return pageUnresponsive()
  }
  return reply.ok && parseResult(reply.value) === 'ok' ? widgetGone() : pageGone()
}

/** Only the fields that a solver needs. */
function toChallenge({
  id,
  ambiguousWith,
  visible,
  answered,
  executed,
  due,
  expired,
  blocked,
  copy,
  unheld,
  ...challenge
}: FoundChallenge): Challenge {
  return challenge
}
