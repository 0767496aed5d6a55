import { find } from '../../../page-kit/primordials.js'
import { trimmed } from '../../../page-kit/text.js'
import type { Observer } from '../../../page-kit/watcher.js'
import type { RecaptchaLog } from './watch.js'

/**
 * A button that the vendor's script executes when it is clicked. With an action it is v3's, or Enterprise's.
 *
 * @see https://developers.google.com/recaptcha/docs/v3
 */
const BOUND = '.g-recaptcha[data-sitekey][data-action]:is(button,input)'

/**
 * Holds the clicks on such buttons, for which the page calls no `execute`. A click that is passed on is dispatched
 * again.
 *
 * @param observerNow the window's observer; undefined once it is undone
 */
export function holdClicks(observerNow: () => Observer | undefined): void {
  const { addEventListener, removeEventListener } = window
  const { apply } = Reflect
  const { closest } = Element.prototype
  const { click } = HTMLElement.prototype
  const { preventDefault, stopImmediatePropagation } = Event.prototype
  let passing = false
  apply(addEventListener, window, ['click', clicked, true])

  function clicked(event: Event): void {
    const observer = observerNow()
    if (!observer) {
      apply(removeEventListener, window, ['click', clicked, true])
      return
    }
    const { p, logs, holdMs } = observer
    const log = logs.recaptcha as RecaptchaLog | undefined
    // Without the vendor's main script the click is no call of it.
    const rendering = (window as { ___grecaptcha_cfg?: { clients?: object } }).___grecaptcha_cfg?.clients
    if (passing || !log || !rendering || holdMs === 0) return
    let button: HTMLElement | null | undefined
    try {
      button = apply(closest, event.target, [BOUND]) as HTMLElement | null
    } catch {
      // The target of an event that a script dispatches may be no element.
    }
    const action = button && trimmed(p, apply(p.attribute, button, ['data-action']))
    if (!button || !action) return
    apply(preventDefault, event, [])
    apply(stopImmediatePropagation, event, [])
    // Clicked again, it is waited for already.
    if (find(log.executes, ({ target, pending }) => target === button && pending.size > 0)) return
    log.hold(button, action, () => {
      passing = true
      apply(click, button, [])
      passing = false
    })
    observer.onChange?.()
  }
}
