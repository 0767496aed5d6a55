import { isSameDocumentCall } from '../../widgets/calls.js'
import { parseResult } from '../../widgets/parse.js'
import type { DriverFrame } from '../driver.js'
import type { WidgetLocation } from './finder.js'
import { documentOriginOf } from './frame-url.js'
import type { SolveTools } from './tools.js'

/** Aborts as soon as the document is gone in which an id was given. */
export function watchDocument(
  { frames }: Pick<SolveTools, 'frames'>,
  { page, frame, id, documentOrigin }: Pick<WidgetLocation, 'page' | 'frame' | 'id' | 'documentOrigin'>,
): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController()
  const abort = () => controller.abort()
  const stop = page.watch({
    navigated(other) {
      if (other === frame) {
        if (documentOriginOf(frame) !== documentOrigin) return abort()
        // A new fragment, or a call of the page's history API, keeps the document: ask the document.
        void frames.evaluate(page, frame, isSameDocumentCall(id)).then((reply) => {
          if (reply.ok ? parseResult(reply.value) !== 'ok' : reply.reason === 'failed') abort()
        })
      }
    },
    detached(other) {
      if (isWithin(frame, other)) abort()
    },
    gone: abort,
  })
  if (page.isClosed() || frame.isDetached()) abort()
  return { signal: controller.signal, stop }
}

function isWithin(frame: DriverFrame, outer: DriverFrame): boolean {
  let at: DriverFrame | undefined = frame
  for (let depth = 0; at && depth < 100; at = at.parent(), depth++) if (at === outer) return true
  return false
}
