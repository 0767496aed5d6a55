/**
 * The vocabulary that pages, solvers and the guard share: a challenge is one widget that was found, or a picture that
 * the caller shows; an answer is what a solver gives for it.
 */

/** The families, and the members of each. More come as files under `widgets/` and rows under `solvers/`. */
export const VARIANTS = {
  recaptcha: ['v2-checkbox', 'v2-invisible', 'v3', 'enterprise-checkbox', 'enterprise-invisible', 'enterprise-score'],
  /** One for all: whether it shows itself is the sitekey's setting, and the same to a solver. */
  turnstile: ['turnstile'],
  /** Enterprise is either of them, with `rqdata`. */
  hcaptcha: ['checkbox', 'invisible'],
  /** Two generations that have nothing in common but the name. */
  friendly: ['v1', 'v2'],
  /** Two products of one vendor: `v3` takes a one-time `challenge` from the site's server, `v4` does not. */
  geetest: ['v3', 'v4'],
  mtcaptcha: ['mtcaptcha'],
  /** The CAPTCHA that a page draws itself by the JavaScript API, not the page that stands before a whole site. */
  'aws-waf': ['widget'],
  /** One for all: whether there is a challenge is for the vendor to say, and which. */
  arkose: ['arkose'],
  /** A proof of work, which the browser itself works out: no solver is asked. */
  altcha: ['altcha'],
  /** The same. */
  cap: ['cap'],
  /** Text to be read off a picture. */
  image: ['text'],
  /** Nine pictures, some of which an instruction means. */
  bls: ['grid'],
} as const

/** The same as types. */
export type Variants = { readonly [F in keyof typeof VARIANTS]: (typeof VARIANTS)[F][number] }

/** A family of CAPTCHA. */
export type Family = keyof Variants

/** Families that nothing in a page gives away: the caller shows the picture. */
export type PictureFamily = 'image' | 'bls'

/** Families whose widgets are found in pages. */
export type WidgetFamily = Exclude<Family, PictureFamily>

/** Which member of the family; says what a solver has to be told and where a solution goes. */
export type Variant = Variants[Family]

/**
 * What a solver has to know of one widget.
 *
 * @example
 * const challenge: Challenge = {
 *   family: 'recaptcha', variant: 'v2-checkbox',
 *   sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI', pageUrl: 'https://staging.example.com/login',
 * }
 */
export interface Challenge {
  readonly family: WidgetFamily
  readonly variant: Variant
  /**
   * The site's public key for the widget: reCAPTCHA's sitekey, GeeTest's `gt` (v3) or `captcha_id` (v4), Arkose's
   * public key. At most 256 characters of `A-Z a-z 0-9 . _ : -`; of Amazon WAF the API key, at most 2,048 of `A-Z a-z
   * 0-9 + / = _ -`. `self-hosted` where a proof of work names none.
   */
  readonly sitekey: string
  /** The address of the top-level page, `http:` or `https:`, at most 2,048 characters. */
  readonly pageUrl: string
  /** The address of the frame that the widget stands in, if that is not the page itself. */
  readonly frameUrl?: string | undefined
  /** The action that the page's code names (`data-action`, `execute(…, { action })`), at most 100 characters. */
  readonly action?: string | undefined
  /** The lowest score that will do, for variants that have one: 0.3, 0.7 or 0.9. */
  readonly minScore?: 0.3 | 0.7 | 0.9 | undefined
  /** reCAPTCHA's one-time `data-s` value, at most 4,096 characters. */
  readonly dataS?: string | undefined
  /** Turnstile's `cData`: what the page wants to find in the verification again; at most 255 characters. */
  readonly cData?: string | undefined
  /** Turnstile's `chlPageData`, at most 4,096 characters. */
  readonly pageData?: string | undefined
  /** hCaptcha Enterprise's one-time `rqdata`, at most 4,096 characters. */
  readonly rqdata?: string | undefined
  /**
   * GeeTest v3's `challenge`, which the site's server asks the vendor for: at most 256 characters of `A-Z a-z 0-9 _ -`.
   */
  readonly challenge?: string | undefined
  /** Arkose's one-time `data.blob`, at most 4,096 characters. */
  readonly blob?: string | undefined
  /**
   * The vendor's host that the widget has its script or its challenges from, where that is not the usual one
   * (`www.recaptcha.net`, `eu.frcapi.com`, what GeeTest v3 was told as `api_server`, a company's own of Arkose).
   */
  readonly apiHost?: string | undefined
  /** The address of the vendor's script as the page loads it, `http:` or `https:`, at most 2,048 characters. */
  readonly scriptUrl?: string | undefined
}

/** Where a picture stands: what it is judged by. */
interface PictureContext {
  /** As a `Challenge` has it. */
  readonly pageUrl: string
  readonly frameUrl?: string | undefined
}

/**
 * What may be said of a text that is to be read off a picture. All of it is optional; services differ in what they
 * heed.
 */
export interface TextHints {
  /**
   * What the text is made of, as the services count: 0 anything (default), 1 digits only, 2 letters only, 3 either only
   * digits or only letters, 4 digits and letters.
   */
  readonly numeric?: 0 | 1 | 2 | 3 | 4 | undefined
  /** How long the text is at least and at most, in characters: 1 to 100. */
  readonly minLength?: number | undefined
  readonly maxLength?: number | undefined
  /** Whether it is of two words or more. */
  readonly phrase?: boolean | undefined
  /** Whether capitals matter. */
  readonly case?: boolean | undefined
  /** Whether it is a sum to be worked out. */
  readonly math?: boolean | undefined
  /** A word to whoever solves it, at most 140 printable characters. */
  readonly comment?: string | undefined
}

/**
 * Text to be read off a picture.
 *
 * @example
 * const { token } = await guard.solve({ family: 'image', variant: 'text', pageUrl, image: await readFile('captcha.png'), numeric: 1 })
 */
export interface ImageChallenge extends PictureContext, TextHints {
  readonly family: 'image'
  readonly variant: 'text'
  /** A PNG, JPEG or GIF of 100 bytes to 1 MiB. */
  readonly image: Uint8Array
}

/**
 * Nine pictures in reading order, and which of them are meant. The answer is a JSON list of cells from 1, such as
 * `[1,4,7]`.
 */
export interface GridChallenge extends PictureContext {
  readonly family: 'bls'
  readonly variant: 'grid'
  /** Each a PNG, JPEG or GIF of 100 bytes to 256 KiB. */
  readonly images: readonly Uint8Array[]
  /** The number that is asked for, or the sentence that has it; at most 200 printable characters. */
  readonly instruction: string
}

/** A challenge that is not in the page's markup, but in what it looks like. */
export type PictureChallenge = ImageChallenge | GridChallenge

/** Whatever a guard can be asked to solve. */
export type AnyChallenge = Challenge | PictureChallenge

/** The challenge of a family. */
export type ChallengeOf<F extends Family> = F extends WidgetFamily
  ? Challenge
  : Extract<PictureChallenge, { readonly family: F }>

/** What is told and kept of a challenge: all but its pictures. */
export type ChallengeFacts = Challenge | Omit<ImageChallenge, 'image'> | Omit<GridChallenge, 'images'>

/** Whether a challenge is a picture, and not a widget of a page. */
export function isPicture(challenge: AnyChallenge): challenge is PictureChallenge {
  return challenge.family === 'image' || challenge.family === 'bls'
}

/** A challenge without its pictures: they are large, and nobody's business once they were sent. */
export function withoutPictures(challenge: AnyChallenge): ChallengeFacts {
  if (!isPicture(challenge)) return challenge
  if (challenge.family === 'image') {
    const { image, ...facts } = challenge
    return facts
  }
  const { images, ...facts } = challenge
  return facts
}

/** What a solver gives for a challenge. */
export interface Answer {
  /**
   * What goes into the page: a token, the text of a picture, a grid's cells. Bounded and printable, but never to be
   * logged.
   */
  readonly token: string
  /**
   * Further values that some families have, under the vendors' own names: `respKey` of hCaptcha; all that a site's
   * server verifies of GeeTest (`geetest_challenge`, `geetest_validate`, `geetest_seccode`; of v4 `captcha_id`,
   * `lot_number`, `pass_token`, `gen_time`, `captcha_output`), whose token is `geetest_validate` or `pass_token`.
   */
  readonly fields?: Readonly<Record<string, string>> | undefined
}
