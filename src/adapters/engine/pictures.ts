import type { TextHints } from '../../base/challenge.js'
import { printable, SolveguardError } from '../../base/errors.js'
import type { Solution } from '../../guard/types.js'
import type { Driver, DriverElement } from '../driver.js'
import { checkOptionNames } from './check-options.js'
import { watchDocument } from './document-watcher.js'
import type { ElementLocation } from './finder.js'
import { pageGone, widgetGone } from './page-errors.js'
import { BROKEN, readPicture, readText, TAKE_SCREENSHOT } from './picture-scripts.js'
import { captchaClosed } from './solve-page.js'
import { within } from './timeouts.js'
import type { SolveTools } from './tools.js'

/** What may be said of a picture with text in it, and where the text goes. */
export interface SolveImageOptions<E> extends TextHints {
  /** The field that the text is typed into, in place of what stands there. Default: nothing is typed. */
  into?: E | undefined
  /** Ends the call early, with `SOLVE_ABORTED`; what was submitted is accounted for. */
  signal?: AbortSignal | undefined
}

/** A grid of nine pictures. */
export interface SolveGridOptions<E> {
  /** The nine elements, in reading order. Those that are meant are clicked. */
  cells: readonly E[]
  /** The number that is asked for or the sentence that has it, or the element that it stands in. */
  instruction: string | E
  /** Ends the call early, with `SOLVE_ABORTED`; what was submitted is accounted for. */
  signal?: AbortSignal | undefined
}

/** How long an element may take to be there, or to let something be done with it, ms. */
const ELEMENT_MS = 10_000
const CELL_COUNT = 9
const MAX_TEXT_LENGTH = 2_000
/** In base64, the largest picture that a guard takes. */
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

/** Solves pictures that the caller shows, through a driver's elements. */
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
      async ([shown, field], work) => {
        const image = await this.#picture(shown as DriverElement)
        const solution = await work.solve({ family: 'image', variant: 'text', ...hints, image })
        if (field) await work.apply(solution, (text) => field.fill(text))
        return solution
      },
    )
  }

  async solveGrid(options: SolveGridOptions<E>): Promise<Solution> {
    if (this.#closing.aborted) throw captchaClosed()
    checkOptionNames('solveGrid', options, GRID_OPTIONS)
    const { cells, instruction, signal } = options
    if (!Array.isArray(cells) || cells.length !== CELL_COUNT) {
      throw new SolveguardError('CONFIG_INVALID', `solveGrid() takes nine \`cells\`, in reading order.`)
    }
    const written = typeof instruction === 'string' ? [] : [instruction]
    return this.#withElements([...cells, ...written], signal, async (found, work) => {
      const shown = found.slice(0, CELL_COUNT)
      const asked = typeof instruction === 'string' ? instruction : await this.#text(found[CELL_COUNT] as DriverElement)
      const images = await Promise.all(shown.map((cell) => this.#picture(cell)))
      const solution = await work.solve({ family: 'bls', variant: 'grid', images, instruction: asked })
      await work.apply(solution, async (token) => {
        for (const cell of cellsIn(token)) await (shown[cell - 1] as DriverElement).click()
      })
      return solution
    })
  }

  /** Finds elements, all of one document, and does some work with them for as long as that document is there. */
  async #withElements(
    named: readonly E[],
    signal: AbortSignal | undefined,
    run: (found: readonly DriverElement[], work: PictureSolve) => Promise<Solution>,
  ): Promise<Solution> {
    const found: DriverElement[] = []
    try {
      for (const one of named) found.push(await this.#element(one))
      const [first] = found
      if (!first) throw new TypeError('No element was named.')
      if (found.some(({ frame }) => frame !== first.frame)) {
        throw new SolveguardError(
          'CONFIG_INVALID',
          'The elements of one CAPTCHA have to stand in one page, and in one frame.',
        )
      }
      const where = await this.#tools.finder.locate(first.page, first.frame)
      const gone = watchDocument(this.#tools, where)
      try {
        const ends = [this.#closing, gone.signal, ...(signal ? [signal] : [])]
        return await run(found, this.#work(where, AbortSignal.any(ends)))
      } catch (thrown) {
        const lost = gone.signal.aborted || where.page.isClosed()
        throw lost && thrown instanceof SolveguardError && CAUSED_BY_PAGE_GONE.has(thrown.code) ? pageGone() : thrown
      } finally {
        gone.stop()
      }
    } finally {
      await Promise.all(found.map((one) => within(this.#tools.clock, ELEMENT_MS, () => one.dispose())))
    }
  }

  #work({ pageUrl, frameUrl, pageLoad }: ElementLocation, signal: AbortSignal): PictureSolve {
    const { grant, clock } = this.#tools
    return {
      solve: (shown) => grant.solve({ ...shown, pageUrl, frameUrl }, { signal, pageLoad }),
      async apply(solution, use) {
        const done = signal.aborted ? undefined : await within(clock, ELEMENT_MS, () => use(solution.token))
        if (done?.ok) return grant.injected(solution, { ok: true })
        // What the tool says of a failure may hold what was typed.
        const error = done?.error instanceof SolveguardError ? done.error : widgetGone()
        grant.injected(solution, { ok: false, error })
        throw error
      },
    }
  }

  async #element(named: E): Promise<DriverElement> {
    const find = this.#driver.element
    if (!find) throw new SolveguardError('CONFIG_INVALID', 'Elements cannot be named through this adapter.')
    const reply = await within(this.#tools.clock, ELEMENT_MS + 1_000, () => find(named, ELEMENT_MS))
    if (reply.ok) return reply.value as DriverElement
    if (reply.error instanceof SolveguardError) throw reply.error
    const said = reply.error instanceof Error ? ` ${printable(reply.error.message.split('\n', 1)[0] ?? '')}` : ''
    throw new SolveguardError('WIDGET_GONE', `The element is not in the page.${said}`)
  }

  async #picture(element: DriverElement): Promise<Uint8Array> {
    const { clock, evaluateMs } = this.#tools
    const own = await within(clock, evaluateMs, () => element.evaluate(readPicture))
    if (own.ok && own.value === BROKEN)
      throw new SolveguardError('WIDGET_GONE', 'The picture did not load; nothing was spent on it.')
    if (own.ok && typeof own.value === 'string' && own.value !== TAKE_SCREENSHOT) {
      const bytes = bytesOf(own.value)
      if (bytes) return bytes
    }
    const taken = await within(clock, ELEMENT_MS, () => element.screenshot())
    if (taken.ok && taken.value instanceof Uint8Array) return taken.value
    if (element.page.isClosed() || element.frame.isDetached()) throw pageGone()
    throw new SolveguardError('WIDGET_GONE', 'No picture could be taken of the element; nothing was spent on it.')
  }

  async #text(element: DriverElement): Promise<string> {
    const read = await within(this.#tools.clock, this.#tools.evaluateMs, () => element.evaluate(readText))
    const text = read.ok && typeof read.value === 'string' && read.value.length <= MAX_TEXT_LENGTH ? read.value : ''
    return printable(text.replace(/\s+/g, ' ').trim(), 199)
  }
}

/** Errors that a document which went away is the real reason of. */
const CAUSED_BY_PAGE_GONE: ReadonlySet<string> = new Set(['SOLVE_ABORTED', 'WIDGET_GONE', 'PAGE_UNRESPONSIVE'])

/** What may be done about a picture while its document is there. */
interface PictureSolve {
  solve(shown: PictureInput): Promise<Solution>
  /** Puts a solution to use, and writes down how that went. */
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

/** The cells of an answer, from 1. Solvers have read them with bounds; one of the user's own may not have. */
function cellsIn(token: string): number[] {
  if (/^\[[1-9](?:,[1-9]){0,8}\]$/.test(token)) return JSON.parse(token)
  throw new SolveguardError('SOLVER_REPLY_INVALID', 'The solver gave no list of cells from 1 to 9.')
}
