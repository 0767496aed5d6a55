/** How many parts a body may have. */
const MAX_PARTS = 200
const MAX_HEADER_BYTES = 4_096

/**
 * The boundary that a content type names; undefined if it is not that of a multipart form.
 *
 * @example
 * boundaryOf('multipart/form-data; boundary=x7') // 'x7'
 */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\b/i.test(contentType)) return undefined
  const found = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType)
  return found?.[1] ?? found?.[2]
}

/**
 * The fields of a multipart form (RFC 7578), files in base64. Never throws.
 * @returns undefined if the body is cut off, or is no such form
 */
export function parseMultipart(body: Buffer, boundary: string): Record<string, string> | undefined {
  const delimiter = Buffer.from(`--${boundary}`)
  const fields: Record<string, string> = Object.create(null)
  let at = body.indexOf(delimiter)
  for (let part = 0; at >= 0 && part < MAX_PARTS; part++) {
    at += delimiter.length
    if (body.toString('latin1', at, at + 2) === '--') return { ...fields }
    const headEnd = body.indexOf('\r\n\r\n', at)
    if (headEnd < 0 || headEnd - at > MAX_HEADER_BYTES) return undefined
    const next = body.indexOf(`\r\n--${boundary}`, headEnd + 2)
    if (next < 0) return undefined
    const disposition = /^content-disposition:([^\r\n]*)/im.exec(body.toString('utf8', at, headEnd))?.[1] ?? ''
    const name = parameter(disposition, 'name')
    const value = body.subarray(headEnd + 4, Math.max(next, headEnd + 4))
    if (name !== undefined) {
      fields[name] = value.toString(parameter(disposition, 'filename') === undefined ? 'utf8' : 'base64')
    }
    at = next + 2
  }
  return undefined
}

function parameter(disposition: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^\\s;"]+))`, 'i').exec(disposition)
  return found?.[1] ?? found?.[2]
}
