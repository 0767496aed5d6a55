import type { Frame, Page } from 'puppeteer-core'
import type { Grant } from '../../guard/types.js'
import type { FoundChallenge } from '../../widgets/widget.js'
import { boundedUrl } from '../engine/frame-url.js'
import { detailsOf } from '../engine/widget-details.js'

/** What a widget's outline shows; `none` removes it. */
export type Feedback = 'solving' | 'solved' | 'refused' | 'none'

/** For how long an outcome is shown, ms. */
const SHOWN_MS = 2_000
/** Longer than any solve: the outline of a process that ended during one goes away as well. */
const MAX_SOLVING_MS = 600_000
const COLORS = { solving: '#7c4dff', solved: '#00a152', refused: '#d50000' } as const
const NAME = 'solveguard-feedback'

/**
 * Outlines a widget, where the page's HTML shows it: violet while it is being solved, then green or red for two
 * seconds. It is an animation, which ends by itself and changes neither attributes nor styles. Nothing waits for it,
 * and where it fails nothing else does.
 */
export function showFeedback(page: Page, grant: Grant, found: FoundChallenge, feedback: Feedback): void {
  const { sitekey, frameUrl } = found
  const color = feedback === 'none' ? undefined : COLORS[feedback]
  const ms = feedback === 'solving' ? MAX_SOLVING_MS : SHOWN_MS
  const request = JSON.stringify({ name: NAME, sitekey, frameName: detailsOf(found)?.frameName, color, ms })
  try {
    for (const frame of framesAt(page, frameUrl)) {
      const what = frame === page.mainFrame() ? 'page' : 'frame'
      if (grant.originDenial(what, boundedUrl(frame.url()))) continue
      frame.evaluate(`(${outline})(${request})`).catch(() => undefined)
    }
  } catch {
    // The page is gone.
  }
}

function framesAt(page: Page, frameUrl: string | undefined): readonly Frame[] {
  const main = page.mainFrame()
  if (frameUrl === undefined) return [main]
  return page.frames().filter((frame) => frame !== main && boundedUrl(frame.url()) === frameUrl)
}

/** Runs in the page: refers to nothing outside itself. */
function outline(request: { name: string; sitekey: string; frameName?: string; color?: string; ms: number }): void {
  const { name, sitekey, frameName, color, ms } = request
  const quoted = (text: string) => `"${CSS.escape(text)}"`
  const selector = frameName
    ? `iframe[name=${quoted(frameName)}]`
    : `iframe[src*=${quoted(sitekey)}],[data-sitekey=${quoted(sitekey)}]`
  for (const element of document.querySelectorAll(selector)) {
    for (const shown of element.getAnimations()) if (shown.id === name) shown.cancel()
    if (!color) continue
    const frame = { outline: `4px solid ${color}`, outlineOffset: '2px' }
    element.animate([frame, frame], { duration: ms, id: name })
  }
}
