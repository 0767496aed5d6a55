import { thenable } from '../../../page-kit/api-watch.js'
import { apiReplacedBy } from '../../../page-kit/compat.js'
import { type Patch, patchMethods, restore } from '../../../page-kit/patch.js'
import { bare, find, keep, type List, list, push, pushBounded, remove } from '../../../page-kit/primordials.js'
import { own, read } from '../../../page-kit/safe-read.js'
import { trimmed } from '../../../page-kit/text.js'
import { hasGlobal, type Observer, type Watch, type Watcher } from '../../../page-kit/watcher.js'

export const recaptchaWatch: Watch<RecaptchaLog> = {
  name: 'recaptcha',
  isThere: /* @__PURE__ */ hasGlobal('grecaptcha'),
  watch: watchRecaptcha,
}

/** A recorded call of `grecaptcha.render`. */
export interface Render {
  readonly n: unknown
  readonly container: unknown
  readonly params: unknown
  readonly enterprise: boolean
  /** The vendor's table of widgets in which it has its number. */
  readonly clients: unknown
}

/** An `execute` that has not been answered yet. */
export interface PendingToken {
  /** Answers it with a token, in the place of the vendor. */
  answer(token: string): void
  /** Passes a held call on to the vendor. */
  passOn(): void
}

/** The calls of `execute` for one widget id or sitekey and one action. */
export interface Execute {
  /** A sitekey, a widget id, undefined for the first widget, or the button that was clicked. */
  readonly target: unknown
  readonly action: string | undefined
  readonly enterprise: boolean
  readonly pending: List<PendingToken>
  /** How often it was called. */
  calls: number
  /** Whether it was called, and nothing shows that it has ended. */
  ongoing: boolean
}

/** An injected token, for `getResponse` or the next `execute`. */
export interface ScoreToken {
  readonly token: string
  readonly expiresAt: number
  /** Called when an `execute` has received it: calls the page's callback, where the widget has one. */
  onUsed?(): void
}

/** What the page's code called, and what was injected for it. */
export interface RecaptchaLog extends Watcher {
  readonly renders: List<Render>
  readonly executes: List<Execute>
  /** By widget id; the first widget's also under the empty string. */
  answers: Record<string, ScoreToken | undefined>
  /** By sitekey or widget id, and action: see `readyKey`. */
  readonly ready: Record<string, ScoreToken | undefined>
  /**
   * The vendor's table of widgets, if it was there before its API was watched: the page may have executed one, and have
   * its answer by now.
   */
  readonly late: unknown
  /** Holds a call of the page until there is a token, or until the deadline. */
  hold(target: unknown, action: string, callVendor: () => unknown): unknown
}

/** The key of a token for the next `execute`; without an action, for a call with any action. */
export const readyKey = (target: string, action?: string): string =>
  action === undefined ? target : `${target}\n${action}`

/**
 * Watches reCAPTCHA's API. The loader (api.js) creates `grecaptcha`; the main part is loaded later and assigns its
 * functions to that same object. So the object is patched as soon as it is there.
 *
 * @see https://developers.google.com/recaptcha/docs/display#js_api
 * @see https://developers.google.com/recaptcha/docs/v3
 */
function watchRecaptcha(observer: Observer, script?: Element): RecaptchaLog {
  const { p } = observer
  const patches = list<Patch>()
  const clientsNow = () => own(p, own(p, window, '___grecaptcha_cfg'), 'clients')
  /** The vendor's own table of widgets. A script that is loaded anew begins another one, with the same numbers. */
  let clients: unknown
  const log: RecaptchaLog = {
    renders: list(),
    executes: list(),
    answers: bare(),
    ready: bare(),
    late: !script && clientsNow(),
    check() {
      const now = clientsNow()
      if (now && now !== clients) {
        // Numbers are given out again. A call that waits for a token by a sitekey waits for it still.
        keep(log.executes, (entry) => typeof entry.target === 'string')
        log.answers = bare()
        clients = now
      }
      if (!apiReplacedBy(p)) watch(own(p, window, 'grecaptcha'), false)
    },
    hold: (target, action, callVendor) => wait(entryOf(target, action, false), callVendor),
    undo() {
      restore(p, patches)
      for (let index = 0; index < log.executes.size; index++) {
        const { pending } = log.executes[index] as Execute
        while (pending.size > 0) (pending[0] as PendingToken).passOn()
      }
    },
  }
  return log

  function watch(api: unknown, enterprise: boolean): void {
    if (!api || typeof api !== 'object') return
    patchMethods(observer, patches, api, {
      render(call, self, args) {
        const n = p.apply(call, self, args)
        pushBounded(log.renders, { n, container: args[0], params: args[1], enterprise, clients: clientsNow() })
        return n
      },
      execute: (call, self, args) => execute(enterprise, call, self, args),
      getResponse: (call, self, args) => valid(log.answers[nameOf(args[0])])?.token ?? p.apply(call, self, args),
      reset(call, self, args) {
        clearAnswer(args[0])
        return p.apply(call, self, args)
      },
    })
    // The loader creates this object before the main part is loaded, so a check after each script is soon enough.
    if (!enterprise) watch(own(p, api, 'enterprise'), true)
  }

  function execute(
    enterprise: boolean,
    call: (...args: never[]) => unknown,
    self: unknown,
    args: ArrayLike<unknown>,
  ): unknown {
    const target = trimmed(p, args[0]) ?? args[0]
    const action = trimmed(p, read(p, args[1], 'action'))
    // Only v3 and Enterprise are executed by a sitekey, or with an action.
    const scores = action !== undefined || typeof target === 'string'
    const ready = takeReady(nameOf(target), action)
    if (ready) {
      // In a task of its own, as after a vendor's round trip: a form that is firing its submit event ignores another
      // submission.
      return new p.Promise((resolve) =>
        p.apply(p.setTimeout, window, [
          () => {
            resolve(ready.token)
            ready.onUsed?.()
          },
        ]),
      )
    }
    const entry = entryOf(target, action, enterprise)
    const callVendor = () => p.apply(call, self, args)
    if (scores && observer.holdMs > 0) return wait(entry, callVendor)
    entry.ongoing = typeof target !== 'string'
    const result = callVendor()
    return thenable(result) ? wait(entry, callVendor, result) : result
  }

  /**
   * A promise for the page. Held, the call is passed on unchanged when there is no token by the deadline; else it
   * resolves with the vendor's answer or with ours, whichever is first.
   */
  function wait(entry: Execute, callVendor: () => unknown, vendorPromise?: PromiseLike<unknown>): unknown {
    return new p.Promise((resolve, reject) => {
      let timer: unknown
      const end = (isAnswer: boolean) => {
        p.apply(p.clearTimeout, window, [timer])
        remove(entry.pending, pending)
        if (isAnswer) entry.ongoing = false
      }
      const pending: PendingToken = push(entry.pending, {
        answer(token) {
          end(true)
          resolve(token)
        },
        passOn() {
          end(false)
          if (vendorPromise) return
          try {
            resolve(callVendor())
          } catch (error) {
            reject(error)
          }
        },
      })
      const resolved = (value: unknown) => {
        // Invisible v2 may resolve without a value while its challenge is still open.
        end(typeof value === 'string')
        resolve(value)
      }
      const rejected = (error: unknown) => {
        end(true)
        reject(error)
      }
      if (vendorPromise)
        p.apply(vendorPromise.then as (...args: never[]) => unknown, vendorPromise, [resolved, rejected])
      else timer = p.apply(p.setTimeout, window, [pending.passOn, observer.holdMs])
    })
  }

  function takeReady(target: string, action: string | undefined): ScoreToken | undefined {
    const token = log.ready[readyKey(target, action)] ?? log.ready[target]
    for (const name in log.ready) if (log.ready[name] === token) delete log.ready[name]
    return valid(token)
  }

  function valid(token: ScoreToken | undefined): ScoreToken | undefined {
    return token && token.expiresAt > p.now() ? token : undefined
  }

  function clearAnswer(id: unknown): void {
    const injected = log.answers[nameOf(id)]
    for (const name in log.answers) if (log.answers[name] === injected) delete log.answers[name]
    for (let index = 0; index < log.executes.size; index++) {
      const entry = log.executes[index] as Execute
      if (nameOf(entry.target) === nameOf(id)) entry.ongoing = false
    }
  }

  /** The entry of a call, which it counts. Beforehand, calls for numbers that were given out again are removed. */
  function entryOf(target: unknown, action: string | undefined, enterprise: boolean): Execute {
    log.check()
    const entry =
      find(log.executes, (entry) => entry.target === target && entry.action === action) ??
      pushBounded(log.executes, { target, action, enterprise, pending: list(), calls: 0, ongoing: false })
    entry.calls++
    return entry
  }
}

/** Widget ids are numbers; pages pass them as strings too. */
export function nameOf(id: unknown): string {
  return typeof id === 'number' || typeof id === 'string' ? `${id}` : ''
}
