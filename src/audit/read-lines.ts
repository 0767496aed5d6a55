import type { FileHandle } from 'node:fs/promises'

/** The longest line that is read, bytes. Records are far shorter. */
export const MAX_LINE_BYTES = 1024 * 1024

const CHUNK = 256 * 1024
const NEWLINE = 0x0a

/** One line of a file, without its newline. The buffer is valid until the next line is read. */
export interface Line {
  readonly bytes: Buffer
  /** How it ends: `cut` has no newline after it; `long` is above the bound, and is the last one returned. */
  readonly end: 'whole' | 'cut' | 'long'
}

/**
 * The lines of a file, read in chunks: memory does not depend on the length of the file or a line. Reads what the file
 * held at the start and, where that ends within a line because a process is writing it, the rest of that line.
 */
export async function* readLines(file: FileHandle): AsyncGenerator<Line, void, undefined> {
  const { size } = await file.stat()
  const chunk = Buffer.allocUnsafe(CHUNK)
  let tail: Buffer = Buffer.alloc(0)
  let position = 0
  while (position < size || tail.length > 0) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK, position)
    if (bytesRead === 0) break
    position += bytesRead
    const data = chunk.subarray(0, bytesRead)
    let start = 0
    for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, start)) {
      const piece = data.subarray(start, end)
      const bytes = tail.length === 0 ? piece : Buffer.concat([tail, piece])
      tail = tail.subarray(0, 0)
      start = end + 1
      yield { bytes, end: bytes.length > MAX_LINE_BYTES ? 'long' : 'whole' }
      if (bytes.length > MAX_LINE_BYTES) return
    }
    // A copy: the next read overwrites the chunk.
    tail = Buffer.concat([tail, data.subarray(start)])
    if (tail.length > MAX_LINE_BYTES) {
      yield { bytes: tail, end: 'long' }
      return
    }
  }
  if (tail.length > 0) yield { bytes: tail, end: 'cut' }
}
