import { SolveguardError } from '../../base/errors.js'
import { FRAME_ELEMENT, FRAME_PATH, parseFramePath, referenceOf } from './frame-scripts.js'
import { Mutex } from './mutex.js'
import type { SessionCommands } from './session.js'

/** The window of a visit is not open, or not any more. */
export class WindowClosedError extends Error {}

/** What can be done in a window while it is visited. */
export interface Visit {
  /** Lets scripts run for at most so long. */
  limitScripts(ms: number): Promise<void>
  /** Has to be called before frames are entered, so that they are left again. */
  willEnterFrames(): void
}

/** The user's place in the session. */
interface SessionPosition {
  readonly window: string | undefined
  /** Which frame at each level; undefined where that frame was taken out of its page. */
  readonly path: readonly number[] | undefined
}

/**
 * Goes into a session's windows and back: every visit begins at the page itself, in the window that it is for, and leaves
 * the session where it was, its script time-out as well. Visits take turns.
 */
export class FrameVisitor {
  readonly mutex = new Mutex()
  readonly #commands: SessionCommands

  constructor(commands: SessionCommands) {
    this.#commands = commands
  }

  visit<T>(window: string, work: (visit: Visit) => Promise<T>): Promise<T> {
    return this.mutex.runExclusive(async () => {
      const stand = await this.#position()
      let moved = stand.window !== window || stand.path?.length !== 0
      const limit = this.#scriptLimit()
      const visit: Visit = {
        limitScripts: limit.set,
        willEnterFrames: () => {
          moved = true
        },
      }
      try {
        if (moved) await this.#enter(window, stand)
        return await work(visit)
      } finally {
        await limit.lift().catch(() => undefined)
        if (moved) await this.#return(stand).catch(() => undefined)
      }
    })
  }

  /** The session's own time-out for scripts, lowered for a while. */
  #scriptLimit() {
    let own: number | null | undefined
    let now: number | null | undefined
    const { scriptTimeout, setScriptTimeout } = this.#commands
    return {
      set: async (ms: number) => {
        if (own === undefined) now = own = await scriptTimeout().catch(() => undefined)
        const lower = Math.round(Math.min(own ?? ms, ms))
        // A session that does not tell its time-outs keeps them.
        if (own === undefined || lower === now) return
        await setScriptTimeout(lower)
        now = lower
      },
      lift: async () => {
        if (own !== undefined && own !== now) await setScriptTimeout(own)
      },
    }
  }

  async #position(): Promise<SessionPosition> {
    // Without one the user's next command fails; it is theirs to choose another window.
    const window = await this.#commands.window().catch(() => undefined)
    if (window === undefined) return { window, path: [] }
    const path = await this.#commands.execute(FRAME_PATH).then(parseFramePath, checkDialog)
    if (path?.includes(-1)) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        'The session stands in a frame that cannot be found again (inside a shadow root): switch to the page itself first.',
      )
    }
    return { window, path }
  }

  async #enter(window: string, stand: SessionPosition): Promise<void> {
    if (stand.window === window) {
      await this.#commands.toFrame(null)
      return
    }
    try {
      await this.#commands.toWindow(window)
    } catch (cause) {
      const windows = await this.#commands.windows().catch((): readonly string[] => [])
      throw windows.includes(window) ? cause : new WindowClosedError('The window is gone.', { cause })
    }
  }

  async #return({ window, path }: SessionPosition): Promise<void> {
    if (window === undefined) return
    if ((await this.#commands.window().catch(() => undefined)) !== window) await this.#commands.toWindow(window)
    await this.#commands.toFrame(null)
    for (const index of path ?? []) {
      const element = referenceOf(await this.#commands.execute(FRAME_ELEMENT, index))
      // Gone meanwhile, and with it the user's place.
      if (!element) return
      await this.#commands.toFrame(element)
    }
  }
}

/** A frame that was taken out of its page leaves the session nowhere. A dialog is another matter: nothing works then. */
function checkDialog(error: unknown): undefined {
  if (/alert|dialog|prompt/i.test(`${(error as Error | undefined)?.name} ${(error as Error | undefined)?.message}`)) {
    throw new SolveguardError(
      'PAGE_UNRESPONSIVE',
      'A dialog of the page (alert, confirm or prompt) was open, and nothing can be asked then: answer it first.',
      { cause: error },
    )
  }
  return undefined
}
