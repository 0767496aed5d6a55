import type { Frame, Page } from 'puppeteer-core'
import { type DeniedError, SolveguardError } from '../../base/errors.js'
import type { Grant, Solution } from '../../guard/types.js'
import { ZERO } from '../../policy/money.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { Captcha } from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'
import { boundedUrl, isBlankUrl } from '../engine/frame-url.js'
import { type SolveResult, unnamedPage } from '../engine/result.js'
import type { SolvePageOptions } from '../engine/solve-page.js'
import type { PrepaidGrant } from './prepaid-grant.js'
import {
  type CaptchaInfo,
  type CaptchaSolution,
  type CaptchaSolved,
  type EnterRecaptchaSolutionsResult,
  type FilteredCaptcha,
  type FindRecaptchasResult,
  type GetSolutionsResult,
  type IncludedWidgets,
  type SolveRecaptchasResult,
  toCaptchaInfo,
  toCaptchaSolution,
  toFailedSolution,
  toNotSolved,
  toSolved,
} from './recaptcha-plugin-types.js'

/** The plugin's options, as the drop-in methods need them. */
export interface MethodOptions {
  readonly include: IncludedWidgets
  readonly throwOnError: boolean
}

/** A guarded context, as the methods need it. */
export interface GuardedContext extends PrepaidGrant {
  readonly captcha: Captcha<Page>
}

const RENDER_TIMEOUT_MS = 10_000
const POLL_MS = 50
const EXTERNAL_TTL_MS = 120_000
const SCRIPT = 'script[src*="/recaptcha/api.js"], script[src*="/recaptcha/enterprise.js"]'
const READY = 'Object.keys((window.___grecaptcha_cfg || {}).clients || {}).length > 0'

/** The methods of one page, or of one frame of it, in that plugin's words. */
export class RecaptchaMethods {
  readonly #guarded: Promise<GuardedContext>
  readonly #page: Page
  /** The frame of which it lists widgets; undefined: the whole page. */
  readonly #frame: Frame | undefined
  readonly #options: MethodOptions
  /** What the last scan of the page found, by id. */
  readonly #known: PageMemory['known']
  /** What was bought and not injected yet, by its token. */
  readonly #bought: Map<string, Solution>

  constructor(
    guarded: Promise<GuardedContext>,
    page: Page,
    frame: Frame | undefined,
    options: MethodOptions,
    memory: PageMemory,
  ) {
    this.#guarded = guarded
    this.#page = page
    this.#frame = frame
    this.#options = options
    this.#known = memory.known
    this.#bought = memory.bought
  }

  async findCaptchas(): Promise<readonly FoundChallenge[]> {
    return (await this.#findAll()).filter((one) => this.#isHere(one))
  }

  async #findAll(): Promise<Found> {
    const { captcha } = await this.#guarded
    const all = await captcha.find(this.#page)
    this.#known.clear()
    for (const one of all) this.#known.set(one.id, { found: one, pageLoad: all.pageLoad })
    return all
  }

  async solveCaptchas(options: SolvePageOptions = {}): Promise<SolveResult> {
    const { captcha, grant } = await this.#guarded
    const { which = 'due', throwOnDenied } = options
    if (!this.#frame || which !== 'due' || this.#isUnnamed(grant, this.#page.mainFrame())) {
      return captcha.solve(this.#page, options)
    }
    if (!isBlankUrl(this.#frame.url()) && this.#isUnnamed(grant, this.#frame)) {
      const error = this.#deny(grant)
      if (error && throwOnDenied) throw error
      const nothing = await captcha.solve(this.#page, { ...options, which: [] })
      return { ...nothing, denied: error ? [{ error }] : [] }
    }
    return captcha.solve(this.#page, { ...options, which: (await this.findCaptchas()).filter(({ due }) => due) })
  }

  async findRecaptchas(): Promise<FindRecaptchasResult> {
    return this.#resultOrError(
      async () => {
        const { captchas, filtered } = await this.#scan()
        return { captchas, filtered, error: null }
      },
      { captchas: [], filtered: [] },
    )
  }

  async getRecaptchaSolutions(captchas: readonly CaptchaInfo[], provider?: unknown): Promise<GetSolutionsResult> {
    return this.#resultOrError(
      async () => {
        if (provider !== undefined) throw providerUnsupported()
        const { grant } = await this.#guarded
        const solutions = await Promise.all(captchas.map(({ id }) => this.#buy(grant, this.#find(id))))
        return { solutions, error: firstError(solutions) }
      },
      { solutions: [] },
    )
  }

  async enterRecaptchaSolutions(solutions: readonly CaptchaSolution[]): Promise<EnterRecaptchaSolutionsResult> {
    return this.#resultOrError(
      async () => {
        const solved = await Promise.all(solutions.filter(({ text }) => text).map((one) => this.#enter(one)))
        return { solved, error: firstError(solved) }
      },
      { solved: [] },
    )
  }

  async solveRecaptchas(): Promise<SolveRecaptchasResult> {
    return this.#resultOrError(
      async () => {
        const { captcha, grant } = await this.#guarded
        const denial = this.#deny(grant)
        if (denial) throw denial
        const { captchas, filtered } = await this.#scan()
        // Answered and hidden widgets are left alone.
        const due = captchas
          .map(({ id }) => this.#find(id).found)
          .filter((one) => !one.answered && (one.visible || !isCheckbox(one)))
        const requestAt = new Date()
        const result = await captcha.solve(this.#page, { which: due })
        const responseAt = new Date()
        const solutions = [
          ...result.solved.map(({ challenge, solution }) =>
            toCaptchaSolution(challenge, solution, requestAt, responseAt),
          ),
          ...[...result.denied, ...result.failed].flatMap(({ challenge, error }) =>
            challenge ? [toFailedSolution(challenge, error)] : [],
          ),
        ]
        const solved = result.solved.map(({ challenge, told }) =>
          toSolved(challenge.id, challenge.family, responseAt, told),
        )
        return { captchas, filtered, solutions, solved, error: firstError(solutions) }
      },
      { captchas: [], filtered: [], solutions: [], solved: [] },
    )
  }

  /** Lists widgets. If the page is loading the vendor's script, it first waits for a widget. */
  async #scan(): Promise<{ captchas: CaptchaInfo[]; filtered: FilteredCaptcha[] }> {
    const { grant } = await this.#guarded
    const frame = this.#frame ?? this.#page.mainFrame()
    // Nothing is run in a page or a frame that the policy does not name, and nothing need be in a blank one.
    const isNamed = () => [this.#page.mainFrame(), frame].every((one) => !this.#isUnnamed(grant, one))
    if (isNamed() && (await frame.$(SCRIPT))) await waitUntilTrue(frame, READY, isNamed)
    const all = await this.#findAll()
    const denial = unnamedPage(all.unnamed)?.error
    if (denial) throw denial
    const here = all.filter((one) => this.#isHere(one))
    const infos = here.map((one) => toCaptchaInfo(one, this.#options.include))
    return {
      captchas: infos.filter((one) => !isFiltered(one)),
      filtered: infos.filter(isFiltered),
    }
  }

  #isUnnamed(grant: Grant, frame: Frame): boolean {
    const what = frame === this.#page.mainFrame() ? 'page' : 'frame'
    return grant.originDenial(what, boundedUrl(frame.url())) !== undefined
  }

  /** The denial of a solve here, which is recorded; a blank frame is left to the scan, which knows its origin. */
  #deny(grant: Grant): DeniedError | undefined {
    const main = this.#page.mainFrame()
    const frame = this.#frame === main || isBlankUrl(this.#frame?.url() ?? '') ? undefined : this.#frame
    return grant.denyUnnamed(boundedUrl(main.url()), frame && boundedUrl(frame.url()))
  }

  async #buy(grant: Grant, { found, pageLoad }: KnownWidget): Promise<CaptchaSolution> {
    const { family, variant, sitekey, pageUrl, frameUrl, action, minScore, dataS, apiHost } = found
    const challenge = { family, variant, sitekey, pageUrl, frameUrl, action, minScore, dataS, apiHost }
    const requestAt = new Date()
    try {
      const solution = await grant.solve(challenge, { pageLoad })
      this.#bought.set(solution.token, solution)
      return toCaptchaSolution(found, solution, requestAt, new Date())
    } catch (error) {
      if (error instanceof SolveguardError) return toFailedSolution(found, error)
      throw error
    }
  }

  async #enter({ id, text = '' }: CaptchaSolution): Promise<CaptchaSolved> {
    const { found } = this.#find(id)
    const { captcha, withSolution } = await this.#guarded
    const solution = this.#bought.get(text) ?? externalSolution(text)
    this.#bought.delete(text)
    const { solved, failed } = await withSolution(solution, () => captcha.solve(this.#page, { which: [found] }))
    const [failure] = failed
    return failure
      ? toNotSolved(id, found.family, `${failure.error.code}: ${failure.error.message}`)
      : toSolved(id, found.family, new Date(), solved[0]?.told ?? true)
  }

  #find(id: string): KnownWidget {
    const known = this.#known.get(id)
    if (known) return known
    throw new SolveguardError(
      'WIDGET_GONE',
      'The last findRecaptchas() found no such widget in this page: call it again.',
    )
  }

  #isHere({ frameUrl, pageUrl }: FoundChallenge): boolean {
    if (!this.#frame) return true
    const [address = ''] = this.#frame.url().split('#', 1)
    return this.#frame === this.#page.mainFrame() ? frameUrl === undefined : (frameUrl ?? pageUrl) === address
  }

  /** Returns errors, as that plugin does, or throws them with `throwOnError`. */
  async #resultOrError<T extends { error: string | null }>(run: () => Promise<T>, empty: Omit<T, 'error'>): Promise<T> {
    let result: T
    try {
      result = await run()
    } catch (error) {
      if (this.#options.throwOnError || !(error instanceof SolveguardError)) throw error
      return { ...empty, error: `${error.code}: ${error.message}` } as T
    }
    if (this.#options.throwOnError && result.error !== null) throw new Error(result.error)
    return result
  }
}

/**
 * Waits until an expression is true in a frame, for at most `RENDER_TIMEOUT_MS`, and for as long as the policy names
 * it. Uses only what Puppeteer and Playwright have in common.
 */
async function waitUntilTrue(frame: Frame, expression: string, isNamed: () => boolean): Promise<void> {
  for (let waited = 0; waited < RENDER_TIMEOUT_MS && isNamed(); waited += POLL_MS) {
    // If the frame is gone, the next scan reports that.
    if (await frame.evaluate(expression).catch(() => true)) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** A widget, and the load of the page in which it was found. */
interface KnownWidget {
  readonly found: FoundChallenge
  readonly pageLoad: object
}

/** What the methods of a page and of its frames share. */
export interface PageMemory {
  readonly known: Map<string, KnownWidget>
  readonly bought: Map<string, Solution>
}

function isFiltered(info: CaptchaInfo | FilteredCaptcha): info is FilteredCaptcha {
  return 'filtered' in info
}

function isCheckbox({ variant }: FoundChallenge): boolean {
  return !/v3|score|invisible/.test(variant)
}

function firstError(list: readonly { error?: string | undefined }[]): string | null {
  return list.find(({ error }) => error !== undefined)?.error ?? null
}

/** A token that was not bought here: it costs nothing, and cannot be reported to a service. */
function externalSolution(token: string): Solution {
  return {
    token,
    cost: ZERO,
    imputed: false,
    taskId: '',
    expiresAt: new Date(Date.now() + EXTERNAL_TTL_MS),
    reportGood: async () => {},
    reportBad: async () => {},
  }
}

/** The error for a caller that names another service than the guard's. */
export function providerUnsupported(): SolveguardError {
  return new SolveguardError(
    'CONFIG_INVALID',
    'A provider cannot be named here: the guard uses its own service, within its budget. ' +
      'Name it in createGuard({ solver }).',
  )
}
