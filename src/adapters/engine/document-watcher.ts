import { isSameDocumentCall } from '../../widgets/calls.js'
import { parseResult } from '../../widgets/parse.js'
import type { DriverFrame } from '../driver.js'
import type { Place } from './finder.js'
import { ownerOf } from './frame-url.js'
import { evaluateWithin } from './timeouts.js'
import type { SolveTools } from './tools.js'

/** Aborts as soon as the document is gone that an id was given in. */
export function watchDocument(
  { clock, evaluateMs }: Pick<SolveTools, 'clock' | 'evaluateMs'>,
  { page, frame, id, owner }: Pick<Place, 'page' | 'frame' | 'id' | 'owner'>,
): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController()
  const leave = () => controller.abort()
  const stop = page.watch({
    navigated(other) {
      if (other === frame) {
        if (ownerOf(frame) !== owner) return leave()
        // A new fragment, or the page's own history, keeps the document: ask it.
        void evaluateWithin(clock, frame, isSameDocumentCall(id), evaluateMs).then((reply) => {
          if (reply.ok ? parseResult(reply.value) !== 'ok' : reply.why === 'failed') leave()
        })
      }
    },
    detached(other) {
      if (isWithin(frame, other)) leave()
    },
    gone: leave,
  })
  if (page.isClosed() || frame.isDetached()) leave()
  return { signal: controller.signal, stop }
}

function isWithin(frame: DriverFrame, outer: DriverFrame): boolean {
  let at: DriverFrame | undefined = frame
  for (let depth = 0; at && depth < 100; at = at.parent(), depth++) if (at === outer) return true
  return false
}
