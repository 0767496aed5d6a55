import type { Browser, BrowserContext, Frame, Page, Target } from 'puppeteer-core'
import type { PuppeteerExtraPlugin } from 'puppeteer-extra-plugin'
import { printable, SolveguardError } from '../base/errors.js'
import type { Grant, NarrowingInput } from '../guard/types.js'
import type { FoundChallenge } from '../widgets/widget.js'
import type { SolvePageOptions } from './captcha.js'
import type { AskForChallenge } from './fresh.js'
import { withHanded } from './handed.js'
import type { SolveResult } from './outcome.js'
import { guardContext } from './puppeteer.js'
import { type Guarded, type Memory, type MethodOptions, noProvider, RecaptchaMethods } from './recaptcha-methods.js'
import type {
  CaptchaInfo,
  CaptchaSolution,
  EnterRecaptchaSolutionsResult,
  FindRecaptchasResult,
  GetSolutionsResult,
  SolveRecaptchasResult,
} from './recaptcha-shapes.js'

export type { SolvePageOptions } from './captcha.js'
export type { SolveResult } from './outcome.js'
export type {
  CaptchaInfo,
  CaptchaSolution,
  CaptchaSolved,
  EnterRecaptchaSolutionsResult,
  FilteredCaptcha,
  FindRecaptchasResult,
  GetSolutionsResult,
  SolveRecaptchasResult,
} from './recaptcha-shapes.js'

/** What the plugin takes: a guard, and those options of puppeteer-extra-plugin-recaptcha that have a meaning here. */
export interface PluginOptions {
  /** The guard, or a promise of one, which launching waits for: `guard: createGuard({ … })`. */
  guard: Grant | Promise<Grant>
  /** What each browser context may do at most; a function gives each its own. Default: what the guard may. */
  policy?: NarrowingInput | ((context: BrowserContext) => NarrowingInput | undefined) | undefined
  /** How to get a GeeTest v3 a fresh `challenge`, for `solveCaptchas`. */
  geetestChallenge?: AskForChallenge<Page> | undefined
  /** `find…`, `get…`, `enter…` and `solveRecaptchas` throw where they would return an `error`. */
  throwOnError?: boolean | undefined
  /** `solveRecaptchas` solves widgets that only give a score, too. */
  solveScoreBased?: boolean | undefined
  /** `solveRecaptchas` solves unseen widgets that the page has not set off, too. */
  solveInactiveChallenges?: boolean | undefined
  /** Has no effect: nothing is painted into pages. */
  visualFeedback?: boolean | undefined
  /** Cannot be had; `true` is refused. */
  solveInViewportOnly?: boolean | undefined
  /** Of no use: the guard has its service and its key. A key that is given here is warned of, and not used. */
  provider?: { id?: string; token?: string; fn?: unknown; opts?: unknown } | undefined
}

/** What pages and frames get. */
export interface CaptchaMethods {
  /** The widgets. Spends nothing and changes nothing. */
  findCaptchas(): Promise<readonly FoundChallenge[]>
  /** Solves what is due. */
  solveCaptchas(options?: SolvePageOptions): Promise<SolveResult>
  /** The widgets, as puppeteer-extra-plugin-recaptcha tells of them. */
  findRecaptchas(): Promise<FindRecaptchasResult>
  /** Buys solutions for widgets that `findRecaptchas` gave. */
  getRecaptchaSolutions(captchas: readonly CaptchaInfo[]): Promise<GetSolutionsResult>
  /** Puts solutions in. */
  enterRecaptchaSolutions(solutions: readonly CaptchaSolution[]): Promise<EnterRecaptchaSolutionsResult>
  /** All three. */
  solveRecaptchas(): Promise<SolveRecaptchasResult>
}

declare module 'puppeteer-core' {
  interface Page extends CaptchaMethods {}
  interface Frame extends CaptchaMethods {}
}

/**
 * A plugin for puppeteer-extra: pages and frames get `findCaptchas` and `solveCaptchas`, and the methods of
 * puppeteer-extra-plugin-recaptcha, all under the guard.
 *
 * @throws SolveguardError `CONFIG_INVALID` for options that cannot be followed
 * @example
 * puppeteer.use(solveguard({ guard: createGuard({ policy: { origins: ['https://staging.example.com'] } }) }))
 * const browser = await puppeteer.launch()
 * const page = await browser.newPage()
 * await page.goto('https://staging.example.com/login')
 * const { solved, error } = await page.solveRecaptchas()
 */
export default function solveguard(options: PluginOptions): PuppeteerExtraPlugin {
  check(options)
  // What puppeteer-extra asks of a plugin, and no more: its base class brings a logger and a merge of options along.
  return new Plugin(options) as unknown as PuppeteerExtraPlugin
}

const OPTIONS: ReadonlySet<string> = new Set([
  'guard',
  'policy',
  'geetestChallenge',
  'throwOnError',
  'solveScoreBased',
  'solveInactiveChallenges',
  'visualFeedback',
  'solveInViewportOnly',
  'provider',
] satisfies (keyof PluginOptions)[])

function check(options: PluginOptions | undefined): void {
  const { guard, provider, solveInViewportOnly } = options ?? ({} as Partial<PluginOptions>)
  if (typeof provider?.token === 'string' && provider.token !== '') {
    process.emitWarning(
      'A key in `provider.token` is a key in your code, and it is not used: take it out, and change it at the service if the ' +
        'code was ever shared. The guard reads its key from SOLVEGUARD_KEY, or from where createGuard({ secret }) says.',
      { code: 'SOLVEGUARD_KEY_IN_CODE' },
    )
  }
  const unknown = Object.keys(options ?? {}).find((name) => !OPTIONS.has(name))
  if (unknown !== undefined) {
    // A mistyped `policy` would allow more than was meant.
    throw new SolveguardError(
      'CONFIG_INVALID',
      `solveguard() has no option ${printable(unknown, 60)}, only ${[...OPTIONS].join(', ')}.`,
    )
  }
  if (!guard) {
    const named =
      typeof provider?.id === 'string' ? ` The service '${printable(provider.id, 40)}' is not chosen here.` : ''
    throw new SolveguardError(
      'CONFIG_INVALID',
      `solveguard({ guard }) takes a guard.${named} createGuard({ solver: captchaAI(), policy: { origins: ['https://…'] } }) makes one.`,
    )
  }
  if (provider?.fn !== undefined) throw noProvider()
  if (solveInViewportOnly) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'solveInViewportOnly cannot be followed. Leave it out: what no person sees is left alone anyway, below the fold or not.',
    )
  }
}

class Plugin {
  readonly name = 'solveguard'
  readonly _isPuppeteerExtraPlugin = true
  readonly requirements = new Set<never>()
  readonly dependencies = new Set<never>()
  readonly data: never[] = []
  readonly #options: PluginOptions
  readonly #guard: Promise<Grant>
  readonly #contexts = new WeakMap<BrowserContext, Promise<Guarded>>()
  readonly #pages = new WeakSet<Page>()

  constructor(options: PluginOptions) {
    this.#options = options
    this.#guard = Promise.resolve(options.guard)
    // Told by the launch that waits for it.
    this.#guard.catch(() => undefined)
  }

  /** Asked by puppeteer-extra when the plugin is handed in. */
  _register(): void {}

  /** The plugins that this one would need. */
  _getMissingDependencies(): Set<never> {
    return new Set()
  }

  /** Called with each browser that was launched or connected to. */
  async _bindBrowserEvents(browser: Browser): Promise<void> {
    browser.on('targetcreated', (target: Target) => void this.#onTarget(target))
    await Promise.all(browser.browserContexts().map((context) => this.#guarded(context)))
    for (const page of await browser.pages()) this.#equip(page)
  }

  async #onTarget(target: Target): Promise<void> {
    if (`${target.type()}` !== 'page') return
    // Null, or an error, for a page that was closed at once.
    const page = await target.page().catch(() => null)
    if (page) this.#equip(page)
  }

  #guarded(context: BrowserContext): Promise<Guarded> {
    const known = this.#contexts.get(context)
    if (known) return known
    const made = this.#make(context)
    // Told by whichever method of a page is called first.
    made.catch(() => undefined)
    this.#contexts.set(context, made)
    return made
  }

  async #make(context: BrowserContext): Promise<Guarded> {
    const { policy, geetestChallenge } = this.#options
    const narrowing = typeof policy === 'function' ? policy(context) : policy
    const guard = await this.#guard
    if (typeof (guard as Partial<Grant> | undefined)?.narrow !== 'function') {
      throw new SolveguardError('CONFIG_INVALID', 'solveguard({ guard }) takes what createGuard gives.')
    }
    const { grant, hand } = withHanded(narrowing ? guard.narrow(narrowing) : guard)
    return { grant, hand, captcha: await guardContext(grant, context, undefined, { geetestChallenge }) }
  }

  #equip(page: Page): void {
    if (this.#pages.has(page)) return
    this.#pages.add(page)
    const guarded = this.#guarded(page.browserContext())
    const memory: Memory = { known: new Map(), bought: new Map() }
    const { throwOnError = false, solveScoreBased = false, solveInactiveChallenges = false } = this.#options
    const options = { throwOnError, wanted: { score: solveScoreBased, inactive: solveInactiveChallenges } }
    const equipFrame = (frame: Frame) => addMethods(frame, guarded, page, frame, options, memory)
    addMethods(page, guarded, page, undefined, options, memory)
    for (const frame of page.frames()) equipFrame(frame)
    page.on('frameattached', equipFrame)
  }
}

function addMethods(
  target: Page | Frame,
  guarded: Promise<Guarded>,
  page: Page,
  frame: Frame | undefined,
  options: MethodOptions,
  memory: Memory,
): void {
  const methods = new RecaptchaMethods(guarded, page, frame, options, memory)
  const added: CaptchaMethods = {
    findCaptchas: () => methods.findCaptchas(),
    solveCaptchas: (solveOptions) => methods.solveCaptchas(solveOptions),
    findRecaptchas: () => methods.findRecaptchas(),
    getRecaptchaSolutions: (captchas, provider?: unknown) => methods.getRecaptchaSolutions(captchas, provider),
    enterRecaptchaSolutions: (solutions) => methods.enterRecaptchaSolutions(solutions),
    solveRecaptchas: () => methods.solveRecaptchas(),
  }
  Object.assign(target, added)
}
