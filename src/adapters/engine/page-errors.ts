import { SolveguardError } from '../../base/errors.js'

/** Said of a document that is no longer there. */
export function pageGone(): SolveguardError {
  return new SolveguardError(
    'PAGE_GONE',
    'The page or frame navigated, or was closed, before its widget was answered. Solve before you leave the page.',
  )
}

/** Said of a widget that is no longer in its document. */
export function widgetGone(): SolveguardError {
  return new SolveguardError(
    'WIDGET_GONE',
    'The widget is no longer in the page, or refused the solution: find it again.',
  )
}

/** Said of a page that was closed before it was asked. */
export function pageClosed(): SolveguardError {
  return new SolveguardError('PAGE_GONE', 'The page is closed; open another one.')
}
