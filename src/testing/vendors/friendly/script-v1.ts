/**
 * Version 1's script of the stand-in, which runs in a browser. It is served as the text of this function, so it may not
 * refer to anything outside itself. It does what `friendly-challenge` is observed to do: one object for each widget,
 * kept on its element; a field that is replaced at every state; a start when the form gets the focus; and no work in an
 * automated browser, unless the stand-in's behavior lets it pass.
 */

interface Options {
  startMode: string
  puzzleEndpoint: string
  solutionFieldName: string
  sitekey: string
  readyCallback: () => unknown
  startedCallback: () => unknown
  doneCallback: (solution: string) => unknown
  errorCallback: (error: object) => unknown
}

/** @param settings.passes the sitekeys whose widgets accept an automated browser */
export function widgets(settings: { base: string; passes: readonly string[] }): void {
  const encode = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes))

  /** The workers that solve the puzzle in the background. */
  class WorkerGroup {
    stopped = false
    terminateWorkers(): void {
      this.stopped = true
    }
  }

  class WidgetInstance {
    e: HTMLElement | undefined
    valid = false
    opts: Options
    needsReInit = false
    hasBeenStarted = false
    hasBeenDestroyed = false
    workerGroup = new WorkerGroup()
    expiryTimeout: ReturnType<typeof setTimeout> | undefined

    constructor(element: HTMLElement, options: Partial<Options> = {}) {
      const { puzzleEndpoint, sitekey, solutionFieldName } = element.dataset
      this.opts = {
        startMode: 'focus',
        puzzleEndpoint: puzzleEndpoint ?? `${settings.base}/api/v1/puzzle`,
        sitekey: sitekey ?? '',
        solutionFieldName: solutionFieldName ?? 'frc-captcha-solution',
        readyCallback: () => 0,
        startedCallback: () => 0,
        doneCallback: () => 0,
        errorCallback: () => 0,
        ...options,
      }
      this.e = element
      Object.assign(element, { friendlyChallengeWidget: this })
      element.innerText = 'Initializing…'
      this.init(this.opts.startMode === 'auto' || element.dataset.start === 'auto')
    }

    init(forceStart: boolean): void {
      const workers = new WorkerGroup()
      this.workerGroup = workers
      // The workers report a little later that they are ready.
      setTimeout(() => {
        if (workers.stopped) return
        this.show('.UNSTARTED', 'Anti-Robot Verification', 'Click to start verification')
        this.opts.readyCallback()
      }, 0)
      if (forceStart) void this.start()
      else if (
        this.e?.dataset.start !== 'none' &&
        (this.opts.startMode === 'focus' || this.e?.dataset.start === 'focus')
      ) {
        this.e?.closest('form')?.addEventListener('focusin', () => void this.start(), { once: true, passive: true })
      }
    }

    show(value: string, text: string, button?: string): void {
      const container = document.createElement('div')
      container.className = 'frc-container'
      const label = document.createElement('span')
      label.className = 'frc-text'
      label.textContent = text
      container.append(label)
      if (button) {
        const start = document.createElement('button')
        start.type = 'button'
        start.className = 'frc-button'
        start.textContent = button
        start.addEventListener('click', () => void this.start(), { once: true })
        container.append(start)
      }
      const field = document.createElement('input')
      field.type = 'hidden'
      field.name = this.opts.solutionFieldName
      field.className = 'frc-captcha-solution'
      field.value = value
      this.e?.replaceChildren(container, ...(this.opts.solutionFieldName === '-' ? [] : [field]))
    }

    async start(): Promise<void> {
      if (this.hasBeenDestroyed || this.hasBeenStarted || !this.e) return
      const sitekey = (this.opts.sitekey || (this.e.dataset.sitekey ?? '')).trim()
      if (!settings.passes.includes(sitekey)) return this.show('.HEADLESS_ERROR', 'Browser check failed')
      if (this.needsReInit) {
        this.needsReInit = false
        this.init(true)
        return
      }
      this.hasBeenStarted = true
      let puzzle: string
      try {
        this.show('.FETCHING', 'Fetching challenge')
        const [endpoint] = this.opts.puzzleEndpoint.split(',')
        const reply = await fetch(`${endpoint}?sitekey=${sitekey}`, { headers: { 'x-frc-client': 'js-0.9.20' } })
        if (!reply.ok) throw new Error(`Response status ${reply.status}`)
        puzzle = ((await reply.json()) as { data: { puzzle: string } }).data.puzzle
      } catch (error) {
        this.hasBeenStarted = false
        this.show('.ERROR', 'Verification failed', 'Retry')
        this.opts.errorCallback({ code: 'error_getting_puzzle', description: String(error), error })
        return
      }
      const bytes = Uint8Array.from(atob(puzzle.split('.')[1] ?? ''), (sign) => sign.charCodeAt(0))
      clearTimeout(this.expiryTimeout)
      this.expiryTimeout = setTimeout(() => this.expire(), (bytes[13] ?? 1) * 300_000 - 30_000)
      if (this.workerGroup.stopped) return
      this.show('.UNFINISHED', 'Verifying you are human…')
      this.opts.startedCallback()
      // As long as a real solution.
      this.done(`${puzzle}.${encode(new Uint8Array((bytes[14] ?? 0) * 8))}.${encode(new Uint8Array(3))}`)
    }

    done(solution: string): void {
      this.valid = true
      this.needsReInit = true
      this.show(solution, 'I am not a robot')
      this.opts.doneCallback(solution)
      const callback = this.e?.dataset.callback
      if (callback) Reflect.get(window, callback.trim())?.(solution)
    }

    expire(): void {
      this.hasBeenStarted = false
      this.show('.EXPIRED', 'Verification expired', 'Restart')
    }

    reset(): void {
      this.workerGroup.terminateWorkers()
      this.needsReInit = false
      this.hasBeenStarted = false
      clearTimeout(this.expiryTimeout)
      this.init(this.opts.startMode === 'auto' || this.e?.dataset.start === 'auto')
    }

    destroy(): void {
      this.workerGroup.terminateWorkers()
      clearTimeout(this.expiryTimeout)
      this.e?.remove()
      this.e = undefined
      this.hasBeenDestroyed = true
    }
  }

  const api: { WidgetInstance: typeof WidgetInstance; autoWidget?: WidgetInstance } = { WidgetInstance }
  Object.assign(window, { friendlyChallenge: api })
  const setUp = () => {
    for (const element of document.querySelectorAll<HTMLElement>('.frc-captcha')) {
      if (element.dataset.attached) continue
      api.autoWidget = new WidgetInstance(element)
      element.dataset.attached = '1'
    }
  }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', setUp)
  else setUp()
}
