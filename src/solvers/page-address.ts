import type { Challenge } from '../base/challenge.js'
import { SolveguardError } from '../base/errors.js'
import { originOf } from '../policy/origin.js'

/**
 * The address that a service gets: that of the frame with the widget, without user name, password and fragment, which
 * the service does not need.
 * @throws SolveguardError `CHALLENGE_INVALID`
 */
export function pageAddress({ pageUrl, frameUrl }: Pick<Challenge, 'pageUrl' | 'frameUrl'>): string {
  const address = originOf(frameUrl ?? pageUrl)
  if (address.ok) return address.solverUrl
  const field = frameUrl === undefined ? 'pageUrl' : 'frameUrl'
  throw new SolveguardError('CHALLENGE_INVALID', `The challenge's ${field} is not an http: or https: address.`)
}
