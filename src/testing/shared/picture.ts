import { crc32, deflateSync, inflateSync } from 'node:zlib'

/**
 * Pictures of digits for the stand-in site, and a reader for them. The reader reads the pixels, so its result shows
 * what was in the picture that a solver received.
 */

/** Seven rows of five bits for each digit. The leftmost column is the highest bit. */
const FONT: Readonly<Record<string, readonly number[]>> = {
  0: [14, 17, 19, 21, 25, 17, 14],
  1: [4, 12, 4, 4, 4, 4, 14],
  2: [14, 17, 1, 2, 4, 8, 31],
  3: [31, 2, 4, 2, 1, 17, 14],
  4: [2, 6, 10, 18, 31, 2, 2],
  5: [31, 16, 30, 1, 1, 17, 14],
  6: [6, 8, 16, 30, 17, 17, 14],
  7: [31, 1, 2, 4, 8, 8, 8],
  8: [14, 17, 17, 14, 17, 17, 14],
  9: [14, 17, 17, 15, 1, 2, 12],
}
const GLYPH_WIDTH = 5
const GLYPH_HEIGHT = 7
/** A bar left and right of the digits marks where they begin and how large they are: one dot wide, one dot of space. */
const BAR_WIDTH = 2
const MAX_SIDE = 4_000

/**
 * A PNG with digits in black on white, between two bars.
 *
 * @param scale the side of one dot, in pixels
 */
export function drawDigits(digits: string, scale = 5): Buffer {
  const columns = BAR_WIDTH + digits.length * (GLYPH_WIDTH + 1) + 1
  const width = (columns + 2) * scale
  const height = (GLYPH_HEIGHT + 2) * scale
  const dark = (column: number, row: number): boolean => {
    if (row < 0 || row >= GLYPH_HEIGHT || column < 0 || column >= columns) return false
    if (column === 0 || column === columns - 1) return true
    const at = column - BAR_WIDTH
    const glyph = FONT[digits[Math.floor(at / (GLYPH_WIDTH + 1))] ?? ''] ?? []
    const bit = at % (GLYPH_WIDTH + 1)
    return at >= 0 && bit < GLYPH_WIDTH && (((glyph[row] ?? 0) >> (GLYPH_WIDTH - 1 - bit)) & 1) === 1
  }
  const rows = Buffer.alloc((width + 1) * height, 255)
  for (let y = 0; y < height; y++) {
    rows[y * (width + 1)] = 0
    for (let x = 0; x < width; x++) {
      if (dark(Math.floor(x / scale) - 1, Math.floor(y / scale) - 1)) rows[y * (width + 1) + 1 + x] = 0
    }
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  // Eight bits of gray.
  head.set([8, 0, 0, 0, 0], 8)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** The digits of a picture of `drawDigits`, even if a browser has encoded it again; undefined if there are none. */
export function readDigits(png: Uint8Array): string | undefined {
  const image = decode(Buffer.from(png))
  if (!image) return undefined
  const { width, height, gray } = image
  const dark = (x: number, y: number) => (gray[Math.floor(y) * width + Math.floor(x)] ?? 255) < 128
  let [left, right, top, bottom] = [width, -1, height, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!dark(x, y)) continue
      left = Math.min(left, x)
      right = Math.max(right, x + 1)
      top = Math.min(top, y)
      bottom = Math.max(bottom, y + 1)
    }
  }
  const dot = (bottom - top) / GLYPH_HEIGHT
  const count = Math.round(((right - left) / dot - BAR_WIDTH - 1) / (GLYPH_WIDTH + 1))
  if (!(dot > 0) || count < 1 || count > 20) return undefined
  let digits = ''
  for (let at = 0; at < count; at++) {
    const glyph = Array.from({ length: GLYPH_HEIGHT }, (_, row) => {
      let bits = 0
      for (let bit = 0; bit < GLYPH_WIDTH; bit++) {
        const column = BAR_WIDTH + at * (GLYPH_WIDTH + 1) + bit
        bits = bits * 2 + (dark(left + (column + 0.5) * dot, top + (row + 0.5) * dot) ? 1 : 0)
      }
      return bits
    })
    const digit = Object.keys(FONT).find((name) => FONT[name]?.every((bits, row) => bits === glyph[row]))
    if (digit === undefined) return undefined
    digits += digit
  }
  return digits
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** Bytes for each pixel, by PNG color type: gray, RGB, RGB with alpha. Browsers write these three. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 6: 4 }

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  framed.set(body, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

/** The brightness of each pixel of a PNG with eight bits per sample; undefined for other PNGs and interlaced ones. */
function decode(png: Buffer): { width: number; height: number; gray: Uint8Array } | undefined {
  if (png.length < 33 || !png.subarray(0, 8).equals(SIGNATURE)) return undefined
  const [width, height, depth, colorType, interlaced] = [
    png.readUInt32BE(16),
    png.readUInt32BE(20),
    png[24],
    png[25] ?? -1,
    png[28],
  ]
  const samples = SAMPLES[colorType]
  if (depth !== 8 || interlaced !== 0 || !samples || width > MAX_SIDE || height > MAX_SIDE) return undefined
  const parts: Buffer[] = []
  for (let at = 8; at + 8 <= png.length; ) {
    const length = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  const stride = width * samples
  let rows: Buffer
  try {
    rows = inflateSync(Buffer.concat(parts), { maxOutputLength: (stride + 1) * height })
  } catch {
    return undefined
  }
  if (rows.length < (stride + 1) * height) return undefined
  const gray = new Uint8Array(width * height)
  let above = Buffer.alloc(stride)
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1)
    const row = Buffer.from(rows.subarray(start + 1, start + 1 + stride))
    unfilter(rows[start] ?? 0, row, above, samples)
    for (let x = 0; x < width; x++) gray[y * width + x] = row[x * samples + (samples > 1 ? 1 : 0)] ?? 0
    above = row
  }
  return { width, height, gray }
}

/** Reverses a PNG row's filter: each byte is the difference to a prediction from its neighbors. */
function unfilter(kind: number, row: Buffer, above: Buffer, samples: number): void {
  for (let at = 0; at < row.length; at++) {
    const left = at < samples ? 0 : (row[at - samples] ?? 0)
    const up = above[at] ?? 0
    const corner = at < samples ? 0 : (above[at - samples] ?? 0)
    const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][kind] ?? 0
    row[at] = ((row[at] ?? 0) + predicted) & 255
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [l, u, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return l <= u && l <= c ? left : u <= c ? up : corner
}
