import type { Answer } from '../../base/challenge.js'
import { printable, SolveguardError } from '../../base/errors.js'
import { sleep } from '../../base/timeout.js'
import { proofOfWorkCall } from '../../widgets/calls.js'
import type { ProofOfWorkProgress } from '../../widgets/page-kit/protocol.js'
import { parseProofOfWork } from '../../widgets/parse.js'
import type { WidgetLocation } from './finder.js'
import { pageGone, pageUnresponsive, solveAborted, widgetGone } from './page-errors.js'
import type { SolveTools } from './tools.js'

const POLL_MS = 150

/**
 * Starts a widget's own proof of work and waits for its answer. Starts it again if the page resets the widget.
 *
 * @param signal ends the wait; the caller limits the time with it
 * @throws SolveguardError `WIDGET_FAILED`, `WIDGET_GONE`, `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `SOLVE_ABORTED`
 */
export async function runProofOfWork(tools: SolveTools, widget: WidgetLocation, signal: AbortSignal): Promise<Answer> {
  let begun = false
  for (;;) {
    const { state, token, reason } = await requestState(tools, widget, !begun)
    if (state === 'answered') return { token }
    if (state === 'needs-code') throw widgetFailed('it asks for a code from a picture, which only a person can read')
    if (state === 'failed' && begun) {
      throw widgetFailed(reason === '' ? 'it shows an error' : `it reports: ${printable(reason)}`)
    }
    begun = state === 'started' || state === 'working'
    await sleep(tools.clock, POLL_MS, signal)
    if (signal.aborted) throw solveAborted()
  }
}

async function requestState(
  tools: SolveTools,
  { page, frame, id }: WidgetLocation,
  begin: boolean,
): Promise<ProofOfWorkProgress> {
  if (page.isClosed() || frame.isDetached()) throw pageGone()
  const reply = await tools.frames.evaluate(page, frame, proofOfWorkCall(id, begin))
  if (!reply.ok && reply.reason === 'timeout') throw pageUnresponsive()
  const work = reply.ok && reply.value !== null ? parseProofOfWork(reply.value) : 'page-gone'
  if (work === 'page-gone') throw pageGone()
  if (typeof work !== 'object') throw widgetGone()
  return work
}

function widgetFailed(how: string): SolveguardError {
  return new SolveguardError('WIDGET_FAILED', `The widget did not reach an answer: ${how}.`)
}
