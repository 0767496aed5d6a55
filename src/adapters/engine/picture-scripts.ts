/**
 * Functions that run inside the page, sent as text: so they refer to nothing outside themselves. What they return is
 * untrusted, like everything that a page reports. They bound it, for tools that call them by none of the page's
 * functions.
 */

/** What `readPicture` returns instead of a picture. */
export const BROKEN = 'broken'
export const TAKE_SCREENSHOT = 'take-screenshot'

/**
 * The picture that an element shows, as a data URI: its own, or that of the one `img` or `canvas` in it.
 * `take-screenshot` where the page may not read it (it is from another origin, or drawn by other means). `broken`
 * where it did not load.
 */
export async function readPicture(element: Element): Promise<string> {
  const pictures = element.matches('img,canvas') ? [element] : [...element.querySelectorAll('img,canvas')]
  const [picture] = pictures
  if (!picture || pictures.length > 1) return 'take-screenshot'
  try {
    const bounded = (uri: unknown): string =>
      typeof uri === 'string' && uri.length <= 1_400_000 ? uri : 'take-screenshot'
    if (picture.localName === 'canvas') return bounded((picture as HTMLCanvasElement).toDataURL('image/png'))
    const image = picture as HTMLImageElement
    // No second request to the server: many servers draw a new picture for each.
    if (/^data:image\/(?:png|jpeg|gif);base64,/.test(image.currentSrc)) return bounded(image.currentSrc)
    await image.decode()
    const { naturalWidth: width, naturalHeight: height } = image
    if (width > 4_000 || height > 4_000) return 'take-screenshot'
    const canvas = image.ownerDocument.createElement('canvas')
    canvas.width = width
    canvas.height = height
    canvas.getContext('2d')?.drawImage(image, 0, 0)
    return bounded(canvas.toDataURL('image/png'))
  } catch {
    const image = picture as HTMLImageElement
    return image.localName === 'img' && !image.naturalWidth ? 'broken' : 'take-screenshot'
  }
}

/** The text of an element, as it is rendered. */
export function readText(element: Element): string {
  const text: unknown = (element as HTMLElement).innerText ?? element.textContent
  return typeof text === 'string' && text.length <= 10_000 ? text : ''
}

/**
 * Puts text into a field in place of what is in it, with the events of typing. By a call in the field's own document:
 * keys would go to whatever document has the focus by then.
 *
 * @returns false if nothing can be typed into the element
 */
export function fillField(element: Element, text: string): boolean {
  const field = element as HTMLInputElement
  const { ownerDocument } = element
  const isField = 'value' in field && 'select' in field
  if (isField ? field.disabled || field.readOnly : !(element as HTMLElement).isContentEditable) return false
  field.focus()
  if (isField) field.select()
  else ownerDocument.getSelection()?.selectAllChildren(element)
  const { activeElement } = element.getRootNode() as Document | ShadowRoot
  if (!element.isConnected || activeElement !== element) return false
  // As typing does, this fires trusted events, obeys `maxlength`, and can be undone.
  if (ownerDocument.execCommand('insertText', false, text)) return true
  if (!isField) return false
  // Some fields take no such command. A page's own setter, as React has one, must not see this as its own doing.
  const owner = field.localName === 'textarea' ? HTMLTextAreaElement : HTMLInputElement
  Object.getOwnPropertyDescriptor(owner.prototype, 'value')?.set?.call(field, text)
  field.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true, inputType: 'insertText', data: text }))
  field.dispatchEvent(new Event('change', { bubbles: true }))
  return true
}
