/**
 * Run inside the page, as texts: so they refer to nothing outside themselves. What they give is as little to be believed as all that a
 * page says.
 */

/** What `pictureOf` gives instead of a picture. */
export const BROKEN = 'broken'
export const TAKE_SCREENSHOT = 'take-one'

/**
 * The picture that an element shows, as a data URI: its own, or that of the one `img` or `canvas` in it. `take-one` where the page may not
 * read it (it is from another origin, or drawn by other means): then it has to be seen from outside. `broken` where it did not load.
 */
export async function readPicture(element: Element): Promise<string> {
  const pictures = element.matches('img,canvas') ? [element] : [...element.querySelectorAll('img,canvas')]
  const [picture] = pictures
  if (!picture || pictures.length > 1) return 'take-one'
  try {
    if (picture.localName === 'canvas') return (picture as HTMLCanvasElement).toDataURL('image/png')
    const image = picture as HTMLImageElement
    // To ask the server for it again would change it: many draw a new one for each request.
    if (/^data:image\/(?:png|jpeg|gif);base64,/.test(image.currentSrc)) return image.currentSrc
    await image.decode()
    const { naturalWidth: width, naturalHeight: height } = image
    if (width > 4_000 || height > 4_000) return 'take-one'
    const canvas = image.ownerDocument.createElement('canvas')
    canvas.width = width
    canvas.height = height
    canvas.getContext('2d')?.drawImage(image, 0, 0)
    return canvas.toDataURL('image/png')
  } catch {
    const image = picture as HTMLImageElement
    return image.localName === 'img' && !image.naturalWidth ? 'broken' : 'take-one'
  }
}

/** What is written in an element, as it is seen. */
export function readText(element: Element): string {
  return (element as HTMLElement).innerText ?? element.textContent ?? ''
}
