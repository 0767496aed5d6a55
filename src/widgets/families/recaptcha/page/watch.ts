import { thenable } from '../../../page-kit/api-watch.js'
import { apiReplacedBy } from '../../../page-kit/compat.js'
import { type Patch, patchMethods, restore } from '../../../page-kit/patch.js'
import { bare, type List, list, push, pushBounded, remove } from '../../../page-kit/primordials.js'
import { read } from '../../../page-kit/safe-read.js'
import { trimmed } from '../../../page-kit/text.js'
import { hasGlobal, type Observer, type Watch, type Watcher } from '../../../page-kit/watcher.js'

export const recaptchaWatch: Watch<RecaptchaLog> = {
  name: 'recaptcha',
  isThere: hasGlobal('grecaptcha'),
  watch: watchRecaptcha,
}

/** A recorded call of `grecaptcha.render`. */
export interface Render {
  readonly n: unknown
  readonly container: unknown
  readonly params: unknown
  readonly enterprise: boolean
}

/** An `execute` that has not been answered yet. */
export interface PendingToken {
  /** Answers it with a token, in the place of the vendor. */
  answer(token: string): void
  /** Passes a held call on to the vendor. */
  release(): void
}

/** The calls of `execute` for one widget id or sitekey and one action. */
export interface Execute {
  /** A sitekey, a widget id, or undefined for the first widget. */
  readonly target: unknown
  readonly action: string | undefined
  readonly enterprise: boolean
  readonly pending: List<PendingToken>
  /** How often it was called. */
  calls: number
  /** Whether it was called, and nothing shows that it has ended. */
  open: boolean
}

/** An injected token, for `getResponse` or the next `execute`. */
export interface ScoreToken {
  readonly token: string
  readonly expiresAt: number
}

/** What the page's code called, and what was injected for it. */
export interface RecaptchaLog extends Watcher {
  readonly renders: List<Render>
  readonly executes: List<Execute>
  /** By widget id; the first widget's also under the empty string. */
  readonly answers: Record<string, ScoreToken | undefined>
  /** By sitekey and action, see `readyKey`. */
  readonly ready: Record<string, ScoreToken | undefined>
}

/** The key of a token for the next `execute`; without an action, for a call with any action. */
export const readyKey = (sitekey: string, action?: string): string =>
  action === undefined ? sitekey : `${sitekey}\n${action}`

/**
 * Watches reCAPTCHA's API. The loader (api.js) creates `grecaptcha`; the main part is loaded later and assigns its
 * functions to that same object. So the object is patched as soon as it is there.
 *
 * @see https://developers.google.com/recaptcha/docs/display#js_api
 * @see https://developers.google.com/recaptcha/docs/v3
 */
function watchRecaptcha(observer: Observer): RecaptchaLog {
  const { p } = observer
  const patches = list<Patch>()
  const log: RecaptchaLog = {
    renders: list(),
    executes: list(),
    answers: bare(),
    ready: bare(),
    check() {
      const api = p.describe(window, 'grecaptcha')?.value
      if (api && !apiReplacedBy(p)) watch(api, false)
    },
    undo() {
      restore(p, patches)
      for (let index = 0; index < log.executes.size; index++) {
        const { pending } = log.executes[index] as Execute
        while (pending.size > 0) (pending[0] as PendingToken).release()
      }
    },
  }
  return log

  function watch(api: unknown, enterprise: boolean): void {
    if ((typeof api !== 'object' && typeof api !== 'function') || api === null) return
    patchMethods(observer, patches, api, {
      render(call, self, args) {
        const n = p.apply(call, self, args)
        pushBounded(log.renders, { n, container: args[0], params: args[1], enterprise })
        return n
      },
      execute: (call, self, args) => execute(enterprise, call, self, args),
      getResponse: (call, self, args) => current(args[0])?.token ?? p.apply(call, self, args),
      reset(call, self, args) {
        clearAnswer(args[0])
        return p.apply(call, self, args)
      },
    })
    // The loader creates this object before the main part is loaded, so a check after each script is soon enough.
    if (!enterprise) watch(p.describe(api, 'enterprise')?.value, true)
  }

  function execute(
    enterprise: boolean,
    call: (...args: never[]) => unknown,
    self: unknown,
    args: ArrayLike<unknown>,
  ): unknown {
    const sitekey = trimmed(p, args[0])
    const target = sitekey ?? args[0]
    const action = trimmed(p, read(p, args[1], 'action'))
    const bySitekey = typeof target === 'string'
    if (bySitekey) {
      const token = takeReady(target, action)
      if (token !== undefined) return new p.Promise((resolve) => resolve(token))
    }
    const entry = entryOf(target, action, enterprise)
    entry.calls++
    const callVendor = () => p.apply(call, self, args)
    if (bySitekey && observer.holdMs > 0) return hold(entry, callVendor)
    entry.open = !bySitekey
    const result = callVendor()
    return thenable(result) ? race(entry, result) : result
  }

  /** A promise that resolves with the vendor's answer or with ours, whichever is first. */
  function race(entry: Execute, vendorPromise: PromiseLike<unknown>): unknown {
    return new p.Promise((resolve, reject) => {
      const pending: PendingToken = push(entry.pending, {
        answer(token) {
          entry.open = false
          remove(entry.pending, pending)
          resolve(token)
        },
        release: () => remove(entry.pending, pending),
      })
      // Invisible v2 may resolve without a value while its challenge is still open.
      const resolved = (value: unknown) => {
        remove(entry.pending, pending)
        if (typeof value === 'string') entry.open = false
        resolve(value)
      }
      const rejected = (error: unknown) => {
        remove(entry.pending, pending)
        entry.open = false
        reject(error)
      }
      p.apply(vendorPromise.then as (...args: never[]) => unknown, vendorPromise, [resolved, rejected])
    })
  }

  /** Holds the call until there is a token, or until the deadline: then the call is passed on unchanged. */
  function hold(entry: Execute, callVendor: () => unknown): unknown {
    return new p.Promise((resolve, reject) => {
      const done = () => {
        p.apply(p.clearTimeout, window, [timer])
        remove(entry.pending, pending)
      }
      const pending: PendingToken = push(entry.pending, {
        answer(token) {
          done()
          resolve(token)
        },
        release() {
          done()
          try {
            resolve(callVendor())
          } catch (error) {
            reject(error)
          }
        },
      })
      const timer: unknown = p.apply(p.setTimeout, window, [pending.release, observer.holdMs])
    })
  }

  function takeReady(sitekey: string, action: string | undefined): string | undefined {
    const exact = action === undefined ? undefined : log.ready[readyKey(sitekey, action)]
    const name = exact ? readyKey(sitekey, action) : sitekey
    const injected = log.ready[name]
    delete log.ready[name]
    return injected && injected.expiresAt > p.now() ? injected.token : undefined
  }

  function current(id: unknown): ScoreToken | undefined {
    const injected = log.answers[nameOf(id)]
    return injected && injected.expiresAt > p.now() ? injected : undefined
  }

  function clearAnswer(id: unknown): void {
    const injected = log.answers[nameOf(id)]
    for (const name in log.answers) if (log.answers[name] === injected) delete log.answers[name]
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if (nameOf(entry.target) === nameOf(id)) entry.open = false
    }
  }

  function entryOf(target: unknown, action: string | undefined, enterprise: boolean): Execute {
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if (entry.target === target && entry.action === action) return entry
    }
    return pushBounded(log.executes, { target, action, enterprise, pending: list(), calls: 0, open: false })
  }
}

/** Widget ids are numbers; pages pass them as strings too. */
export function nameOf(id: unknown): string {
  return typeof id === 'number' || typeof id === 'string' ? `${id}` : ''
}
