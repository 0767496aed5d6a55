import { SolveguardError } from '../../base/errors.js'

/** The document does not exist any more. */
export function pageGone(): SolveguardError {
  return new SolveguardError(
    'PAGE_GONE',
    'The page or frame navigated, or was closed, before its widget was answered. Solve before you leave the page.',
  )
}

/** The widget is not in its document any more. */
export function widgetGone(): SolveguardError {
  return new SolveguardError(
    'WIDGET_GONE',
    'The widget is no longer in the page, or refused the solution: find it again.',
  )
}

/** The page was closed before the call. */
export function pageClosed(): SolveguardError {
  return new SolveguardError('PAGE_GONE', 'The page is closed; open another one.')
}

/** The page did not reply in time, and nothing was bought for it. */
export function pageUnresponsive(): SolveguardError {
  return new SolveguardError('PAGE_UNRESPONSIVE', 'The page does not answer; nothing was spent on it.')
}

/** The captcha was closed before the call. */
export function captchaClosed(): SolveguardError {
  return new SolveguardError('GUARD_CLOSED', 'This captcha was closed: guard the context again.')
}

/** The caller's signal aborted the solve. */
export function solveAborted(): SolveguardError {
  return new SolveguardError('SOLVE_ABORTED', 'The solve was aborted through its signal.')
}
