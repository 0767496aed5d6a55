import type { Frame, Page } from 'puppeteer-core'
import { systemClock } from '../../base/clock.js'
import { type DeniedError, SolveguardError } from '../../base/errors.js'
import type { Grant, Solution } from '../../guard/types.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import type { Captcha } from '../engine/captcha.js'
import type { Found } from '../engine/finder.js'
import { boundedUrl, isBlankUrl } from '../engine/frame-url.js'
import { pageGone } from '../engine/page-errors.js'
import { type SolveResult, unnamedPage } from '../engine/result.js'
import type { SolvePageOptions } from '../engine/solve-page.js'
import { type BoughtSolutions, externalSolution } from './bought-solutions.js'
import type { ExtraDefaults } from './options.js'
import { stateError, toSolveguardError, waitForVendorScript } from './page-state.js'
import type { PrepaidGrant } from './prepaid-grant.js'
import type {
  CaptchaInfo,
  CaptchaSolution,
  CaptchaSolved,
  EnterRecaptchaSolutionsResult,
  FilteredCaptcha,
  FindRecaptchasResult,
  GetSolutionsResult,
  SolveRecaptchasResult,
} from './recaptcha-plugin-types.js'
import {
  type IncludedWidgets,
  sentence,
  toCaptchaInfo,
  toCaptchaSolution,
  toFailedSolution,
  toNoSolution,
  toNotSolved,
  toSolved,
} from './to-recaptcha.js'
import { type Feedback, showFeedback } from './visual-feedback.js'

/** A guarded context, as the methods need it. */
export interface GuardedContext extends PrepaidGrant {
  readonly captcha: Captcha<Page>
}

/** A widget, and the load of the page in which it was found. */
interface KnownWidget {
  readonly found: FoundChallenge
  readonly pageLoad: object
}

/** What the methods of a page and of its frames share. */
export interface PageMemory {
  /** What the last scan of the page found, by id. */
  readonly known: Map<string, KnownWidget>
  readonly bought: BoughtSolutions
}

/** What became of one widget of a call, and what it returns for it. */
interface Part<T> {
  readonly item: T
  readonly failure?: SolveguardError | undefined
}

/** The fields that a solve depends on: a caller's list has to have them as they were found. */
const CHECKED = ['_vendor', 'sitekey', 'url', 's', 'action', 'isEnterprise'] as const satisfies (keyof CaptchaInfo)[]

/** The methods of one page, or of one frame of it, in that plugin's words. */
export class RecaptchaMethods {
  readonly #guarded: Promise<GuardedContext>
  readonly #page: Page
  /** The frame of which it lists widgets; undefined: the whole page. */
  readonly #frame: Frame | undefined
  /** Read by each call: scripts may change the plugin's `opts` later. */
  readonly #options: Readonly<ExtraDefaults>
  readonly #memory: PageMemory

  constructor(
    guarded: Promise<GuardedContext>,
    page: Page,
    frame: Frame | undefined,
    options: Readonly<ExtraDefaults>,
    memory: PageMemory,
  ) {
    this.#guarded = guarded
    this.#page = page
    this.#frame = frame
    this.#options = options
    this.#memory = memory
  }

  findCaptchas(): Promise<readonly FoundChallenge[]> {
    return this.#ownErrors(() => this.#find())
  }

  solveCaptchas(options: SolvePageOptions = {}): Promise<SolveResult> {
    return this.#ownErrors(async () => {
      const { captcha, grant } = await this.#guarded
      this.#checkState()
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
      return captcha.solve(this.#page, { ...options, which: (await this.#find()).filter(({ due }) => due) })
    })
  }

  findRecaptchas(): Promise<FindRecaptchasResult> {
    return this.#result(
      async () => ({ result: await this.#scan(), parts: [] }),
      () => ({ captchas: [], filtered: [] }),
    )
  }

  getRecaptchaSolutions(captchas: readonly CaptchaInfo[], provider?: unknown): Promise<GetSolutionsResult> {
    return this.#result(
      async () => {
        if (provider !== undefined) throw providerUnsupported()
        checkList('captchas', captchas)
        const { grant } = await this.#guarded
        this.#checkState()
        const denial = this.#deny(grant)
        if (denial) throw denial
        await this.#findAll()
        const refusals = captchas.map((one) => this.#refusal(one))
        const refused = refusals.find((one) => one !== undefined)
        // Nothing is bought for a call whose results would be lost by a throw.
        if (this.#options.throwOnError && refused) throw refused
        const parts = await allEnded(
          captchas.map(async (one, index) => {
            const failure = refusals[index]
            return failure ? { item: toFailedSolution(one, failure, new Date()), failure } : this.#buy(grant, one)
          }),
        )
        return { result: { solutions: parts.map(({ item }) => item) }, parts }
      },
      () => ({ solutions: [] }),
    )
  }

  enterRecaptchaSolutions(solutions: readonly CaptchaSolution[]): Promise<EnterRecaptchaSolutionsResult> {
    return this.#result(
      async () => {
        checkList('solutions', solutions)
        await this.#guarded
        this.#checkState()
        await this.#findAll()
        // What has no solution, and says so, has nothing to be entered.
        const given = solutions.filter(({ hasSolution, text }) => hasSolution !== false || text)
        const parts = await allEnded(given.map((one) => this.#enter(one)))
        return { result: { solved: parts.map(({ item }) => item) }, parts }
      },
      () => ({ solved: [] }),
    )
  }

  solveRecaptchas(): Promise<SolveRecaptchasResult> {
    return this.#result(
      async () => {
        const { grant } = await this.#guarded
        this.#checkState()
        const denial = this.#deny(grant)
        if (denial) throw denial
        const { captchas, filtered } = await this.#scan()
        const parts = await allEnded(captchas.map((one) => this.#solve(grant, one)))
        const solutions = parts.map(({ item }) => item.solution)
        const solved = parts.flatMap(({ item }) => item.solved ?? [])
        return { result: { captchas, filtered, solutions, solved }, parts }
      },
      () => ({ captchas: [], filtered: [], solutions: [], solved: [] }),
    )
  }

  async #find(): Promise<readonly FoundChallenge[]> {
    return (await this.#findAll()).filter((one) => this.#isHere(one))
  }

  async #findAll(): Promise<Found> {
    const { captcha } = await this.#guarded
    this.#checkState()
    const all = await captcha.find(this.#page)
    this.#checkState()
    const { known } = this.#memory
    known.clear()
    for (const one of all) known.set(one.id, { found: one, pageLoad: all.pageLoad })
    return all
  }

  /** Lists widgets. If the page is loading the vendor's script, it first waits for a widget. */
  async #scan(): Promise<{ captchas: CaptchaInfo[]; filtered: FilteredCaptcha[] }> {
    const { grant } = await this.#guarded
    this.#checkState()
    const frame = this.#frame ?? this.#page.mainFrame()
    // Nothing is run in a page or a frame that the policy does not name, and nothing need be in a blank one.
    const isNamed = () => [this.#page.mainFrame(), frame].every((one) => !this.#isUnnamed(grant, one))
    await waitForVendorScript(this.#page, frame, isNamed)
    const all = await this.#findAll()
    const denial = unnamedPage(all.unnamed)?.error
    if (denial) throw denial
    const here = all.filter((one) => this.#isHere(one))
    const infos = here.map((one) => toCaptchaInfo(one, this.#included()))
    return { captchas: infos.filter((one) => !isFiltered(one)), filtered: infos.filter(isFiltered) }
  }

  #included(): IncludedWidgets {
    const { solveScoreBased, solveInactiveChallenges, solveInViewportOnly } = this.#options
    return { score: solveScoreBased, inactive: solveInactiveChallenges, inViewportOnly: solveInViewportOnly }
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

  /** Why a widget of the caller's is refused before anything is bought; undefined if it was found as it is. */
  #refusal(info: CaptchaInfo): SolveguardError | undefined {
    const known = this.#memory.known.get(info.id)
    if (!known) return unknownWidget()
    const found: Partial<Record<keyof CaptchaInfo, unknown>> = toCaptchaInfo(known.found, this.#included())
    const changed = CHECKED.find((name) => info[name] !== undefined && info[name] !== found[name])
    return changed === undefined ? undefined : changedWidget(changed)
  }

  async #buy(grant: Grant, info: CaptchaInfo): Promise<Part<CaptchaSolution>> {
    const { found, pageLoad } = this.#memory.known.get(info.id) as KnownWidget
    if (found.answered) return { item: toNoSolution(found) }
    const requestAt = new Date()
    this.#show(grant, found, 'solving')
    try {
      const bought = await this.#memory.bought.getOrBuy(found.id, () => grant.solve(found, { pageLoad }))
      this.#show(grant, found, 'none')
      return { item: toCaptchaSolution(found, bought.solution, bought.requestAt, bought.responseAt) }
    } catch (thrown) {
      this.#show(grant, found, 'refused')
      const failure = this.#toOwnError(thrown)
      return { item: toFailedSolution(info, failure, requestAt), failure }
    }
  }

  async #enter(given: CaptchaSolution): Promise<Part<CaptchaSolved>> {
    const found = this.#memory.known.get(given.id ?? '')?.found
    const failed = (failure: SolveguardError) => ({ item: toNotSolved(given, failure), failure })
    if (!found) return failed(unknownWidget())
    const bought = (await this.#memory.bought.find(found.id))?.solution
    // A copy of a solution has no token, which is not enumerable, but its ids.
    const isBought = bought && (given.text ? given.text === bought.token : given.providerCaptchaId === bought.taskId)
    const solution = isBought ? bought : given.text ? externalSolution(systemClock, given.text) : undefined
    if (!solution) return failed(noSolution())
    const { grant } = await this.#guarded
    const { solved, failure } = await this.#inject(grant, found, solution)
    return failure ? failed(failure) : { item: solved as CaptchaSolved }
  }

  /** Solves one widget, with what was bought for it, if anything was. */
  async #solve(
    grant: Grant,
    info: CaptchaInfo,
  ): Promise<Part<{ solution: CaptchaSolution; solved?: CaptchaSolved | undefined }>> {
    const { found } = this.#memory.known.get(info.id) ?? {}
    const requestAt = new Date()
    if (!found) {
      const failure = pageGone()
      return { item: { solution: toFailedSolution(info, failure, requestAt) }, failure }
    }
    if (found.answered) return { item: { solution: toNoSolution(found) } }
    const bought = await this.#memory.bought.find(found.id)?.catch(() => undefined)
    const { solution, solved, failure } = await this.#inject(grant, found, bought?.solution)
    if (!solution || failure) {
      const error = failure ?? pageGone()
      return { item: { solution: toFailedSolution(info, error, requestAt) }, failure: error }
    }
    const times = bought ?? { requestAt, responseAt: new Date() }
    return { item: { solution: toCaptchaSolution(found, solution, times.requestAt, times.responseAt), solved } }
  }

  /** Puts a solution into the page: the given one, or one that is bought for that. */
  async #inject(
    grant: Grant,
    found: FoundChallenge,
    given: Solution | undefined,
  ): Promise<{ solution?: Solution; solved?: CaptchaSolved; failure?: SolveguardError }> {
    const { captcha, withSolution } = await this.#guarded
    const solve = () => captcha.solve(this.#page, { which: [found] })
    this.#show(grant, found, 'solving')
    try {
      const { solved, failed, denied } = given ? await withSolution(given, solve) : await solve()
      const [one] = solved
      const failure = [...failed, ...denied][0]?.error
      this.#show(grant, found, one ? 'solved' : 'refused')
      if (!one) return { failure: failure ?? pageGone() }
      this.#memory.bought.entered(found.id, one.solution)
      return { solution: one.solution, solved: toSolved(found, one.solution, one.told) }
    } catch (thrown) {
      this.#show(grant, found, 'refused')
      const failure = this.#toOwnError(thrown)
      // The widget was not in another call's scan of the page any more.
      return { failure: failure.code === 'CONFIG_INVALID' ? pageGone() : failure }
    }
  }

  #show(grant: Grant, found: FoundChallenge, feedback: Feedback): void {
    if (this.#options.visualFeedback) showFeedback(this.#page, grant, found, feedback)
  }

  #isHere({ frameUrl, pageUrl }: FoundChallenge): boolean {
    if (!this.#frame) return true
    const [address = ''] = this.#frame.url().split('#', 1)
    return this.#frame === this.#page.mainFrame() ? frameUrl === undefined : (frameUrl ?? pageUrl) === address
  }

  /** @throws SolveguardError `PAGE_GONE` */
  #checkState(): void {
    const error = stateError(this.#page, this.#frame)
    if (error) throw error
  }

  /** An error of the page's end as one of ours. @throws what has another cause */
  #toOwnError(thrown: unknown): SolveguardError {
    const error = toSolveguardError(thrown, this.#page, this.#frame)
    if (error) return error
    throw thrown
  }

  async #ownErrors<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (thrown) {
      throw this.#toOwnError(thrown)
    }
  }

  /** Returns errors, as that plugin does, or throws them with `throwOnError`. */
  async #result<T extends object>(
    run: () => Promise<{ result: T; parts: readonly Part<unknown>[] }>,
    empty: () => T,
  ): Promise<T & { error: string | null }> {
    let failure: SolveguardError | undefined
    let result: T
    try {
      const ran = await run()
      result = ran.result
      failure = ran.parts.find((part) => part.failure)?.failure
    } catch (thrown) {
      failure = this.#toOwnError(thrown)
      result = empty()
    }
    if (failure && this.#options.throwOnError) throw failure
    return { ...result, error: failure ? sentence(failure) : null }
  }
}

/** Waits for all, so that what was bought is not lost by the error of another one; then throws the first error. */
async function allEnded<T>(parts: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(parts)
  return ended.map((end) => {
    if (end.status === 'rejected') throw end.reason
    return end.value
  })
}

function isFiltered(info: CaptchaInfo | FilteredCaptcha): info is FilteredCaptcha {
  return 'filtered' in info
}

/** @throws SolveguardError `CHALLENGE_INVALID` for what a script without types passes by mistake */
function checkList(name: 'captchas' | 'solutions', given: unknown): void {
  if (Array.isArray(given) && given.every((one) => typeof one === 'object' && one !== null)) return
  throw new SolveguardError(
    'CHALLENGE_INVALID',
    name === 'captchas'
      ? 'captchas: expected the list `captchas` of what findRecaptchas() returned. Nothing was bought.'
      : 'solutions: expected the list `solutions` of what getRecaptchaSolutions() returned.',
  )
}

function unknownWidget(): SolveguardError {
  return new SolveguardError(
    'WIDGET_GONE',
    'This page has no such widget: pass what its findRecaptchas() returned, since it was loaded. Nothing was bought.',
  )
}

function changedWidget(field: string): SolveguardError {
  return new SolveguardError(
    'CHALLENGE_INVALID',
    `captchas: \`${field}\` is not as findRecaptchas() returned it. A captcha is solved as it was found; for another ` +
      'action or score, use page.solveCaptchas({ which }). Nothing was bought.',
  )
}

function noSolution(): SolveguardError {
  return new SolveguardError(
    'CHALLENGE_INVALID',
    'This solution has no `text`, and nothing that was bought for its widget: pass what getRecaptchaSolutions() ' +
      'returned, or { id, text }.',
  )
}

/** The error for a caller that names another service than the guard's. */
export function providerUnsupported(): SolveguardError {
  return new SolveguardError(
    'CONFIG_INVALID',
    'A provider cannot be named here: the guard uses its own service, within its budget. ' +
      'Name it in createGuard({ solver }).',
  )
}
