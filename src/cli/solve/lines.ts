import { BoundedBytes } from '../../base/bounded-bytes.js'
import { SolveguardError } from '../../base/errors.js'

/** The longest line, in bytes: a challenge with a picture. */
const MAX_LINE_BYTES = 2 * 1024 * 1024
const NEWLINE = 0x0a

/** A line of input: its number from 1, and a JSON object or what is wrong with it. */
export type InputLine = { readonly line: number } & (
  | { readonly value: object; readonly error?: undefined }
  | { readonly error: SolveguardError }
)

/** Reads JSON objects, one a line. Memory does not depend on the length of a line. Empty lines are left out. */
export async function* readJsonLines(stream: AsyncIterable<unknown>): AsyncGenerator<InputLine, void, undefined> {
  let bytes = new BoundedBytes(MAX_LINE_BYTES)
  let fits = true
  let line = 1
  const end = (): InputLine | undefined => {
    const found = fits ? parse(line, bytes.toString()) : tooLong(line)
    bytes = new BoundedBytes(MAX_LINE_BYTES)
    fits = true
    line++
    return found
  }
  for await (const chunk of stream) {
    const data = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
    let start = 0
    for (let at = data.indexOf(NEWLINE); ; at = data.indexOf(NEWLINE, start)) {
      const piece = data.subarray(start, at < 0 ? undefined : at)
      fits &&= bytes.add(piece)
      if (at < 0) break
      start = at + 1
      const found = end()
      if (found) yield found
    }
  }
  const last = end()
  if (last) yield last
}

function parse(line: number, untrimmed: string): InputLine | undefined {
  const text = untrimmed.trim()
  if (text === '') return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { line, value }
  } catch {}
  return { line, error: invalid(line, 'it is no JSON object') }
}

function tooLong(line: number): InputLine {
  return { line, error: invalid(line, `it has more than ${MAX_LINE_BYTES} bytes`) }
}

function invalid(line: number, why: string): SolveguardError {
  return new SolveguardError('CHALLENGE_INVALID', `Line ${line} is not a challenge: ${why}.`)
}
