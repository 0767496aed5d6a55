import { type Challenge, VARIANTS, type Variant } from '../base/challenge.js'
import { printable, SolveguardError } from '../base/errors.js'

const SITEKEY = /^[\w.:-]{1,256}$/
const HOST = /^[a-z0-9.-]{1,253}(:\d{1,5})?$/
const PRINTABLE = /^[\x20-\x7e]*$/
const SCORES: readonly unknown[] = [0.3, 0.7, 0.9]

/**
 * A challenge comes from a page, and pages lie: checked here, and copied field by field so that nothing else of it gets
 * any further. Addresses are checked by the origin layer.
 *
 * @throws SolveguardError `CHALLENGE_INVALID` that names the field
 */
export function parseChallenge(input: Challenge): Challenge {
  if (typeof input !== 'object' || input === null)
    throw new SolveguardError('CHALLENGE_INVALID', 'solve() takes a challenge: { family, variant, sitekey, pageUrl }.')
  const { family, variant, sitekey, pageUrl, frameUrl, action, minScore, dataS, cData, pageData, rqdata, apiHost } =
    input
  if (!Object.hasOwn(VARIANTS, family)) throw invalid('family', `expected one of ${Object.keys(VARIANTS).join(', ')}`)
  const variants: readonly Variant[] = VARIANTS[family]
  if (!variants.includes(variant)) throw invalid('variant', `expected one of ${variants.join(', ')}`)
  if (typeof sitekey !== 'string' || !SITEKEY.test(sitekey)) {
    throw invalid('sitekey', 'expected 1 to 256 letters, digits and . _ : -')
  }
  if (typeof pageUrl !== 'string') throw invalid('pageUrl', "expected the page's address")
  return {
    family,
    variant,
    sitekey,
    pageUrl,
    frameUrl: text('frameUrl', frameUrl, 2_048),
    action: text('action', action, 100),
    minScore: SCORES.includes(minScore) ? minScore : undefined,
    dataS: text('dataS', dataS, 4_096),
    cData: text('cData', cData, 255),
    pageData: text('pageData', pageData, 4_096),
    rqdata: text('rqdata', rqdata, 4_096),
    apiHost: apiHost === undefined || HOST.test(apiHost) ? apiHost : undefined,
  }
}

function text(field: string, value: unknown, max: number): string | undefined {
  if (value === undefined) return undefined
  // Addresses of real pages may hold non-ASCII characters; what goes to a solver is checked as an address later.
  if (typeof value !== 'string' || value.length > max || (field !== 'frameUrl' && !PRINTABLE.test(value))) {
    throw invalid(field, `expected at most ${max} printable characters`)
  }
  return value
}

function invalid(field: string, expected: string): SolveguardError {
  return new SolveguardError('CHALLENGE_INVALID', `challenge.${printable(field, 40)}: ${expected}.`)
}
