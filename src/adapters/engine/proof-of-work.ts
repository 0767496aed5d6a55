import type { Answer } from '../../base/challenge.js'
import { printable, SolveguardError } from '../../base/errors.js'
import { proofOfWorkCall } from '../../widgets/calls.js'
import type { ProofOfWorkProgress } from '../../widgets/page-kit/protocol.js'
import { parseProofOfWork } from '../../widgets/parse.js'
import type { WidgetLocation } from './finder.js'
import { pageGone, widgetGone } from './page-errors.js'
import { evaluateWithTimeout, sleep } from './timeouts.js'
import type { SolveTools } from './tools.js'

/** How often the page is asked how far it is. */
const POLL_MS = 150

/**
 * Has a widget do its own work, and waits for that: sets it off if it rests, and again if the page resets it.
 *
 * @param signal ends it; whoever calls bounds the time by it
 * @throws SolveguardError `WIDGET_FAILED`, `WIDGET_GONE`, `PAGE_GONE`, `PAGE_UNRESPONSIVE`, `SOLVE_ABORTED`
 */
export async function runProofOfWork(tools: SolveTools, widget: WidgetLocation, signal: AbortSignal): Promise<Answer> {
  let begun = false
  for (;;) {
    const { state, token, reason } = await requestState(tools, widget, !begun)
    if (state === 'answered') return { token }
    if (state === 'needs-code') throw widgetFailed('it asks for a code from a picture, which is a person’s to read')
    if (state === 'failed' && begun)
      throw widgetFailed(reason === '' ? 'it shows an error' : `it says: ${printable(reason)}`)
    begun = state === 'started' || state === 'working'
    await sleep(tools.clock, POLL_MS, signal)
    if (signal.aborted) throw new SolveguardError('SOLVE_ABORTED', 'The solve was aborted through its signal.')
  }
}

async function requestState(
  tools: SolveTools,
  { page, frame, id }: WidgetLocation,
  begin: boolean,
): Promise<ProofOfWorkProgress> {
  if (page.isClosed() || frame.isDetached()) throw pageGone()
  const reply = await evaluateWithTimeout(tools.clock, frame, proofOfWorkCall(id, begin), tools.evaluateMs)
  if (!reply.ok && reply.why === 'timeout') {
    throw new SolveguardError('PAGE_UNRESPONSIVE', 'The page does not answer; nothing was spent on it.')
  }
  const work = reply.ok && reply.value !== null ? parseProofOfWork(reply.value) : 'page-gone'
  if (work === 'page-gone') throw pageGone()
  if (typeof work !== 'object') throw widgetGone()
  return work
}

function widgetFailed(how: string): SolveguardError {
  return new SolveguardError('WIDGET_FAILED', `The widget did not come to an answer: ${how}.`)
}
