import type { SolveguardError } from '../../base/errors.js'
import type { Solution } from '../../guard/types.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import { detailsOf, wasCalledBack } from '../engine/widget-details.js'
import type {
  CaptchaInfo,
  CaptchaSolution,
  CaptchaSolved,
  CaptchaType,
  FilteredCaptcha,
  RecaptchaError,
} from './recaptcha-plugin-types.js'

/** Which widgets are solved. */
export interface IncludedWidgets {
  /** Those that only return a score. */
  readonly score: boolean
  /** Invisible ones that the page has not executed. */
  readonly inactive: boolean
  /** Of the checkboxes of reCAPTCHA, those inside the viewport only. */
  readonly inViewportOnly: boolean
}

/** A widget in that plugin's shape; if it is left alone, with the reason. */
export function toCaptchaInfo(found: FoundChallenge, wanted: IncludedWidgets): CaptchaInfo | FilteredCaptcha {
  const type = typeOf(found)
  const details = detailsOf(found)
  const info: CaptchaInfo = {
    _vendor: found.family,
    id: found.id,
    sitekey: found.sitekey,
    url: found.frameUrl ?? found.pageUrl,
    _type: type,
    isEnterprise: found.variant.startsWith('enterprise'),
    isInViewport: details?.inViewport ?? found.visible,
    isInvisible: type !== 'checkbox',
  }
  if (found.action !== undefined) info.action = found.action
  if (type !== 'checkbox') info.hasActiveChallengePopup = details?.challenged ?? found.executed
  if (found.family === 'hcaptcha') info.display = { size: type === 'invisible' ? 'invisible' : 'normal' }
  if (details) {
    const { widgetId, callback, size, theme, hasField, hasChallengeFrame } = details
    info.s = found.dataS ?? null
    info.display = { ...(size !== undefined && { size }), ...(theme !== undefined && { theme }) }
    info.hasResponseElement = hasField
    if (widgetId !== undefined) info.widgetId = widgetId
    if (callback !== undefined) info.callback = callback
    if (type !== 'checkbox') info.hasChallengeFrame = hasChallengeFrame
  }
  const filteredReason = reasonToFilter(found, info, wanted)
  return filteredReason ? { ...info, filtered: true, filteredReason } : info
}

function typeOf({ variant }: FoundChallenge): CaptchaType {
  return /v3|score/.test(variant) ? 'score' : variant.includes('invisible') ? 'invisible' : 'checkbox'
}

function reasonToFilter(
  { visible, executed, due, answered }: FoundChallenge,
  { _type, _vendor, isInViewport }: CaptchaInfo,
  { score, inactive, inViewportOnly }: IncludedWidgets,
): FilteredCaptcha['filteredReason'] | undefined {
  if (_type === 'score') return score ? undefined : 'solveScoreBased'
  if (_type === 'invisible') return executed || inactive ? undefined : 'solveInactiveChallenges'
  // One whose challenge is open is due, whether its checkbox can be seen or not.
  if (!visible && !due && !answered) return 'solveInViewportOnly'
  return inViewportOnly && _vendor === 'recaptcha' && !isInViewport ? 'solveInViewportOnly' : undefined
}

/** A solution in that plugin's shape. */
export function toCaptchaSolution(
  { id, family }: FoundChallenge,
  { token, taskId }: Solution,
  requestAt: Date,
  responseAt: Date,
): CaptchaSolution {
  const solution: CaptchaSolution = {
    _vendor: family,
    id,
    provider: 'solveguard',
    providerCaptchaId: taskId,
    requestAt,
    responseAt,
    duration: secondsBetween(requestAt, responseAt),
    hasSolution: true,
  }
  return Object.defineProperty(solution, 'text', { value: token })
}

/** A solve without a solution. */
export function toFailedSolution(
  { id, _vendor }: Pick<CaptchaInfo, 'id' | '_vendor'>,
  error: SolveguardError,
  requestAt: Date,
): CaptchaSolution {
  const duration = secondsBetween(requestAt, new Date())
  return { _vendor, id, provider: 'solveguard', requestAt, duration, error: sentence(error), hasSolution: false }
}

/** A widget for which nothing was to be bought: it holds an answer. */
export function toNoSolution({ id, family }: FoundChallenge): CaptchaSolution {
  return { _vendor: family, id, provider: 'solveguard', hasSolution: false }
}

/** A widget that has its answer now. */
export function toSolved(found: FoundChallenge, solution: Solution, notified: boolean): CaptchaSolved {
  const { id, family, executed } = found
  const isScore = typeOf(found) === 'score'
  const solved: CaptchaSolved = {
    _vendor: family,
    id,
    // A score is kept for a later call, if none waits for it.
    responseCallback: notified && wasCalledBack(solution) && (executed || !isScore),
    solvedAt: new Date(),
    isSolved: true,
  }
  // A score goes to the call that waits for it, unless the page has rendered the widget.
  if (family === 'recaptcha') {
    solved.responseElement = !isScore || found.ambiguousWith !== undefined
  }
  return solved
}

/** A widget that could not be answered. */
export function toNotSolved({ id, _vendor }: CaptchaSolution, error: SolveguardError): CaptchaSolved {
  const nowhere = { responseElement: false, responseCallback: false, isSolved: false }
  return { _vendor, ...(id !== undefined && { id }), ...nowhere, error: sentence(error) }
}

/** An error as results have it. */
export function sentence({ code, message }: SolveguardError): RecaptchaError {
  return `${code}: ${message}`
}

function secondsBetween(start: Date, end: Date): number {
  return (end.getTime() - start.getTime()) / 1000
}
