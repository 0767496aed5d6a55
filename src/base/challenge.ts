/**
 * The types that pages, solvers and the guard share. A challenge is one widget that was found in a page, or a picture
 * of the caller; an answer is the solver's result for it.
 */

/** The families and their variants. A new one is files under `widgets/` and rows under `solvers/`. */
export const VARIANTS = {
  recaptcha: ['v2-checkbox', 'v2-invisible', 'v3', 'enterprise-checkbox', 'enterprise-invisible', 'enterprise-score'],
  /** One variant: whether the widget is visible is a setting of the sitekey, and makes no difference to a solver. */
  turnstile: ['turnstile'],
  /** hCaptcha Enterprise is either of them, with `rqdata`. */
  hcaptcha: ['checkbox', 'invisible'],
  /** Two generations that share only the name. */
  friendly: ['v1', 'v2'],
  /** Two products of one vendor: `v3` takes a one-time `challenge` from the site's server, `v4` does not. */
  geetest: ['v3', 'v4'],
  mtcaptcha: ['mtcaptcha'],
  /** The CAPTCHA that a page renders with the JavaScript API, not the interstitial page in front of a whole site. */
  'aws-waf': ['widget'],
  /** One variant: the vendor decides whether there is a challenge, and which. */
  arkose: ['arkose'],
  captchafox: ['captchafox'],
  /** Yandex SmartCaptcha: with a button that a person clicks, or executed by the page. */
  yandex: ['checkbox', 'invisible'],
  /** A proof of work, which the browser itself computes: no solver is used. */
  altcha: ['altcha'],
  /** A proof of work too. */
  cap: ['cap'],
  /** The text in a picture. */
  image: ['text'],
  /** Nine pictures, and an instruction that selects some of them. */
  bls: ['grid'],
} as const

/** The families and their variants as types. */
export type Variants = { readonly [F in keyof typeof VARIANTS]: (typeof VARIANTS)[F][number] }

/** A family of CAPTCHA. */
export type Family = keyof Variants

/** Families that cannot be found in a page: the caller supplies the picture. */
export type PictureFamily = 'image' | 'bls'

/** Families whose widgets are found in pages. */
export type WidgetFamily = Exclude<Family, PictureFamily>

/** The variant of a family. It determines what the solver needs and where the solution is injected. */
export type Variant = Variants[Family]

/**
 * What a solver needs to solve one widget.
 *
 * @example
 * const challenge: Challenge = {
 *   family: 'recaptcha', variant: 'v2-checkbox',
 *   sitekey: '6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI', pageUrl: 'https://staging.example.com/login',
 * }
 */
export interface Challenge {
  /** The family of the widget. */
  readonly family: WidgetFamily
  /** The variant of the family. */
  readonly variant: Variant
  /**
   * The site's public key for the widget: reCAPTCHA's sitekey, GeeTest's `gt` (v3) or `captcha_id` (v4), Arkose's
   * public key. At most 256 characters of `A-Z a-z 0-9 . _ : -`. For Amazon WAF the API key, at most 2,048 characters
   * of `A-Z a-z 0-9 + / = _ -`. `self-hosted` for a proof of work without a key.
   */
  readonly sitekey: string
  /** The address of the top-level page, `http:` or `https:`, at most 2,048 characters. */
  readonly pageUrl: string
  /** The address of the frame that holds the widget, if that is not the page itself. */
  readonly frameUrl?: string | undefined
  /** The action that the page's code names (`data-action`, `execute(…, { action })`), at most 100 characters. */
  readonly action?: string | undefined
  /** The lowest score that the site accepts, for variants with a score: 0.3, 0.7 or 0.9. */
  readonly minScore?: 0.3 | 0.7 | 0.9 | undefined
  /** reCAPTCHA's one-time `data-s` value, at most 4,096 characters. */
  readonly dataS?: string | undefined
  /** Turnstile's `cData`, which the verification returns to the site's server; at most 255 characters. */
  readonly cData?: string | undefined
  /** Turnstile's `chlPageData`, at most 4,096 characters. */
  readonly pageData?: string | undefined
  /** hCaptcha Enterprise's one-time `rqdata`, at most 4,096 characters. */
  readonly rqdata?: string | undefined
  /**
   * GeeTest v3's `challenge`, which the site's server gets from the vendor: at most 256 characters of `A-Z a-z 0-9 _
   * -`.
   */
  readonly challenge?: string | undefined
  /** Arkose's one-time `data.blob`, at most 4,096 characters. */
  readonly blob?: string | undefined
  /**
   * The vendor's host that serves the widget's script or its challenges, where it is not the usual one
   * (`www.recaptcha.net`, `eu.frcapi.com`, GeeTest v3's `api_server`, a customer's own host at Arkose).
   */
  readonly apiHost?: string | undefined
  /** The user agent of the page's browser, which some services need for CaptchaFox; at most 512 characters. */
  readonly userAgent?: string | undefined
  /** The address of the vendor's script as the page loads it, `http:` or `https:`, at most 2,048 characters. */
  readonly scriptUrl?: string | undefined
}

/** The page of a picture, whose origin the policy has to name. */
interface PictureContext {
  /** The address of the top-level page, `http:` or `https:`, at most 2,048 characters. */
  readonly pageUrl: string
  /** The address of the frame that shows the picture, if that is not the page itself. */
  readonly frameUrl?: string | undefined
}

/** Hints about the text in a picture. Services differ in the hints that they use. */
export interface TextHints {
  /**
   * The characters of the text, by the services' own numbers: 0 any, 1 digits only, 2 letters only, 3 either only
   * digits or only letters, 4 digits and letters.
   * @default 0
   */
  readonly numeric?: 0 | 1 | 2 | 3 | 4 | undefined
  /**
   * The smallest length of the text, in characters: 1 to 100.
   * @default not limited
   */
  readonly minLength?: number | undefined
  /**
   * The largest length of the text, in characters: 1 to 100.
   * @default not limited
   */
  readonly maxLength?: number | undefined
  /**
   * Whether the text has two words or more.
   * @default false
   */
  readonly phrase?: boolean | undefined
  /**
   * Whether upper and lower case differ.
   * @default false
   */
  readonly case?: boolean | undefined
  /**
   * Whether the text is a calculation, whose result is the answer.
   * @default false
   */
  readonly math?: boolean | undefined
  /**
   * A note for the worker, at most 140 printable characters.
   * @default none
   */
  readonly comment?: string | undefined
}

/**
 * The text in a picture. The answer is that text.
 *
 * @example
 * const image = await readFile('captcha.png')
 * const { token } = await guard.solve({ family: 'image', variant: 'text', pageUrl, image, numeric: 1 })
 */
export interface ImageChallenge extends PictureContext, TextHints {
  /** Always `image`. */
  readonly family: 'image'
  /** Always `text`. */
  readonly variant: 'text'
  /** A PNG, JPEG or GIF of 100 bytes to 1 MiB. */
  readonly image: Uint8Array
}

/**
 * Nine pictures in reading order, and an instruction that selects some of them. The answer is a JSON list of cells,
 * counted from 1, such as `[1,4,7]`.
 *
 * @example
 * const { token } = await guard.solve({ family: 'bls', variant: 'grid', pageUrl, images, instruction: '667' })
 */
export interface GridChallenge extends PictureContext {
  /** Always `bls`. */
  readonly family: 'bls'
  /** Always `grid`. */
  readonly variant: 'grid'
  /** Nine pictures in reading order, each a PNG, JPEG or GIF of 100 bytes to 256 KiB. */
  readonly images: readonly Uint8Array[]
  /** The number to select, or the sentence that contains it; at most 200 printable characters. */
  readonly instruction: string
}

/** A challenge that consists of pictures. */
export type PictureChallenge = ImageChallenge | GridChallenge

/** All that a guard can solve. */
export type AnyChallenge = Challenge | PictureChallenge

/** The variants that are implied where a family has others: those differ in nothing but that they show no checkbox. */
const CHECKBOX = 'checkbox'

/** Families whose challenges may leave the variant out: those with one variant, and those with a checkbox. */
export type ImpliedFamily = {
  [F in Family]: (typeof VARIANTS)[F] extends readonly [string, ...infer More]
    ? More extends readonly []
      ? F
      : (typeof VARIANTS)[F][0] extends typeof CHECKBOX
        ? F
        : never
    : never
}[Family]

/** The variant that a challenge of a family may leave out; undefined where it may not. */
export function impliedVariant(family: string): Variant | undefined {
  const [first, ...others]: readonly Variant[] = Object.hasOwn(VARIANTS, family) ? VARIANTS[family as Family] : []
  return others.length === 0 || first === CHECKBOX ? first : undefined
}

/**
 * What a guard takes: a challenge, whose variant may be left out where it is obvious: `turnstile`, `hcaptcha`,
 * `yandex`, and every family with one variant. reCAPTCHA, Friendly Captcha and GeeTest need theirs.
 *
 * @example
 * await guard.solve({ family: 'turnstile', sitekey: '0x4AAAAAAA…', pageUrl: 'https://staging.example.com/login' })
 */
export type ChallengeInput =
  | AnyChallenge
  | Implied<Omit<Challenge, 'family'>, Exclude<ImpliedFamily, PictureFamily>>
  | Implied<Omit<ImageChallenge, 'family'>, 'image'>
  | Implied<Omit<GridChallenge, 'family'>, 'bls'>

type Implied<C extends { readonly variant: Variant }, F extends ImpliedFamily> = Omit<C, 'variant'> & {
  readonly family: F
  readonly variant?: undefined
}

/** A challenge with its variant. What is no challenge, or needs a variant of its own, stays as it is. */
export function withVariant(input: ChallengeInput): AnyChallenge {
  const { family, variant }: { family?: unknown; variant?: unknown } = input ?? {}
  const implied = variant === undefined && typeof family === 'string' ? impliedVariant(family) : undefined
  return (implied === undefined ? input : { ...input, variant: implied }) as AnyChallenge
}

/** The challenge of a family. */
export type ChallengeOf<F extends Family> = F extends WidgetFamily
  ? Challenge
  : Extract<PictureChallenge, { readonly family: F }>

/** A challenge without its pictures, as in events and records. */
export type ChallengeFacts = Challenge | Omit<ImageChallenge, 'image'> | Omit<GridChallenge, 'images'>

/** Whether a challenge consists of pictures, and is not a widget of a page. */
export function isPicture(challenge: AnyChallenge): challenge is PictureChallenge {
  return challenge.family === 'image' || challenge.family === 'bls'
}

/** Removes the pictures: they are large, and not needed once they were sent. */
export function withoutPictures(challenge: AnyChallenge): ChallengeFacts {
  if (!isPicture(challenge)) return challenge
  if (challenge.family === 'image') {
    const { image, ...facts } = challenge
    return facts
  }
  const { images, ...facts } = challenge
  return facts
}

/** A solver's result for a challenge. */
export interface Answer {
  /**
   * The value for the page: a token, the text of a picture, a grid's cells. Bounded and printable, but it must never be
   * logged.
   */
  readonly token: string
  /**
   * Further values of some families, under the vendors' own names. hCaptcha: `respKey`. GeeTest: all that the site's
   * server verifies (v3: `geetest_challenge`, `geetest_validate`, `geetest_seccode`; v4: `captcha_id`, `lot_number`,
   * `pass_token`, `gen_time`, `captcha_output`); its token is `geetest_validate` or `pass_token`.
   */
  readonly fields?: Readonly<Record<string, string>> | undefined
}
