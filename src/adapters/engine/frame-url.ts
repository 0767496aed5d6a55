import type { Challenge } from '../../base/challenge.js'
import type { DriverFrame, FrameElementReading } from '../driver.js'

const MAX_URL_LENGTH = 2_048

/**
 * The URL against which a frame's widget is checked, and which the solver gets. A frame without a URL of its own
 * (`about:blank`, `about:srcdoc`) has the origin of its parent page, unless it was sandboxed or comes from another
 * origin: then its bare URL remains, which no policy names.
 */
export function frameUrl(frame: DriverFrame, origin: string): string {
  const url = frame.url()
  if (!isBlankUrl(url)) return boundedUrl(url)
  let above = frame.parent()
  for (let depth = 0; above && depth < 100; above = above.parent(), depth++) {
    const parentUrl = above.url()
    if (!/^https?:/.test(parentUrl)) continue
    return originOf(parentUrl) === origin ? boundedUrl(parentUrl) : url || 'about:blank'
  }
  return url || 'about:blank'
}

/** Whether a frame has no URL of its own. */
export const isBlankUrl = (url: string): boolean => url === '' || url.startsWith('about:')

/** What `location.origin` is for a URL. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'null'
}

/** The origin of a frame's document as the browser reports it; for one that has no web origin, its bare URL. */
export function documentOriginOf(frame: DriverFrame): string {
  const url = frame.url()
  return /^https?:/.test(url) ? originOf(url) : boundedUrl(url)
}

/** The origins against which a widget is checked. */
export function checkedOrigins({ pageUrl, frameUrl }: Challenge): string {
  return `${originOf(pageUrl)} ${frameUrl === undefined ? '' : originOf(frameUrl)}`
}

/**
 * A URL without its fragment, which stays in the browser and may hold secrets. A URL that is too long loses its query
 * as well.
 */
export function boundedUrl(url: string): string {
  const [address = ''] = url.split('#', 1)
  return address.length <= MAX_URL_LENGTH ? address : (address.split('?', 1)[0] ?? '').slice(0, MAX_URL_LENGTH + 1)
}

/** Reads a frame's element in its parent document. Resolves to `{}` where that fails or takes too long. */
export type FrameElementReader = (frame: DriverFrame) => Promise<Partial<FrameElementReading>>

/**
 * The origin of a frame that has no URL of its own. A page in it may report any origin, so the documents around it are
 * asked whether they may read the one below, beginning with the one that has a URL: each is asked only after the one
 * around it has shown that it is of the same origin.
 *
 * @returns undefined if one of them did not reply
 */
export async function inheritedOrigin(
  frame: DriverFrame,
  readElement: FrameElementReader,
): Promise<string | undefined> {
  const blank: DriverFrame[] = []
  let at: DriverFrame | undefined = frame
  for (; at && isBlankUrl(at.url()) && blank.length < 100; at = at.parent()) blank.unshift(at)
  for (const one of blank) {
    const { readable } = await readElement(one)
    if (!readable) return readable === false ? 'null' : undefined
  }
  return at ? originOf(at.url()) : 'null'
}
