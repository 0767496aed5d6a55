import type { Browser as PlaywrightBrowser, BrowserContext as PlaywrightContext } from 'playwright-core'
import type { Browser, BrowserContext, Frame, Page, Target } from 'puppeteer-core'
import { printable, SolveguardError } from '../../base/errors.js'
import type { Grant } from '../../guard/types.js'
import { guardContext as guardPlaywright } from '../playwright/index.js'
import { guardContext } from '../puppeteer/index.js'
import type { CaptchaMethods, ExtraOptions, ExtraPlugin } from './options.js'
import { prepaidGrant } from './prepaid-grant.js'
import {
  type GuardedContext,
  type MethodOptions,
  type PageMemory,
  providerUnsupported,
  RecaptchaMethods,
} from './recaptcha-plugin.js'

export type { SolvePageOptions } from '../engine/captcha.js'
export type { SolveResult } from '../engine/result.js'
export type { CaptchaMethods, ExtraOptions, ExtraPlugin } from './options.js'
export type {
  CaptchaInfo,
  CaptchaSolution,
  CaptchaSolved,
  EnterRecaptchaSolutionsResult,
  FilteredCaptcha,
  FindRecaptchasResult,
  GetSolutionsResult,
  SolveRecaptchasResult,
} from './recaptcha-plugin-types.js'

/** What the plugin takes. */
export interface PluginOptions extends ExtraOptions<BrowserContext, Page> {}

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
export default function solveguard(options: PluginOptions): ExtraPlugin {
  checkPluginOptions(options)
  // What puppeteer-extra asks of a plugin, and no more: its base class brings a logger and a merge of options along.
  return new Plugin(options)
}

const OPTION_NAMES: ReadonlySet<string> = new Set([
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

function checkPluginOptions(options: PluginOptions | undefined): void {
  const { guard, provider, solveInViewportOnly } = options ?? ({} as Partial<PluginOptions>)
  if (typeof provider?.token === 'string' && provider.token !== '') {
    process.emitWarning(
      'A key in `provider.token` is a key in your code, and it is not used: take it out, and change it at the service if the ' +
        'code was ever shared. The guard reads its key from SOLVEGUARD_KEY, or from where createGuard({ secret }) says.',
      { code: 'SOLVEGUARD_KEY_IN_CODE' },
    )
  }
  const unknown = Object.keys(options ?? {}).find((name) => !OPTION_NAMES.has(name))
  if (unknown !== undefined) {
    // A mistyped `policy` would allow more than was meant.
    throw new SolveguardError(
      'CONFIG_INVALID',
      `solveguard() has no option ${printable(unknown, 60)}, only ${[...OPTION_NAMES].join(', ')}.`,
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
  if (provider?.fn !== undefined) throw providerUnsupported()
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
  /** Asked by playwright-extra: it is to hand out Playwright's own objects, not ones that pass for Puppeteer's. */
  readonly noPuppeteerShim = true
  readonly #contexts = new WeakMap<AnyContext, Promise<GuardedContext>>()
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
    for (const page of await browser.pages()) this.#addMethods(page)
  }

  /** A launch waits for the guard, and fails with it; but for playwright-extra, which tells of the error and goes on. */
  async beforeLaunch(): Promise<void> {
    await this.#guard
  }

  async beforeConnect(): Promise<void> {
    await this.#guard
  }

  /** playwright-extra's, for each browser: one that was connected to has contexts already. */
  onBrowser(browser: PlaywrightBrowser): void {
    for (const context of browser.contexts()) this.onContextCreated(context)
  }

  /** playwright-extra's, for each context. */
  onContextCreated(context: PlaywrightContext): void {
    if (this.#contexts.has(context)) return
    const guarded = this.#guarded(context)
    // What the methods use of pages and frames both tools have alike.
    const equip = (page: unknown) => this.#addMethods(page as Page, guarded)
    context.on('page', equip)
    for (const page of context.pages()) equip(page)
  }

  async #onTarget(target: Target): Promise<void> {
    if (`${target.type()}` !== 'page') return
    // Null, or an error, for a page that was closed at once.
    const page = await target.page().catch(() => null)
    if (page) this.#addMethods(page)
  }

  #guarded(context: AnyContext): Promise<GuardedContext> {
    const known = this.#contexts.get(context)
    if (known) return known
    const made = this.#guardContext(context)
    // Told by whichever method of a page is called first.
    made.catch(() => undefined)
    this.#contexts.set(context, made)
    return made
  }

  async #guardContext(context: AnyContext): Promise<GuardedContext> {
    const { policy, geetestChallenge } = this.#options
    const narrowing = typeof policy === 'function' ? policy(context as BrowserContext) : policy
    const guard = await this.#guard
    if (typeof (guard as Partial<Grant> | undefined)?.narrow !== 'function') {
      throw new SolveguardError('CONFIG_INVALID', 'solveguard({ guard }) takes what createGuard gives.')
    }
    const { grant, withSolution } = prepaidGrant(narrowing ? guard.narrow(narrowing) : guard)
    const captcha = isPlaywrightContext(context)
      ? await guardPlaywright(grant, context, undefined, { geetestChallenge: geetestChallenge as never })
      : await guardContext(grant, context, undefined, { geetestChallenge })
    return { grant, withSolution, captcha: captcha as GuardedContext['captcha'] }
  }

  #addMethods(page: Page, guarded = this.#guarded(page.browserContext())): void {
    if (this.#pages.has(page)) return
    this.#pages.add(page)
    const memory: PageMemory = { known: new Map(), bought: new Map() }
    const { throwOnError = false, solveScoreBased = false, solveInactiveChallenges = false } = this.#options
    const options = { throwOnError, include: { score: solveScoreBased, inactive: solveInactiveChallenges } }
    const equipFrame = (frame: Frame) => addMethods(frame, guarded, page, frame, options, memory)
    addMethods(page, guarded, page, undefined, options, memory)
    for (const frame of page.frames()) equipFrame(frame)
    page.on('frameattached', equipFrame)
  }
}

type AnyContext = BrowserContext | PlaywrightContext

function isPlaywrightContext(context: AnyContext): context is PlaywrightContext {
  return 'addInitScript' in context
}

function addMethods(
  target: Page | Frame,
  guarded: Promise<GuardedContext>,
  page: Page,
  frame: Frame | undefined,
  options: MethodOptions,
  memory: PageMemory,
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
