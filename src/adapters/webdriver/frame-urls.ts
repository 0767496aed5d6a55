import type { SessionCommands } from './session.js'

const MAX_FRAMES = 1_000
const MAX_DEPTH = 50

/** The URLs of the current window's frames, as the browser itself reports them. */
export interface FrameUrls {
  /** The page's own. */
  readonly top: string
  /** By the browser's id of a frame. */
  readonly frames: ReadonlyMap<string, string>
}

/**
 * Reads the URLs of the current window's frames through the DevTools protocol. chromedriver's own commands run scripts
 * in the page, which may return anything.
 */
export async function readFrameUrls(cdp: NonNullable<SessionCommands['cdp']>): Promise<FrameUrls | undefined> {
  const frames = new Map<string, string>()
  const { frameTree } = object(await cdp('Page.getFrameTree', {}))
  const top = add(object(frameTree), 0)
  // Frames in other processes are not in that tree, but are targets.
  const { targetInfos } = object(await cdp('Target.getTargets', {}).catch(() => undefined))
  for (const target of Array.isArray(targetInfos) ? targetInfos.slice(0, MAX_FRAMES) : []) {
    const { targetId, type, url } = object(target)
    if (type === 'iframe' && typeof targetId === 'string' && typeof url === 'string') frames.set(targetId, url)
  }
  return top === undefined ? undefined : { top, frames }

  function add({ frame, childFrames }: Record<string, unknown>, depth: number): string | undefined {
    const { id, url } = object(frame)
    if (typeof id !== 'string' || typeof url !== 'string' || frames.size >= MAX_FRAMES) return undefined
    frames.set(id, url)
    if (depth < MAX_DEPTH && Array.isArray(childFrames)) for (const child of childFrames) add(object(child), depth + 1)
    return url
  }
}

/** The URL of the page in the current window: from the browser, where chromedriver would run a script in the page. */
export async function readPageUrl({ cdp, url }: Pick<SessionCommands, 'cdp' | 'url'>): Promise<string> {
  if (!cdp) return url()
  const { frameTree } = object(await cdp('Page.getFrameTree', {}))
  const read = object(object(frameTree).frame).url
  return typeof read === 'string' ? read : ''
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
