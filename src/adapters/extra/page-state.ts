import type { Frame, Page } from 'puppeteer-core'
import { systemClock } from '../../base/clock.js'
import { CODES, SolveguardError } from '../../base/errors.js'
import { DEFAULT_EVALUATE_MS } from '../engine/captcha.js'
import { pageClosed, pageGone } from '../engine/page-errors.js'
import { callWithTimeout } from '../engine/timeouts.js'

const RENDER_TIMEOUT_MS = 10_000
const POLL_MS = 50
/** Whether the frame loads the script of reCAPTCHA or hCaptcha, and it has not run yet. */
const IS_LOADING = `(()=>{const loads=(part)=>!!document.querySelector('script[src*="'+part+'"]')
if((loads('/recaptcha/api.js')||loads('/recaptcha/enterprise.js'))&&
  Object.keys((window.___grecaptcha_cfg||{}).clients||{}).length===0)return true
return loads('hcaptcha.com/1/api.js')&&!window.hcaptcha})()`

/** What both tools say when a document, a frame, a page or a browser ended during a call. */
const ENDED =
  /context was destroyed|cannot find context|closed|detached|disposed|disconnected|navigat|crashed|protocol error/i

/**
 * Waits while a frame loads a vendor's script, for at most `RENDER_TIMEOUT_MS`, and for as long as the policy names it.
 * Uses only what Puppeteer and Playwright have in common. Never rejects.
 */
export async function waitForVendorScript(page: Page, frame: Frame, isNamed: () => boolean): Promise<void> {
  for (let waited = 0; waited < RENDER_TIMEOUT_MS; waited += POLL_MS) {
    if (!isNamed() || stateError(page, frame)) return
    const reply = await callWithTimeout(systemClock, DEFAULT_EVALUATE_MS, () => frame.evaluate(IS_LOADING))
    // A call fails during a navigation; a page that does not reply is left to the scan, which reports it.
    if (reply.ok ? reply.value !== true : reply.reason === 'timeout') return
    await new Promise<void>((resolve) => systemClock.after(POLL_MS, resolve))
  }
}

/** Why nothing can be done in a page, or in a frame of it: it is closed, or the frame was removed. */
export function stateError(page: Page, frame: Frame | undefined): SolveguardError | undefined {
  if (page.isClosed()) return pageClosed()
  return frame && isDetached(frame) ? pageGone() : undefined
}

/** Playwright has a method for it, Puppeteer a property. */
function isDetached(frame: Frame): boolean {
  const { detached }: { detached?: boolean } = frame
  if (typeof detached === 'boolean') return detached
  const { isDetached: method }: { isDetached?: () => boolean } = frame
  return method?.call(frame) ?? false
}

/**
 * What a call threw, as an error of ours: browser tools throw errors of their own when a page ends. Undefined for one
 * that has another cause.
 */
export function toSolveguardError(thrown: unknown, page: Page, frame: Frame | undefined): SolveguardError | undefined {
  if (isSolveguardError(thrown)) return thrown
  const state = stateError(page, frame)
  if (state) return state
  return thrown instanceof Error && ENDED.test(thrown.message) ? pageGone() : undefined
}

/** The guard may be of another copy of this package, whose classes are others. */
function isSolveguardError(thrown: unknown): thrown is SolveguardError {
  if (thrown instanceof SolveguardError) return true
  return (
    thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' && Object.hasOwn(CODES, thrown.code)
  )
}
