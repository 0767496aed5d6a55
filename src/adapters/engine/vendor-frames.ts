import type { WidgetFamily } from '../../base/challenge.js'
import type { FrameHint } from '../../widgets/page-kit/protocol.js'
import { WIDGETS } from '../../widgets/table.js'
import type { DriverFrame, DriverPage } from '../driver.js'
import type { FrameElementReader } from './frame-url.js'

/** A vendor's frame. */
export interface VendorFrame extends FrameHint {
  readonly frame: DriverFrame
}

export const MAX_SCANNED_FRAMES = 100
const MAX_VENDOR_FRAMES = 50
const MAX_NAME_LENGTH = 200
const MAX_URL_LENGTH = 4_096

const WIDGET_FAMILIES = Object.values(WIDGETS)

/** Whether a URL is that of a vendor's own frame: evidence of a widget, and not scanned itself. */
export function isVendorFrame(address: string): boolean {
  return familyOf(address) !== undefined
}

function familyOf(address: string): WidgetFamily | undefined {
  if (!URL.canParse(address)) return undefined
  const url = new URL(address)
  if (!/^https?:$/.test(url.protocol)) return undefined
  return WIDGET_FAMILIES.find((widget) => widget.isVendorFrame(url))?.family
}

/** The families to which vendors' frames belong. */
export function familiesOf(vendorFrames: readonly VendorFrame[]): readonly WidgetFamily[] {
  return [...new Set(vendorFrames.flatMap(({ url }) => familyOf(url) ?? []))]
}

/** Whether the parent document itself loaded a vendor's URL into a frame; a frame may also navigate there by itself. */
export async function isPlacedByDocument(frame: DriverFrame, readElement: FrameElementReader): Promise<boolean> {
  const { src } = await readElement(frame)
  const parentUrl = frame.parent()?.url()
  if (typeof src !== 'string' || !URL.canParse(src, parentUrl)) return false
  return !frame.isDetached() && isVendorFrame(new URL(src, parentUrl).href)
}

/** The frames to scan, each with the vendors' frames that are its children. */
export function scannedFrames(page: DriverPage): ReadonlyMap<DriverFrame, readonly VendorFrame[]> {
  const vendorFrames = new Map<DriverFrame, VendorFrame[]>()
  const scanned: DriverFrame[] = []
  for (const frame of page.frames().slice(0, MAX_SCANNED_FRAMES)) {
    const parent = frame.parent()
    if (parent && isVendorFrame(frame.url())) addVendorFrame(vendorFrames, parent, frame)
    else scanned.push(frame)
  }
  return new Map(scanned.map((frame) => [frame, vendorFrames.get(frame) ?? []]))
}

function addVendorFrame(byParent: Map<DriverFrame, VendorFrame[]>, parent: DriverFrame, frame: DriverFrame): void {
  const known = byParent.get(parent) ?? []
  const [name, url] = [frame.name(), frame.url()]
  const fits = known.length < MAX_VENDOR_FRAMES && name.length < MAX_NAME_LENGTH && url.length < MAX_URL_LENGTH
  if (fits) known.push({ name, url, frame })
  byParent.set(parent, known)
}
