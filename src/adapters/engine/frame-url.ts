import type { Challenge } from '../../base/challenge.js'
import type { DriverFrame, FrameElementReading } from '../driver.js'

const MAX_URL_LENGTH = 2_048

/**
 * The address that a frame's widget is judged by, and that a solver is told. A frame without an address of its own
 * (`about:blank`, `about:srcdoc`) has the origin of the page around it, unless it was sandboxed or came from elsewhere:
 * then its bare address is left, which no policy names.
 */
export function frameUrl(frame: DriverFrame, origin: string): string {
  const url = frame.url()
  if (!isBlankUrl(url)) return boundedUrl(url)
  let above = frame.parent()
  for (let depth = 0; above && depth < 100; above = above.parent(), depth++) {
    const around = above.url()
    if (!/^https?:/.test(around)) continue
    return originOf(around) === origin ? boundedUrl(around) : url || 'about:blank'
  }
  return url || 'about:blank'
}

/** Whether a frame has no address of its own. */
export const isBlankUrl = (url: string): boolean => url === '' || url.startsWith('about:')

/** What `location.origin` says for an address. */
function originOf(address: string): string {
  return URL.canParse(address) ? new URL(address).origin : 'null'
}

/** Whose document stands in a frame, by the browser's word: its origin, or the bare address of one that is of no site. */
export function documentOriginOf(frame: DriverFrame): string {
  const url = frame.url()
  return /^https?:/.test(url) ? originOf(url) : boundedUrl(url)
}

/** The origins that a widget is judged by. */
export function checkedOrigins({ pageUrl, frameUrl }: Challenge): string {
  return `${originOf(pageUrl)} ${frameUrl === undefined ? '' : originOf(frameUrl)}`
}

/** An address without its fragment, which stays in the browser and may hold secrets; an overlong one without its query. */
export function boundedUrl(url: string): string {
  const [address = ''] = url.split('#', 1)
  return address.length <= MAX_URL_LENGTH ? address : (address.split('?', 1)[0] ?? '').slice(0, MAX_URL_LENGTH + 1)
}

/** What is asked of the document around a frame; nothing where it does not say. Bounded in time. */
export type FrameElementReader = (frame: DriverFrame) => Promise<Partial<FrameElementReading>>

/**
 * The origin of a frame that has no address of its own. A page in it may say that it is whose it likes, so the document around it is asked
 * whether it may read it, and the one around that, up to one that has an address.
 *
 * @param said what the page itself says: taken where the tool cannot ask
 */
export async function inheritedOrigin(frame: DriverFrame, said: string, holderOf: FrameElementReader): Promise<string> {
  const told = frame.origin?.()
  if (told !== undefined) return told
  let at: DriverFrame | undefined = frame
  for (let depth = 0; at && isBlankUrl(at.url()) && depth < 100; at = at.parent(), depth++) {
    if (!at.frameElement) return said
    if ((await holderOf(at)).readable !== true) return 'null'
  }
  return at ? originOf(at.url()) : 'null'
}
