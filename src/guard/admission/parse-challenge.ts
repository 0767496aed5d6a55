import {
  type AnyChallenge,
  type Challenge,
  type ChallengeInput,
  type Family,
  isPicture,
  type PictureChallenge,
  type TextHints,
  VARIANTS,
  type Variant,
  withVariant,
} from '../../base/challenge.js'
import { printable, SolveguardError } from '../../base/errors.js'
import { pictureType } from '../../base/picture.js'

const SITEKEY = { shape: /^[\w.:-]{1,256}$/, expected: '1 to 256 letters, digits and . _ : -' }
/** Vendors whose sitekeys have another format. */
const SITEKEYS: { readonly [family in Family]?: typeof SITEKEY } = {
  'aws-waf': { shape: /^[\w+/=-]{1,2048}$/, expected: "AWS's API key, 1 to 2,048 letters, digits and + / = _ -" },
}
const HOST = /^[a-z0-9.-]{1,253}(:\d{1,5})?$/
const ONE_TIME = /^[\w-]{1,256}$/
const PRINTABLE = /^[\x20-\x7e]*$/
const SCORES: readonly unknown[] = [0.3, 0.7, 0.9]

/**
 * A challenge comes from a page, which is untrusted. Each field is checked and copied by name, so that no other field
 * passes. The origin layer checks the addresses.
 *
 * @throws SolveguardError `CHALLENGE_INVALID` that names the field
 */
export function parseChallenge(given: ChallengeInput): AnyChallenge {
  const input = withVariant(given)
  if (typeof input !== 'object' || input === null)
    throw new SolveguardError('CHALLENGE_INVALID', 'solve() takes a challenge: { family, variant, sitekey, pageUrl }.')
  const { family, variant, pageUrl } = input
  if (!Object.hasOwn(VARIANTS, family)) throw invalid('family', `expected one of ${Object.keys(VARIANTS).join(', ')}`)
  const variants: readonly Variant[] = VARIANTS[family]
  if (!variants.includes(variant)) throw invalid('variant', `expected one of ${variants.join(', ')}`)
  if (typeof pageUrl !== 'string') throw invalid('pageUrl', "expected the page's address")
  return isPicture(input) ? parsePicture(input) : parseWidget(input)
}

function parseWidget(input: Challenge): Challenge {
  const { family, variant, sitekey, pageUrl, frameUrl, action, minScore, dataS, cData, pageData, rqdata } = input
  const { challenge, blob, apiHost, scriptUrl, userAgent } = input
  const { shape, expected } = SITEKEYS[family] ?? SITEKEY
  if (typeof sitekey !== 'string' || !shape.test(sitekey)) throw invalid('sitekey', `expected ${expected}`)
  const oneTime = family === 'geetest' && variant === 'v3'
  if (oneTime && !(typeof challenge === 'string' && ONE_TIME.test(challenge))) {
    throw invalid(
      'challenge',
      "expected the one-time value that the site's server got for this widget, of letters, digits and _ -",
    )
  }
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
    blob: text('blob', blob, 4_096),
    challenge: oneTime ? challenge : undefined,
    apiHost: apiHost === undefined || HOST.test(apiHost) ? apiHost : undefined,
    scriptUrl: scriptAddress(scriptUrl),
    userAgent: text('userAgent', userAgent, 512),
  }
}

function parsePicture(input: PictureChallenge): PictureChallenge {
  const shownIn = { pageUrl: input.pageUrl, frameUrl: text('frameUrl', input.frameUrl, 2_048) }
  if (input.family === 'image') {
    const image = picture('image', input.image, MAX_IMAGE_BYTES)
    return { family: 'image', variant: 'text', ...shownIn, ...parseHints(input), image }
  }
  const { images, instruction } = input
  if (!Array.isArray(images) || images.length !== CELLS) throw invalid('images', `expected a list of ${CELLS} pictures`)
  const wanted = text('instruction', instruction, 200)?.trim()
  if (!wanted) throw invalid('instruction', 'expected the number to look for, or the sentence that contains it')
  const cells = images.map((one, at) => picture(`images[${at}]`, one, MAX_CELL_BYTES))
  return { family: 'bls', variant: 'grid', ...shownIn, images: cells, instruction: wanted }
}

/**
 * Checks the hints about a picture's text.
 * @throws SolveguardError `CHALLENGE_INVALID` that names the field
 */
function parseHints(hints: TextHints): TextHints {
  const { numeric, minLength, maxLength, phrase, case: capitals, math, comment } = hints
  if (numeric !== undefined && ![0, 1, 2, 3, 4].includes(numeric)) throw invalid('numeric', 'expected 0, 1, 2, 3 or 4')
  const min = length('minLength', minLength)
  const max = length('maxLength', maxLength)
  if (min !== undefined && max !== undefined && min > max) throw invalid('minLength', 'is above maxLength')
  return {
    numeric,
    minLength: min,
    maxLength: max,
    phrase: flag('phrase', phrase),
    case: flag('case', capitals),
    math: flag('math', math),
    comment: text('comment', comment, 140),
  }
}

/** Limits that hold for every service. Each service has its own limits too. */
const MIN_PICTURE_BYTES = 100
const MAX_IMAGE_BYTES = 1024 * 1024
/** Nine cells are sent in one request. */
const MAX_CELL_BYTES = 256 * 1024
const CELLS = 9

function picture(field: string, value: unknown, maxBytes: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw invalid(field, 'expected the bytes of a picture')
  if (value.length < MIN_PICTURE_BYTES || value.length > maxBytes) {
    throw invalid(field, `expected ${MIN_PICTURE_BYTES} to ${maxBytes} bytes, not ${value.length}`)
  }
  if (!pictureType(value)) throw invalid(field, 'expected a PNG, JPEG or GIF')
  return value
}

function length(field: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 100) {
    throw invalid(field, 'expected a whole number from 1 to 100')
  }
  return value
}

function flag(field: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw invalid(field, 'expected true or false')
}

function scriptAddress(value: unknown): string | undefined {
  const address = text('scriptUrl', value, 2_048)
  if (address !== undefined && !(/^https?:/.test(address) && URL.canParse(address))) {
    throw invalid('scriptUrl', "expected an address that begins with 'https:' or 'http:'")
  }
  return address
}

function text(field: string, value: unknown, max: number): string | undefined {
  if (value === undefined) return undefined
  // A real page's address may hold non-ASCII characters. The origin layer checks the address that a solver gets.
  if (typeof value !== 'string' || value.length > max || (field !== 'frameUrl' && !PRINTABLE.test(value))) {
    throw invalid(field, `expected at most ${max} printable characters`)
  }
  return value
}

function invalid(field: string, expected: string): SolveguardError {
  return new SolveguardError('CHALLENGE_INVALID', `challenge.${printable(field, 40)}: ${expected}.`)
}
