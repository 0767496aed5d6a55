import type { NotifyFailure, NotifyResult } from './page-kit/protocol.js'

export type { NotifyFailure } from './page-kit/protocol.js'

/** What to do about it, by reason. */
const SENTENCES: Readonly<Record<NotifyFailure, string>> = {
  'callback-missing':
    'the widget names a callback, and the page has no function of that name: correct the name, or declare the function ' +
    'before the widget is solved.',
  'callback-out-of-reach':
    'the page rendered its widget before the guard watched it, so a callback that it passed is not known: call ' +
    'guardContext before the page is opened.',
  'callback-threw': 'its callback was called, and threw: the page’s console has the error.',
}

/** Why the page's own code does not know of a solution; undefined if it does, or has asked for no notice. */
export function notifyFailureOf(result: NotifyResult | undefined): NotifyFailure | undefined {
  return result === undefined || result === 'notified' || result === 'no-callback' ? undefined : result
}

/** The reason as a sentence. */
export function describeNotifyFailure(reason: NotifyFailure): string {
  return `The solution is in the page, but the page's own code was not notified: ${SENTENCES[reason]}`
}
