import type {
  Browser as PlaywrightBrowser,
  BrowserContext as PlaywrightContext,
  Page as PlaywrightPage,
} from 'playwright-core'
import type { Browser, BrowserContext, Frame, Page, Target } from 'puppeteer-core'
import { systemClock } from '../../base/clock.js'
import { printable, SolveguardError } from '../../base/errors.js'
import type { Grant } from '../../guard/types.js'
import { guardContext as guardPlaywright } from '../playwright/index.js'
import { guardContext } from '../puppeteer/index.js'
import {
  type DataFromPlugins,
  optionsThatThrow,
  otherPluginError,
  overriddenMethod,
  PLUGIN_NAME,
  pluginsOf,
} from './both-plugins.js'
import { BoughtSolutions } from './bought-solutions.js'
import type { CaptchaMethods, ExtraDefaults, ExtraOptions, ExtraPlugin } from './options.js'
import { prepaidGrant } from './prepaid-grant.js'
import { type GuardedContext, type PageMemory, providerUnsupported, RecaptchaMethods } from './recaptcha-plugin.js'

export type * from '../engine/public-types.js'
export type { CaptchaMethods, ExtraDefaults, ExtraOptions, ExtraPlugin, ExtraProvider } from './options.js'
export type * from './recaptcha-plugin-types.js'

/** The plugin's options, with Puppeteer's contexts and pages. */
export interface PluginOptions extends ExtraOptions<BrowserContext, Page> {}

declare module 'puppeteer-core' {
  interface Page extends CaptchaMethods {}
  interface Frame extends CaptchaMethods {}
}

/**
 * A plugin for puppeteer-extra: pages and frames get `findCaptchas` and `solveCaptchas`, and the methods of
 * puppeteer-extra-plugin-recaptcha, all under the guard.
 *
 * @throws SolveguardError `CONFIG_INVALID` for unknown or unsupported options
 * @example
 * puppeteer.use(solveguard({ guard: createGuard({ policy: { origins: ['https://staging.example.com'] } }) }))
 * const browser = await puppeteer.launch()
 * const page = await browser.newPage()
 * await page.goto('https://staging.example.com/login')
 * const { solved, error } = await page.solveRecaptchas()
 */
export default function solveguard(options: PluginOptions): ExtraPlugin {
  checkPluginOptions(options)
  // Only the members that puppeteer-extra requires: its base class would add a logger and a merge of options.
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
  const { guard, provider } = options ?? ({} as Partial<PluginOptions>)
  if (typeof provider?.token === 'string' && provider.token !== '') {
    process.emitWarning(
      'A key in `provider.token` is a key in your code, and it is not used: remove it, and replace it at the service ' +
        'if the code was ever shared. The guard reads its key from SOLVEGUARD_KEY, or as createGuard({ secret }) ' +
        'defines.',
      { code: 'SOLVEGUARD_KEY_IN_CODE' },
    )
  }
  const unknown = Object.keys(options ?? {}).find((name) => !OPTION_NAMES.has(name))
  if (unknown !== undefined) {
    // A mistyped `policy` would allow more than was intended.
    throw new SolveguardError(
      'CONFIG_INVALID',
      `solveguard() has no option ${printable(unknown, 60)}, only ${[...OPTION_NAMES].join(', ')}.`,
    )
  }
  if (!guard) {
    const id = typeof provider?.id === 'string' ? provider.id : undefined
    const named = id === undefined ? '' : ` The service '${printable(id, 40)}' is chosen there, not here.`
    throw new SolveguardError(
      'CONFIG_INVALID',
      `solveguard({ guard }) takes a guard.${named} ` +
        `Create one: createGuard({ solver: ${solverNamed(id)}(), policy: { origins: ['https://…'] } }).`,
    )
  }
  if (provider?.fn !== undefined) throw providerUnsupported()
}

/** The function of `solveguard/solvers` for what scripts call a service: the key is of that service. */
function solverNamed(id = 'captchaai'): string {
  const name = id.toLowerCase().replace(/[^a-z0-9]/g, '')
  return SOLVERS_BY_ID.get(name) ?? 'captchaAI'
}

const SOLVERS_BY_ID: ReadonlyMap<string, string> = new Map([
  ['2captcha', 'twoCaptcha'],
  ['twocaptcha', 'twoCaptcha'],
  ['anticaptcha', 'antiCaptcha'],
  ['capmonster', 'capMonster'],
  ['capmonstercloud', 'capMonster'],
  ['capsolver', 'capSolver'],
])

class Plugin implements ExtraPlugin {
  readonly name = PLUGIN_NAME
  readonly _isPuppeteerExtraPlugin = true
  /** Read by playwright-extra, which then adds `getDataFromPlugins`. */
  readonly requirements: ReadonlySet<string> = new Set(['dataFromPlugins'])
  readonly dependencies = new Set<never>()
  readonly data: never[] = []
  readonly opts: ExtraDefaults
  getDataFromPlugins?: DataFromPlugins
  readonly #options: PluginOptions
  readonly #guard: Promise<Grant>
  /** Read by playwright-extra: events then have Playwright's own objects, not ones that imitate Puppeteer's. */
  readonly noPuppeteerShim = true
  /** puppeteer-extra's own list, which later calls of `use` extend. */
  #plugins: readonly unknown[] | undefined
  readonly #contexts = new WeakMap<AnyContext, Promise<GuardedContext>>()
  readonly #pages = new WeakSet<Page>()

  constructor(options: PluginOptions) {
    const { visualFeedback, throwOnError, solveInViewportOnly, solveScoreBased, solveInactiveChallenges } = options
    this.opts = {
      visualFeedback: visualFeedback ?? false,
      throwOnError: throwOnError ?? false,
      solveInViewportOnly: solveInViewportOnly ?? false,
      solveScoreBased: solveScoreBased ?? false,
      solveInactiveChallenges: solveInactiveChallenges ?? false,
    }
    this.#options = options
    this.#guard = Promise.resolve(options.guard)
    // A rejection is reported by the launch, which waits for it.
    this.#guard.catch(() => undefined)
  }

  /** Called by puppeteer-extra's `use`. */
  _register(): void {}

  /**
   * Called by puppeteer-extra before it launches or connects, with its list of plugins: this one needs no other ones.
   *
   * @throws SolveguardError `CONFIG_INVALID` if another one has the same methods
   */
  _getMissingDependencies(plugins: readonly unknown[]): Set<never> {
    this.#plugins = plugins
    this.#checkPlugins(plugins)
    return new Set()
  }

  /** Called by puppeteer-extra with each browser that was launched or connected to. */
  async _bindBrowserEvents(browser: Browser): Promise<void> {
    browser.on('targetcreated', (target: Target) => void this.#onTarget(target))
    await Promise.all(browser.browserContexts().map((context) => this.#guarded(context)))
    for (const page of await browser.pages()) this.#addMethods(page)
  }

  /** A launch waits for the guard, and fails if it rejects, or if another plugin has the same methods. */
  beforeLaunch(options: object): Promise<object | undefined> {
    return this.#beforeStart(options)
  }

  beforeConnect(options: object): Promise<object | undefined> {
    return this.#beforeStart(options)
  }

  /** Called by playwright-extra with each browser: one that was connected to has contexts already. */
  onBrowser(browser: PlaywrightBrowser): void {
    for (const context of browser.contexts()) this.onContextCreated(context)
  }

  /** Called by playwright-extra with each context. */
  onContextCreated(context: PlaywrightContext): void {
    if (this.#contexts.has(context)) return
    const guarded = this.#guarded(context)
    // The methods use only those members of pages and frames that both tools have.
    const addTo = (page: unknown) => this.#addMethods(page as Page, guarded)
    context.on('page', addTo)
    for (const page of context.pages()) addTo(page)
  }

  /** Called by playwright-extra with each page, and by scripts with pages that were open before. */
  onPageCreated(page: object): void {
    if ('context' in page) this.onContextCreated((page as PlaywrightPage).context())
    else this.#addMethods(page as Page)
  }

  async #beforeStart(options: object): Promise<object | undefined> {
    try {
      // A dependency of another plugin was added after the list was checked.
      this.#checkPlugins(this.#plugins ?? pluginsOf(this, this.getDataFromPlugins))
      await this.#guard
      return undefined
    } catch (error) {
      if (this.#plugins) throw error
      return optionsThatThrow(options, error)
    }
  }

  #checkPlugins(plugins: readonly unknown[]): void {
    const error = otherPluginError(this, plugins)
    if (error) throw error
  }

  async #onTarget(target: Target): Promise<void> {
    if (`${target.type()}` !== 'page') return
    // Null, or a rejection, for a page that was closed at once.
    const page = await target.page().catch(() => null)
    if (page) this.#addMethods(page)
  }

  #guarded(context: AnyContext): Promise<GuardedContext> {
    const known = this.#contexts.get(context)
    if (known) return known
    const guarded = this.#guardContext(context)
    // A rejection is reported by each method of a page.
    guarded.catch(() => undefined)
    this.#contexts.set(context, guarded)
    return guarded
  }

  async #guardContext(context: AnyContext): Promise<GuardedContext> {
    const { policy, geetestChallenge } = this.#options
    const narrowing = typeof policy === 'function' ? policy(context as BrowserContext) : policy
    const guard = await this.#guard
    if (typeof (guard as Partial<Grant> | undefined)?.narrow !== 'function') {
      throw new SolveguardError('CONFIG_INVALID', 'solveguard({ guard }) takes what createGuard returns.')
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
    const memory: PageMemory = { known: new Map(), bought: new BoughtSolutions(systemClock) }
    const addToFrame = (frame: Frame) =>
      addMethods(frame, new RecaptchaMethods(guarded, page, frame, this.opts, memory))
    addMethods(page, new RecaptchaMethods(guarded, page, undefined, this.opts, memory))
    for (const frame of page.frames()) addToFrame(frame)
    page.on('frameattached', addToFrame)
  }
}

type AnyContext = BrowserContext | PlaywrightContext

function isPlaywrightContext(context: AnyContext): context is PlaywrightContext {
  return 'addInitScript' in context
}

/** Adds the methods to a page or a frame. What another plugin assigns to them is refused. */
function addMethods(target: Page | Frame, methods: RecaptchaMethods): void {
  const added: CaptchaMethods = {
    findCaptchas: () => methods.findCaptchas(),
    solveCaptchas: (solveOptions) => methods.solveCaptchas(solveOptions),
    findRecaptchas: () => methods.findRecaptchas(),
    getRecaptchaSolutions: (captchas, provider) => methods.getRecaptchaSolutions(captchas, provider),
    enterRecaptchaSolutions: (solutions) => methods.enterRecaptchaSolutions(solutions),
    solveRecaptchas: () => methods.solveRecaptchas(),
  }
  for (const [name, method] of Object.entries(added)) {
    Object.defineProperty(target, name, {
      configurable: true,
      enumerable: true,
      get: () => method,
      set() {
        throw overriddenMethod(name)
      },
    })
  }
}
