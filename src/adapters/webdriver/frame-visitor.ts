import { SolveguardError } from '../../base/errors.js'
import { FRAME_ELEMENT, FRAME_PATH, parseFramePath, referenceOf } from './frame-scripts.js'
import { readPageUrl } from './frame-urls.js'
import { Mutex } from './mutex.js'
import type { SessionCommands } from './session.js'

/** The window of a visit is not open. */
export class WindowClosedError extends Error {}

/** What can be done in a window while it is visited. */
export interface Visit {
  /** Sets the session's script time-out, for the visit: to `ms`, or its own if that is shorter. */
  limitScripts(ms: number): Promise<void>
  /** Must be called before frames are entered, so that the visit leaves them at its end. */
  willEnterFrames(): void
}

/** The session's current window and frame, which are the user's. */
interface SessionPosition {
  readonly window: string | undefined
  /** The index of the frame at each level; undefined if that frame was removed from its page. */
  readonly path: readonly number[] | undefined
}

/**
 * Visits windows of a session, one at a time: each visit starts at the top of the page in its window, and ends with the
 * session in the window and frame where it was, and with its script time-out restored.
 */
export class FrameVisitor {
  readonly mutex = new Mutex()
  readonly #commands: SessionCommands
  readonly #isNamed: (url: string) => boolean

  /** @param isNamed whether the policy names the origin of a URL: no script is run in other pages */
  constructor(commands: SessionCommands, isNamed: (url: string) => boolean) {
    this.#commands = commands
    this.#isNamed = isNamed
  }

  visit<T>(window: string, work: (visit: Visit) => Promise<T>): Promise<T> {
    return this.mutex.runExclusive(async () => {
      const position = await this.#position(window)
      let moved = position.window !== window || position.path?.length !== 0
      const limit = this.#scriptLimit()
      const visit: Visit = {
        limitScripts: limit.set,
        willEnterFrames: () => {
          moved = true
        },
      }
      try {
        if (moved) await this.#enter(window, position)
        return await work(visit)
      } finally {
        await limit.lift().catch(() => undefined)
        if (moved) await this.#return(position).catch(() => undefined)
      }
    })
  }

  /** Lowers the session's own script time-out, and restores it. */
  #scriptLimit() {
    let own: number | null | undefined
    let now: number | null | undefined
    const { scriptTimeout, setScriptTimeout } = this.#commands
    return {
      set: async (ms: number) => {
        if (own === undefined) now = own = await scriptTimeout().catch(() => undefined)
        const lower = Math.round(Math.min(own ?? ms, ms))
        // The time-outs of a session that cannot be read are not changed.
        if (own === undefined || lower === now) return
        await setScriptTimeout(lower)
        now = lower
      },
      lift: async () => {
        if (own !== undefined && own !== now) await setScriptTimeout(own)
      },
    }
  }

  async #position(visited: string): Promise<SessionPosition> {
    // If there is none, the user's next command fails anyway: choosing another window is up to the user.
    const window = await this.#commands.window().catch(() => undefined)
    if (window === undefined) return { window, path: [] }
    // A visit of such a page enters none of its frames. After a visit of another window, the session is at its top.
    if (!this.#isNamed((await readPageUrl(this.#commands).catch(checkDialog)) ?? '')) {
      return { window, path: window === visited ? [] : undefined }
    }
    const path = await this.#commands.execute(FRAME_PATH).then(parseFramePath, checkDialog)
    if (path?.includes(-1)) {
      throw new SolveguardError(
        'CONFIG_INVALID',
        'The session is in a frame that cannot be found again (inside a shadow root): switch to the top of the page ' +
          'first.',
      )
    }
    return { window, path }
  }

  async #enter(window: string, position: SessionPosition): Promise<void> {
    if (position.window === window) {
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
      // The frame was removed during the visit, so there is no position to restore.
      if (!element) return
      await this.#commands.toFrame(element)
    }
  }
}

/** Undefined if the session's frame was removed from its page. An open dialog is an error: no command works then. */
function checkDialog(error: unknown): undefined {
  if (/alert|dialog|prompt/i.test(`${(error as Error | undefined)?.name} ${(error as Error | undefined)?.message}`)) {
    throw new SolveguardError(
      'PAGE_UNRESPONSIVE',
      'A dialog of the page (alert, confirm or prompt) is open, which blocks all commands: close it first.',
      { cause: error },
    )
  }
  return undefined
}
