/**
 * The vocabulary that pages, solvers and the guard share: a challenge is one widget that was found, an answer is what a
 * solver gives for it.
 */

/** The families, and the members of each. More come as files under `widgets/` and rows under `solvers/`. */
export const VARIANTS = {
  recaptcha: ['v2-checkbox', 'v2-invisible', 'v3', 'enterprise-checkbox', 'enterprise-invisible', 'enterprise-score'],
  /** One for all: whether it shows itself is the sitekey's setting, and the same to a solver. */
  turnstile: ['turnstile'],
  /** Enterprise is either of them, with `rqdata`. */
  hcaptcha: ['checkbox', 'invisible'],
  /** A proof of work, which the browser itself works out: no solver is asked. */
  altcha: ['altcha'],
  /** The same. */
  cap: ['cap'],
} as const

/** The same as types. */
export type Variants = { readonly [F in keyof typeof VARIANTS]: (typeof VARIANTS)[F][number] }

/** A family of CAPTCHA. */
export type Family = keyof Variants

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
  readonly family: Family
  readonly variant: Variant
  /**
   * The site's public key for the widget. At most 256 characters of `A-Z a-z 0-9 . _ : -`. `self-hosted` where a proof of work
   * names none.
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
  /** The host that the widget's script comes from, where that is not the vendor's usual one (`www.recaptcha.net`). */
  readonly apiHost?: string | undefined
}

/** What a solver gives for a challenge. */
export interface Answer {
  /** What goes into the page. Bounded and printable, but never to be logged. */
  readonly token: string
  /** Further values that some families have. */
  readonly fields?: Readonly<Record<string, string>> | undefined
}
