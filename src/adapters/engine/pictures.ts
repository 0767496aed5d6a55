import type { TextHints } from '../../base/challenge.js'
import { printable, SolveguardError } from '../../base/errors.js'
import type { Solution } from '../../guard/types.js'
import type { Driver, DriverElement } from '../driver.js'
import { checkOptionNames } from './check-options.js'
import { watchDocument } from './document-watcher.js'
import type { ElementLocation } from './finder.js'
import { captchaClosed, pageGone, widgetGone } from './page-errors.js'
import { BROKEN, readPicture, readText, TAKE_SCREENSHOT } from './picture-scripts.js'
import { callWithTimeout } from './timeouts.js'
import type { SolveTools } from './tools.js'

/** Options of `captcha.solveImage`: hints about the text, and the field for it. */
export interface SolveImageOptions<E> extends TextHints {
  /**
   * The field into which the text is typed, in place of its present value.
   * @default nothing is typed
   */
  into?: E | undefined
  /**
   * Ends the call early, with `SOLVE_ABORTED`; what was submitted stays accounted for.
   * @default none
   */
  signal?: AbortSignal | undefined
}

/** Options of `captcha.solveGrid`: a grid of nine pictures. */
export interface SolveGridOptions<E> {
  /** The nine elements, in reading order. The matching ones are clicked. */
  cells: readonly E[]
  /** The number that the CAPTCHA asks for, or the sentence with it, or the element with that sentence. */
  instruction: string | E
  /**
   * Ends the call early, with `SOLVE_ABORTED`; what was submitted stays accounted for.
   * @default none
   */
  signal?: AbortSignal | undefined
}

/** How long an element may take to appear, or to be filled or clicked. */
const ELEMENT_MS = 10_000
const CELL_COUNT = 9
const MAX_TEXT_LENGTH = 2_000
/** The largest picture that a guard accepts (1 MiB), in base64. */
const MAX_PICTURE_LENGTH = 1_400_000

const IMAGE_OPTIONS = [
  'into',
  'signal',
  'numeric',
  'minLength',
  'maxLength',
  'phrase',
  'case',
  'math',
  'comment',
] satisfies (keyof SolveImageOptions<unknown>)[]
const GRID_OPTIONS = ['cells', 'instruction', 'signal'] satisfies (keyof SolveGridOptions<unknown>)[]

/** Solves pictures in elements that the caller names. */
export class PictureSolver<E> {
  readonly #tools: SolveTools
  readonly #driver: Driver<never, E>
  readonly #closing: AbortSignal

  /** @param closing ends what is under way */
  constructor(tools: SolveTools, driver: Driver<never, E>, closing: AbortSignal) {
    this.#tools = tools
    this.#driver = driver
    this.#closing = closing
  }

  async solveImage(element: E, options: SolveImageOptions<E> = {}): Promise<Solution> {
    if (this.#closing.aborted) throw captchaClosed()
    checkOptionNames('solveImage', options, IMAGE_OPTIONS)
    const { into, signal, ...hints } = options
    return this.#withElements(
      [element, ...(into === undefined ? [] : [into])],
      signal,
      async ([picture, field], solve) => {
        const image = await this.#picture(picture as DriverElement)
        const solution = await solve.buy({ family: 'image', variant: 'text', ...hints, image })
        if (field) await solve.apply(solution, (text) => field.fill(text))
        return solution
      },
    )
  }

  async solveGrid(options: SolveGridOptions<E>): Promise<Solution> {
    if (this.#closing.aborted) throw captchaClosed()
    checkOptionNames('solveGrid', options, GRID_OPTIONS)
    const { cells, instruction, signal } = options
    if (!Array.isArray(cells) || cells.length !== CELL_COUNT) {
      throw new SolveguardError('CONFIG_INVALID', 'solveGrid() takes nine `cells`, in reading order.')
    }
    const elements = typeof instruction === 'string' ? [] : [instruction]
    return this.#withElements([...cells, ...elements], signal, async (found, solve) => {
      const pictures = found.slice(0, CELL_COUNT)
      const text = typeof instruction === 'string' ? instruction : await this.#text(found[CELL_COUNT] as DriverElement)
      const images = await Promise.all(pictures.map((cell) => this.#picture(cell)))
      const solution = await solve.buy({ family: 'bls', variant: 'grid', images, instruction: text })
      await solve.apply(solution, async (token) => {
        for (const cell of cellsIn(token)) await (pictures[cell - 1] as DriverElement).click()
      })
      return solution
    })
  }

  /** Finds elements, which must be in one document, and runs a solve with them for as long as that document exists. */
  async #withElements(
    named: readonly E[],
    signal: AbortSignal | undefined,
    run: (found: readonly DriverElement[], solve: PictureSolve) => Promise<Solution>,
  ): Promise<Solution> {
    const found: DriverElement[] = []
    try {
      for (const one of named) found.push(await this.#element(one))
      const [first] = found
      if (!first) throw new TypeError('No element was named.')
      if (found.some(({ frame }) => frame !== first.frame)) {
        throw new SolveguardError(
          'CONFIG_INVALID',
          'The elements of one CAPTCHA must be in one page, and in one frame.',
        )
      }
      const location = await this.#tools.finder.locate(first.page, first.frame)
      const gone = watchDocument(this.#tools, location)
      try {
        const ends = [this.#closing, gone.signal, ...(signal ? [signal] : [])]
        return await run(found, this.#solveIn(location, AbortSignal.any(ends)))
      } catch (thrown) {
        const lost = gone.signal.aborted || location.page.isClosed()
        throw lost && thrown instanceof SolveguardError && CAUSED_BY_PAGE_GONE.has(thrown.code) ? pageGone() : thrown
      } finally {
        gone.stop()
      }
    } finally {
      await Promise.all(found.map((one) => callWithTimeout(this.#tools.clock, ELEMENT_MS, () => one.dispose())))
    }
  }

  #solveIn({ pageUrl, frameUrl, pageLoad }: ElementLocation, signal: AbortSignal): PictureSolve {
    const { grant, clock } = this.#tools
    return {
      buy: (picture) => grant.solve({ ...picture, pageUrl, frameUrl }, { signal, pageLoad }),
      async apply(solution, use) {
        const done = signal.aborted ? undefined : await callWithTimeout(clock, ELEMENT_MS, () => use(solution.token))
        if (done?.ok) return grant.injected(solution, { ok: true })
        // The tool's own error may contain the text that was typed.
        const error = done?.error instanceof SolveguardError ? done.error : widgetGone()
        grant.injected(solution, { ok: false, error })
        throw error
      },
    }
  }

  async #element(named: E): Promise<DriverElement> {
    const find = this.#driver.element
    if (!find) throw new SolveguardError('CONFIG_INVALID', 'This adapter cannot find elements.')
    const reply = await callWithTimeout(this.#tools.clock, ELEMENT_MS + 1_000, () => find(named, ELEMENT_MS))
    if (reply.ok) return reply.value as DriverElement
    if (reply.error instanceof SolveguardError) throw reply.error
    const detail = reply.error instanceof Error ? ` ${printable(reply.error.message.split('\n', 1)[0] ?? '')}` : ''
    throw new SolveguardError('WIDGET_GONE', `The element is not in the page.${detail}`)
  }

  async #picture(element: DriverElement): Promise<Uint8Array> {
    const { clock, evaluateMs } = this.#tools
    const own = await callWithTimeout(clock, evaluateMs, () => element.evaluate(readPicture))
    if (own.ok && own.value === BROKEN)
      throw new SolveguardError('WIDGET_GONE', 'The picture did not load; nothing was spent on it.')
    if (own.ok && typeof own.value === 'string' && own.value !== TAKE_SCREENSHOT) {
      const bytes = bytesOf(own.value)
      if (bytes) return bytes
    }
    const screenshot = await callWithTimeout(clock, ELEMENT_MS, () => element.screenshot())
    if (screenshot.ok && screenshot.value instanceof Uint8Array) return screenshot.value
    if (element.page.isClosed() || element.frame.isDetached()) throw pageGone()
    throw new SolveguardError('WIDGET_GONE', 'No screenshot could be taken of the element; nothing was spent on it.')
  }

  async #text(element: DriverElement): Promise<string> {
    const read = await callWithTimeout(this.#tools.clock, this.#tools.evaluateMs, () => element.evaluate(readText))
    const text = read.ok && typeof read.value === 'string' && read.value.length <= MAX_TEXT_LENGTH ? read.value : ''
    return printable(text.replace(/\s+/g, ' ').trim(), 199)
  }
}

/** The codes of errors whose real cause may be that the document is gone. */
const CAUSED_BY_PAGE_GONE: ReadonlySet<string> = new Set(['SOLVE_ABORTED', 'WIDGET_GONE', 'PAGE_UNRESPONSIVE'])

/** A solve of a picture, while its document exists. */
interface PictureSolve {
  buy(picture: PictureInput): Promise<Solution>
  /** Types or clicks a solution, and reports to the grant whether that worked. */
  apply(solution: Solution, use: (token: string) => Promise<void>): Promise<void>
}

type PictureInput =
  | ({ readonly family: 'image'; readonly variant: 'text'; readonly image: Uint8Array } & TextHints)
  | {
      readonly family: 'bls'
      readonly variant: 'grid'
      readonly images: readonly Uint8Array[]
      readonly instruction: string
    }

function bytesOf(uri: string): Uint8Array | undefined {
  const base64 =
    uri.length <= MAX_PICTURE_LENGTH
      ? /^data:image\/(?:png|jpeg|gif);base64,([A-Za-z0-9+/]+=*)$/.exec(uri)?.[1]
      : undefined
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64')
}

/** The cells of an answer, from 1. The package's solvers check them; a user's own solver may not. */
function cellsIn(token: string): number[] {
  if (/^\[[1-9](?:,[1-9]){0,8}\]$/.test(token)) return JSON.parse(token)
  throw new SolveguardError('SOLVER_REPLY_INVALID', 'The solver returned no list of cells from 1 to 9.')
}
