import type { FrameHint } from '../../widgets/page-kit/protocol.js'
import { WIDGETS } from '../../widgets/table.js'
import type { DriverFrame, DriverPage } from '../driver.js'
import type { FrameElementReader } from './frame-url.js'

/** A vendor's frame. */
export interface VendorFrame extends FrameHint {
  readonly frame: DriverFrame
}

export const MAX_FRAMES = 100
const MAX_HINTS = 50

const WIDGET_FAMILIES = Object.values(WIDGETS)

/** Whether an address is that of a vendor's own frame: a sign of a widget, and nothing that we look into. */
export function isVendorFrame(address: string): boolean {
  if (!URL.canParse(address)) return false
  const url = new URL(address)
  return /^https?:$/.test(url.protocol) && WIDGET_FAMILIES.some((widget) => widget.isVendorFrame(url))
}

/** Whether the document around a vendor's frame has put it there as that. */
export async function isPlacedByDocument(frame: DriverFrame, holderOf: FrameElementReader): Promise<boolean> {
  const { src } = await holderOf(frame)
  const around = frame.parent()?.url()
  if (typeof src !== 'string' || !URL.canParse(src, around)) return false
  return !frame.isDetached() && isVendorFrame(new URL(src, around).href)
}

/** The frames that are looked into, each with the vendors' frames right below it. */
export function scannedFrames(page: DriverPage): ReadonlyMap<DriverFrame, readonly VendorFrame[]> {
  const hints = new Map<DriverFrame, VendorFrame[]>()
  const own: DriverFrame[] = []
  for (const frame of page.frames().slice(0, MAX_FRAMES)) {
    const parent = frame.parent()
    if (parent && isVendorFrame(frame.url())) addHint(hints, parent, frame)
    else own.push(frame)
  }
  return new Map(own.map((frame) => [frame, hints.get(frame) ?? []]))
}

function addHint(hints: Map<DriverFrame, VendorFrame[]>, parent: DriverFrame, frame: DriverFrame): void {
  const known = hints.get(parent) ?? []
  const [name, url] = [frame.name(), frame.url()]
  if (known.length < MAX_HINTS && name.length < 200 && url.length < 4_096) known.push({ name, url, frame })
  hints.set(parent, known)
}
